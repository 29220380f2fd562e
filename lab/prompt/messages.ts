/**
 * The messages of the three dialects, as one list of plain texts. What is not text is kept as a word that stands for
 * it.
 */
import { isFields, listField, textField, type Fields } from '../sim/field.ts'
import { Refusal } from '../sim/refusal.ts'
import type { Message } from './prompt.ts'

const roles: Readonly<Record<string, Message['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
}

/** The text of a content: itself, or its text parts put together; an image is `<image>`, any other part its type. */
function contentText(content: unknown, name: string): string {
  if (content === undefined || content === null) return ''
  if (typeof content === 'string') return content
  if (!Array.isArray(content))
    throw new Refusal('bad_request', `Input should be a valid string or list: ${name}`, { param: name })
  return content.map((part) => partText(part, name)).join('')
}

function partText(part: unknown, name: string): string {
  if (!isFields(part))
    throw new Refusal('bad_request', `Input should be an object with a type: ${name}`, { param: name })
  if (typeof part.text === 'string') return part.text
  if (part.type === 'tool_result') return contentText(part.content, name)
  if (part.type === 'tool_use') return JSON.stringify({ name: part.name, arguments: part.input })
  return typeof part.type === 'string' && part.type.includes('image') ? '<image>' : `<${String(part.type)}>`
}

function messageItems(fields: Fields, name: string): readonly Fields[] {
  const items = listField(fields, name)
  if (!items || items.length === 0) throw new Refusal('bad_request', `Field required: ${name}`, { param: name })
  return items.map((item, at) => {
    if (isFields(item)) return item
    throw new Refusal('bad_request', `Input should be an object: ${name}.${at}`, { param: `${name}.${at}` })
  })
}

/** Messages of OpenAI's chat completions. @throws {Refusal} */
export function chatMessages(fields: Fields): Message[] {
  return messageItems(fields, 'messages').map((item, at) => {
    const role = roles[String(item.role)]
    if (!role) throw new Refusal('bad_request', `Unknown role: ${String(item.role)}`, { param: `messages.${at}.role` })
    const calls = item.tool_calls === undefined || item.tool_calls === null ? '' : JSON.stringify(item.tool_calls)
    return { role, text: contentText(item.content, `messages.${at}.content`) + calls }
  })
}

/**
 * Messages of Anthropic's dialect; a user message that holds only results of tools is a `tool` one. @throws {Refusal}
 */
export function anthropicMessages(fields: Fields): Message[] {
  const messages = messageItems(fields, 'messages').map((item, at): Message => {
    const name = `messages.${at}.content`
    if (item.role !== 'user' && item.role !== 'assistant') {
      throw new Refusal('bad_request', `messages.${at}.role: Input should be 'user' or 'assistant'`, {
        param: `messages.${at}.role`,
      })
    }
    const parts = Array.isArray(item.content) ? item.content : []
    const isResult = parts.length > 0 && parts.every((part) => isFields(part) && part.type === 'tool_result')
    return { role: isResult ? 'tool' : item.role, text: contentText(item.content, name) }
  })
  const system = contentText(fields.system, 'system')
  return system === '' ? messages : [{ role: 'system', text: system }, ...messages]
}

/** Input of OpenAI's responses: a text, or items. @throws {Refusal} */
export function responsesMessages(fields: Fields): Message[] {
  const instructions = textField(fields, 'instructions')
  const system: Message[] = instructions === undefined ? [] : [{ role: 'system', text: instructions }]
  if (typeof fields.input === 'string') return [...system, { role: 'user', text: fields.input }]
  const items = messageItems(fields, 'input').map((item, at): Message => {
    if (item.type === 'function_call_output')
      return { role: 'tool', text: contentText(item.output, `input.${at}.output`) }
    if (item.type === 'function_call')
      return { role: 'assistant', text: JSON.stringify({ name: item.name, arguments: item.arguments }) }
    return { role: roles[String(item.role)] ?? 'assistant', text: contentText(item.content, `input.${at}.content`) }
  })
  return [...system, ...items]
}
