/**
 * The turns of messages as a chat conversation: one turn may become several messages, since tool results stand alone in
 * chat.
 */
import { badField, isAbsent, isFields, needFields, needList, needText, untranslatable, type Fields } from '../field.ts'

/** @throws {Fault} HF_BAD_CALL */
export function toChatMessages(system: unknown, turns: readonly unknown[]): Fields[] {
  const messages = isAbsent(system) ? [] : systemMessage(system, 'system')
  for (const [index, value] of turns.entries()) {
    const param = `messages[${index}]`
    const turn = needFields(value, param)
    const content = `${param}.content`
    if (turn['role'] === 'user') messages.push(...userMessages(turn['content'], content))
    else if (turn['role'] === 'assistant') messages.push(...assistantMessage(turn['content'], content))
    else if (turn['role'] === 'system') messages.push(...systemMessage(turn['content'], content))
    else throw badField(`${param}.role`, 'must be user, assistant or system')
  }
  return messages
}

/** One string, since many chat templates take nothing else here. */
function systemMessage(content: unknown, param: string): Fields[] {
  const text =
    typeof content === 'string'
      ? content
      : needList(content, param)
          .map((block, index) => textOf(block, `${param}[${index}]`))
          .join('\n\n')
  return text === '' ? [] : [{ role: 'system', content: text }]
}

function textOf(value: unknown, param: string): string {
  const block = needFields(value, param)
  if (block['type'] !== 'text') throw badField(`${param}.type`, 'must be text here')
  return needText(block['text'], `${param}.text`)
}

function userMessages(content: unknown, param: string): Fields[] {
  if (typeof content === 'string') return [{ role: 'user', content }]
  const results: Fields[] = []
  const parts: Fields[] = []
  for (const [index, value] of needList(content, param).entries()) {
    const place = `${param}[${index}]`
    const block = needFields(value, place)
    if (block['type'] === 'tool_result') results.push(toolMessage(block, place, parts))
    else parts.push(...toParts(block, place))
  }
  const hasWords = parts.length > 0 || results.length === 0
  return hasWords ? [...results, { role: 'user', content: simplest(parts) }] : results
}

/** Many chat templates take a string only, so a lone text is one. */
function simplest(parts: readonly Fields[]): unknown {
  const [first] = parts
  return parts.length === 1 && first?.['type'] === 'text' ? first['text'] : parts
}

/** Tool messages hold text only; images of a result go to `aside`, the user message that follows. */
function toolMessage(block: Fields, param: string, aside: Fields[]): Fields {
  const id = needText(block['tool_use_id'], `${param}.tool_use_id`)
  const { content } = block
  if (isAbsent(content)) return { role: 'tool', tool_call_id: id, content: '' }
  if (typeof content === 'string') return { role: 'tool', tool_call_id: id, content }
  const parts = needList(content, `${param}.content`).flatMap((value, index) => {
    const place = `${param}.content[${index}]`
    return toParts(needFields(value, place), place)
  })
  const texts = parts.filter((part) => part['type'] === 'text')
  aside.push(...parts.filter((part) => part['type'] !== 'text'))
  return { role: 'tool', tool_call_id: id, content: texts.map((part) => part['text']).join('\n') }
}

function toParts(block: Fields, param: string): Fields[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: needText(block['text'], `${param}.text`) }]
    case 'image':
      return [
        {
          type: 'image_url',
          image_url: { url: toUrl(needFields(block['source'], `${param}.source`), `${param}.source`) },
        },
      ]
    case 'document':
      return toDocument(block, param)
    default:
      throw untranslatable(`${param}.type`, 'which takes text, images, documents and tool results')
  }
}

function toUrl(source: Fields, param: string): string {
  if (source['type'] === 'url') return needText(source['url'], `${param}.url`)
  if (source['type'] !== 'base64') throw untranslatable(`${param}.type`, 'which takes base64 and url')
  return `data:${needText(source['media_type'], `${param}.media_type`)};base64,${needText(source['data'], `${param}.data`)}`
}

function toDocument(block: Fields, param: string): Fields[] {
  const place = `${param}.source`
  const source = needFields(block['source'], place)
  const title = typeof block['title'] === 'string' ? block['title'] : 'document.pdf'
  switch (source['type']) {
    case 'text':
      return [{ type: 'text', text: needText(source['data'], `${place}.data`) }]
    case 'base64':
      return [{ type: 'file', file: { filename: title, file_data: toUrl(source, place) } }]
    case 'content': {
      const { content } = source
      if (typeof content === 'string') return [{ type: 'text', text: content }]
      return needList(content, `${place}.content`).flatMap((value, index) => {
        const inner = `${place}.content[${index}]`
        return toParts(needFields(value, inner), inner)
      })
    }
    default:
      throw untranslatable(`${place}.type`, 'which takes documents as text or base64')
  }
}

function assistantMessage(content: unknown, param: string): Fields[] {
  if (typeof content === 'string') return [{ role: 'assistant', content }]
  const texts: string[] = []
  const thoughts: string[] = []
  const calls: Fields[] = []
  for (const [index, value] of needList(content, param).entries()) {
    const place = `${param}[${index}]`
    const block = needFields(value, place)
    if (block['type'] === 'text') texts.push(needText(block['text'], `${place}.text`))
    else if (block['type'] === 'thinking') thoughts.push(...ownThought(block))
    else if (block['type'] === 'tool_use') calls.push(toolCall(block, place))
    else if (block['type'] !== 'redacted_thinking')
      throw untranslatable(`${place}.type`, 'which knows text, thinking and tool calls only')
  }
  if (texts.length + thoughts.length + calls.length === 0) return []
  return [
    {
      role: 'assistant',
      content: texts.length > 0 || calls.length === 0 ? texts.join('') : null,
      ...(thoughts.length > 0 && { reasoning_content: thoughts.join('') }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  ]
}

/** A signature says that another vendor's model thought it; without one it is what such a server told through us. */
function ownThought(block: Fields): string[] {
  return typeof block['thinking'] === 'string' && !block['signature'] ? [block['thinking']] : []
}

function toolCall(block: Fields, param: string): Fields {
  const input = isFields(block['input']) ? block['input'] : {}
  const spec = { name: needText(block['name'], `${param}.name`), arguments: JSON.stringify(input) }
  return { id: needText(block['id'], `${param}.id`), type: 'function', function: spec }
}
