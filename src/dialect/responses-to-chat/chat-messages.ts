/** The items of a responses call as a chat conversation: what the model said in a row becomes one assistant message. */
import { badField, isAbsent, isFields, needFields, needList, needText, untranslatable, type Fields } from '../field.ts'

type Message = Record<string, unknown>

/** @throws {Fault} HF_BAD_CALL */
export function toChatMessages(instructions: unknown, input: unknown): Fields[] {
  const messages: Message[] = []
  if (!isAbsent(instructions)) addSystem(messages, needText(instructions, 'instructions'))
  if (typeof input === 'string') messages.push({ role: 'user', content: input })
  else if (!isAbsent(input)) {
    for (const [index, value] of needList(input, 'input').entries()) addItem(messages, value, `input[${index}]`)
  }
  return messages
}

function addItem(messages: Message[], value: unknown, param: string): void {
  const item = needFields(value, param)
  switch (item['type'] ?? 'message') {
    case 'message':
      return addMessage(messages, item, param)
    case 'function_call': {
      const spec = {
        name: needText(item['name'], `${param}.name`),
        arguments: needText(item['arguments'], `${param}.arguments`),
      }
      const said = assistantOf(messages)
      const calls = Array.isArray(said['tool_calls']) ? said['tool_calls'] : []
      said['tool_calls'] = [
        ...calls,
        { id: needText(item['call_id'], `${param}.call_id`), type: 'function', function: spec },
      ]
      return
    }
    case 'function_call_output':
      messages.push(toolMessage(item, param))
      return
    case 'reasoning':
      return addReasoning(messages, item)
    default:
      throw untranslatable(`${param}.type`, 'which takes messages, function calls, their outputs and reasoning')
  }
}

function addMessage(messages: Message[], item: Fields, param: string): void {
  const { role, content } = item
  const place = `${param}.content`
  if (role === 'system' || role === 'developer') addSystem(messages, toText(content, place))
  else if (role === 'user') messages.push({ role, content: toContent(content, place) })
  else if (role === 'assistant') {
    const last = messages.at(-1)
    // Reasoning and the words that came of it are one message; words after words are another.
    const said = last && isOpenThought(last) ? last : { role, content: null }
    if (said !== last) messages.push(said)
    said['content'] = toText(content, place)
  } else throw badField(`${param}.role`, 'must be user, assistant, system or developer')
}

/** Leading ones are joined: many chat templates take one system message, and only at the start. */
function addSystem(messages: Message[], text: string): void {
  const [first] = messages
  if (text === '') return
  if (messages.length === 1 && first?.['role'] === 'system') first['content'] = `${String(first['content'])}\n\n${text}`
  else messages.push({ role: 'system', content: text })
}

/** The assistant message at the end, a new one if the last word was another's. */
function assistantOf(messages: Message[]): Message {
  const last = messages.at(-1)
  if (last?.['role'] === 'assistant') return last
  const said = { role: 'assistant', content: null }
  messages.push(said)
  return said
}

function isOpenThought(message: Message): boolean {
  return message['role'] === 'assistant' && message['content'] === null && !message['tool_calls']
}

/** Thoughts in the clear came from such a server through us; encrypted ones are another's. */
function addReasoning(messages: Message[], item: Fields): void {
  if (!Array.isArray(item['content'])) return
  const text = item['content']
    .map((part) => (isFields(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
  if (text !== '') messages.push({ role: 'assistant', content: null, reasoning_content: text })
}

function toolMessage(item: Fields, param: string): Message {
  const { output } = item
  const content = typeof output === 'string' ? output : toText(output, `${param}.output`)
  return { role: 'tool', tool_call_id: needText(item['call_id'], `${param}.call_id`), content }
}

/** Where chat takes text only. */
function toText(content: unknown, param: string): string {
  if (typeof content === 'string') return content
  const texts = needList(content, param).map((value, index) => {
    const place = `${param}[${index}]`
    const part = toPart(needFields(value, place), place)
    if (part['type'] !== 'text') throw untranslatable(`${place}.type`, 'which takes text only here')
    return part['text']
  })
  return texts.join('')
}

function toContent(content: unknown, param: string): unknown {
  if (typeof content === 'string') return content
  const parts = needList(content, param).map((value, index) =>
    toPart(needFields(value, `${param}[${index}]`), `${param}[${index}]`),
  )
  const [first] = parts
  return parts.length === 1 && first?.['type'] === 'text' ? first['text'] : parts
}

function toPart(part: Fields, param: string): Fields {
  switch (part['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: needText(part['text'], `${param}.text`) }
    case 'refusal':
      return { type: 'text', text: needText(part['refusal'], `${param}.refusal`) }
    case 'input_image': {
      if (isAbsent(part['image_url']))
        throw untranslatable(`${param}.file_id`, 'whose files are its own: send image_url')
      const detail = isAbsent(part['detail']) ? {} : { detail: part['detail'] }
      return { type: 'image_url', image_url: { url: needText(part['image_url'], `${param}.image_url`), ...detail } }
    }
    case 'input_file': {
      if (isAbsent(part['file_data'])) throw untranslatable(`${param}.type`, 'whose files are its own: send file_data')
      return { type: 'file', file: { filename: part['filename'] ?? 'file', file_data: part['file_data'] } }
    }
    default:
      throw untranslatable(`${param}.type`, 'which takes text, images and files')
  }
}
