/**
 * A chat conversation as the turns of messages: roles alternate, tool results open the user's turn, system words go
 * ahead of all.
 */
import { badField, isAbsent, isFields, needFields, needList, needText, untranslatable, type Fields } from '../field.ts'

type Block = Readonly<Record<string, unknown>>

interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: Block[]
}

export interface Conversation {
  readonly system: readonly Block[]
  readonly turns: readonly Turn[]
}

const dataUrl = /^data:([\w.+-]+\/[\w.+-]+)?(?:;[\w=.+-]+)*?;base64,/i
/** No data URL's head is longer; the data behind it is not searched. */
const dataUrlHeadMax = 256

/** @throws {Fault} HF_BAD_CALL */
export function toMessageTurns(messages: readonly unknown[]): Conversation {
  const system: Block[] = []
  const turns: Turn[] = []
  for (const [index, value] of messages.entries()) {
    const param = `messages[${index}]`
    const message = needFields(value, param)
    switch (message['role']) {
      case 'system':
      case 'developer':
        system.push(...textBlocks(message['content'], `${param}.content`))
        break
      case 'user':
        addTo(turns, 'user', userBlocks(message['content'], `${param}.content`))
        break
      case 'assistant':
        addTo(turns, 'assistant', assistantBlocks(message, param))
        break
      case 'tool':
        addTo(turns, 'user', [toolResult(message, param)])
        break
      case 'function':
        throw untranslatable(`${param}.role`, 'which knows tools only: use role tool')
      default:
        throw badField(`${param}.role`, 'must be system, developer, user, assistant or tool')
    }
  }
  return { system, turns }
}

function addTo(turns: Turn[], role: Turn['role'], blocks: readonly Block[]): void {
  const last = turns.at(-1)
  if (last?.role === role) last.content.push(...blocks)
  // A turn that says nothing is refused there; an empty user turn is for the model server to judge.
  else if (blocks.length > 0 || role === 'user') turns.push({ role, content: [...blocks] })
}

/** Blocks without text are refused there and say nothing, so they are left out. */
function text(value: string): Block[] {
  return value === '' ? [] : [{ type: 'text', text: value }]
}

function textBlocks(content: unknown, param: string): Block[] {
  if (typeof content === 'string') return text(content)
  return needList(content, param).flatMap((value, index) => {
    const place = `${param}[${index}]`
    const part = needFields(value, place)
    if (part['type'] === 'refusal') return text(needText(part['refusal'], `${place}.refusal`))
    if (part['type'] !== 'text') throw badField(`${place}.type`, 'must be text here')
    return text(needText(part['text'], `${place}.text`))
  })
}

function userBlocks(content: unknown, param: string): Block[] {
  if (typeof content === 'string') return text(content)
  return needList(content, param).flatMap((value, index) => {
    const place = `${param}[${index}]`
    const part = needFields(value, place)
    switch (part['type']) {
      case 'text':
        return text(needText(part['text'], `${place}.text`))
      case 'image_url':
        return [
          {
            type: 'image',
            source: toSource(needFields(part['image_url'], `${place}.image_url`)['url'], `${place}.image_url.url`),
          },
        ]
      case 'file':
        return [toDocument(needFields(part['file'], `${place}.file`), `${place}.file`)]
      case 'input_audio':
        throw untranslatable(`${place}.type`, 'which takes no audio')
      default:
        throw badField(`${place}.type`, 'must be text, image_url or file')
    }
  })
}

function toSource(value: unknown, param: string): Block {
  const url = needText(value, param)
  const head = dataUrl.exec(url.slice(0, dataUrlHeadMax))
  if (head)
    return { type: 'base64', media_type: head[1] ?? 'application/octet-stream', data: url.slice(head[0].length) }
  if (/^https?:/i.test(url)) return { type: 'url', url }
  throw badField(param, 'must be an http URL or a base64 data URL')
}

function toDocument(file: Fields, param: string): Block {
  if (isAbsent(file['file_data'])) throw untranslatable(`${param}.file_id`, 'whose files are its own: send file_data')
  const data = needText(file['file_data'], `${param}.file_data`)
  // Some clients send the bare base64 of a PDF.
  const source = data.startsWith('data:')
    ? toSource(data, `${param}.file_data`)
    : { type: 'base64', media_type: 'application/pdf', data }
  return { type: 'document', source, ...(typeof file['filename'] === 'string' && { title: file['filename'] }) }
}

function assistantBlocks(message: Fields, param: string): Block[] {
  const { content, refusal, tool_calls: calls } = message
  const blocks = isAbsent(content) ? [] : textBlocks(content, `${param}.content`)
  if (typeof refusal === 'string') blocks.push(...text(refusal))
  if (isFields(message['function_call']))
    throw untranslatable(`${param}.function_call`, 'which knows tools only: use tool_calls')
  if (!isAbsent(calls))
    blocks.push(
      ...needList(calls, `${param}.tool_calls`).map((call, index) => toolUse(call, `${param}.tool_calls[${index}]`)),
    )
  return blocks
}

function toolUse(value: unknown, param: string): Block {
  const call = needFields(value, param)
  if (!isFields(call['function'])) throw untranslatable(`${param}.type`, 'which takes tool calls of type function only')
  const { name, arguments: spelled } = call['function']
  return {
    type: 'tool_use',
    id: toToolId(needText(call['id'], `${param}.id`)),
    name: needText(name, `${param}.function.name`),
    input: parseArguments(needText(spelled, `${param}.function.arguments`), `${param}.function.arguments`),
  }
}

function parseArguments(spelled: string, param: string): Fields {
  if (spelled.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(spelled)
    if (isFields(value)) return value
  } catch {
    // told below
  }
  throw badField(param, 'must be the JSON text of an object')
}

function toolResult(message: Fields, param: string): Block {
  const id = toToolId(needText(message['tool_call_id'], `${param}.tool_call_id`))
  return { type: 'tool_result', tool_use_id: id, content: textBlocks(message['content'], `${param}.content`) }
}

/**
 * Some servers give ids like `functions.f:0`, with letters that are refused there. Call and result change alike, so
 * they still match.
 */
function toToolId(id: string): string {
  return id.replace(/[^\w-]/g, '_')
}
