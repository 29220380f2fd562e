/**
 * Puts a streamed answer together as the object that an answer in one piece would have been; of one that is not whole,
 * what there is so far.
 */
import type { Route } from '../call.ts'
import { isFields, pick, type Fields } from '../field.ts'
import { readPartial, type PartialAnswer, type SaidPart } from './partial-answer.ts'
import { fieldsOf, textOf } from './piece.ts'

/** @param events as they were delivered, in order. */
export function assemble(route: Route, events: readonly Buffer[]): Buffer {
  const kept = events.map((event) => ({ event, aside: null }))
  const partial = readPartial(route, kept)
  if (route === 'messages') return toBytes(toMessage(partial))
  if (route === 'responses') return toBytes(toResponse(partial))
  const others = Array.from({ length: partial.choiceCount - 1 }, (_, at) => readPartial(route, kept, at + 1))
  return toBytes(toCompletion([partial, ...others]))
}

function toBytes(value: Fields): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function textOfKind({ parts }: PartialAnswer, kind: SaidPart['kind']): string {
  return parts.map((part) => (part.kind === kind ? part.text : '')).join('')
}

function toCompletion(choices: readonly PartialAnswer[]): Fields {
  const [first] = choices
  const isChat = first?.route === 'chat'
  return {
    ...first?.envelope,
    object: isChat ? 'chat.completion' : 'text_completion',
    choices: choices.map((choice, index) => ({
      index,
      ...(isChat ? { message: toChatMessage(choice) } : { text: textOfKind(choice, 'text') }),
      logprobs: toLogprobs(choice),
      finish_reason: choice.finish?.reason ?? null,
      ...(choice.finish && pick(choice.finish.raw, 'stop_reason')),
    })),
    ...(first?.usage && { usage: first.usage }),
  }
}

function toChatMessage(partial: PartialAnswer): Fields {
  const text = textOfKind(partial, 'text')
  const reasoning = textOfKind(partial, 'reasoning')
  const refusal = textOfKind(partial, 'refusal')
  const calls = partial.parts.filter(({ kind }) => kind === 'call')
  const isSpelledShort = partial.parts.some(({ raws }) => 'reasoning' in fieldsOf(raws[0]?.['delta']))
  return {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
    refusal: refusal === '' ? null : refusal,
    ...(reasoning !== '' && { [isSpelledShort ? 'reasoning' : 'reasoning_content']: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ callId, name, text: json, raw }) => ({
        id: callId,
        type: textOf(raw['type']) || 'function',
        function: { name, arguments: json },
      })),
    }),
  }
}

/** Lists of log probabilities grow with the text; joined list by list. */
function toLogprobs({ parts }: PartialAnswer): Fields | null {
  const joined: Record<string, unknown[]> = {}
  for (const { raws } of parts) {
    for (const { logprobs } of raws) {
      for (const [name, list] of Object.entries(fieldsOf(logprobs)))
        if (Array.isArray(list)) joined[name] = [...(joined[name] ?? []), ...(list as unknown[])]
    }
  }
  return Object.keys(joined).length > 0 ? joined : null
}

function toMessage({ envelope, parts, finish, usage }: PartialAnswer): Fields {
  return {
    ...envelope,
    content: parts.map(toBlock),
    stop_reason: finish?.reason ?? null,
    stop_sequence: finish?.stopText ?? null,
    usage,
  }
}

function toBlock({ kind, raw, text, raws }: SaidPart): Fields {
  if (kind === 'reasoning') {
    const signature = raws.map((delta) => textOf(delta['signature'])).join('')
    return { ...raw, thinking: text, signature: signature || textOf(raw['signature']) }
  }
  if (kind === 'call') return { ...raw, input: readInput(text) }
  if (kind === 'other') return text === '' ? raw : { ...raw, input: readInput(text) }
  const citations = raws.map((delta) => delta['citation']).filter(isFields)
  return { ...raw, text, ...(citations.length > 0 && { citations }) }
}

function readInput(json: string): unknown {
  try {
    return json.trim() === '' ? {} : JSON.parse(json)
  } catch {
    return {}
  }
}

function toResponse({ envelope, parts, finish }: PartialAnswer): Fields {
  if (finish) return finish.raw
  return { ...envelope, output: parts.map(toItem) }
}

function toItem({ kind, raw, text, closing }: SaidPart): Fields {
  if (Object.keys(closing).length > 0) return closing
  if (kind === 'text' || kind === 'refusal') {
    const part =
      kind === 'text'
        ? { type: 'output_text', text, annotations: [], logprobs: [] }
        : { type: 'refusal', refusal: text }
    return { ...raw, content: [part] }
  }
  if (kind !== 'call') return raw
  return { ...raw, [raw['type'] === 'custom_tool_call' ? 'input' : 'arguments']: text }
}
