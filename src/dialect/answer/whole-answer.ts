/** Checks an answer that came in one piece: is it what this route gives, whole, and not an error under a 200? */
import { isUtf8 } from 'node:buffer'
import type { Route } from '../call.ts'
import { routes } from '../call.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { isFields, type Fields } from '../field.ts'
import { finishFault } from './finish-fault.ts'
import { Fault } from '../../fault/fault.ts'
import { JsonBody, type ValueKind } from '../json-body.ts'
import type { WholeAnswer } from '../translation.ts'
import { hasBrokenCall } from '../tool-arguments.ts'
import { chatUsage, messagesUsage, responsesUsage } from './usage.ts'

/** Longer answers are scanned, not parsed. */
const parsedBytesMax = 32 * 1024

/** The field without which it is no answer of this route. */
const marks: Readonly<Record<Route, readonly [field: string, kind: ValueKind]>> = {
  chat: ['choices', 'array'],
  completions: ['choices', 'array'],
  embeddings: ['data', 'array'],
  responses: ['output', 'array'],
  messages: ['content', 'array'],
  count_tokens: ['input_tokens', 'number'],
}

/**
 * The body stays as it is; of long embeddings nothing but the grammar is looked at.
 * @throws {Fault} HF_UPSTREAM_GARBLED, HF_UPSTREAM_EMPTY, HF_UPSTREAM_CUT, or what an error inside says.
 */
export function readWholeAnswer(route: Route, bytes: Buffer): WholeAnswer {
  const body = parseAnswer(bytes)
  const family = routes[route].family
  const error = body.kind('error')
  if ((error !== undefined && error !== 'null') || isText(body, 'type', 'error') || isText(body, 'object', 'error')) {
    throw readEmbeddedError(body.whole(), family)
  }
  const [field, kind] = marks[route]
  if (body.kind(field) !== kind) throw new Fault('HF_UPSTREAM_GARBLED', { detail: `the answer has no ${field}` })
  return { body: bytes, ...readers[route](body) }
}

type Findings = Omit<WholeAnswer, 'body'>

/** What is read of an answer: by its bytes where it is large, so that no values are built of long embeddings. */
type AnswerBody = Pick<JsonBody, 'kind' | 'value' | 'whole'>

const readers: Readonly<Record<Route, (body: AnswerBody) => Findings>> = {
  chat: readChoices,
  completions: readChoices,
  embeddings: (body) => ({ usage: chatUsage(body.value('usage')), finishReason: null }),
  responses: (body) => readResponse(body),
  messages: (body) => ({ usage: messagesUsage(body.value('usage')), finishReason: textOf(body.value('stop_reason')) }),
  count_tokens: (body) => ({ usage: messagesUsage({ input_tokens: body.value('input_tokens') }), finishReason: null }),
}

function readChoices(body: AnswerBody): Findings {
  const choices = body.value('choices') as unknown[]
  const [first] = choices
  if (!isFields(first)) throw new Fault('HF_UPSTREAM_EMPTY', { detail: 'the answer has no choices' })
  for (const choice of choices) {
    const fault =
      isFields(choice) && typeof choice['finish_reason'] === 'string' ? finishFault(choice['finish_reason']) : null
    if (fault) throw fault
  }
  const finishReason = textOf(first['finish_reason'])
  const found = { usage: chatUsage(body.value('usage')), finishReason }
  return finishReason === 'tool_calls' ? { ...found, hasBrokenCall: hasBrokenCall(first) } : found
}

function readResponse(body: AnswerBody): Findings {
  const finishReason = finishOf({ status: body.value('status'), incomplete_details: body.value('incomplete_details') })
  return { usage: responsesUsage(body.value('usage')), finishReason }
}

/** `completed`, or why it is incomplete (`max_output_tokens`, `content_filter`). */
export function finishOf(response: Fields): string {
  const details = response['incomplete_details']
  if (isFields(details) && typeof details['reason'] === 'string') return details['reason']
  return typeof response['status'] === 'string' ? response['status'] : 'completed'
}

/** @throws {Fault} HF_UPSTREAM_EMPTY, HF_UPSTREAM_GARBLED */
function parseAnswer(bytes: Buffer): AnswerBody {
  return (bytes.length <= parsedBytesMax && ParsedAnswer.parse(bytes)) || scanAnswer(bytes)
}

/** The usual answer, which is short, costs least when the engine reads it; null for what is not as it should be. */
class ParsedAnswer implements AnswerBody {
  #fields: Fields

  private constructor(fields: Fields) {
    this.#fields = fields
  }

  static parse(bytes: Buffer): ParsedAnswer | null {
    if (!isUtf8(bytes)) return null
    try {
      const value: unknown = JSON.parse(bytes.toString())
      return isFields(value) ? new ParsedAnswer(value) : null
    } catch {
      return null
    }
  }

  kind(name: string): ValueKind | undefined {
    if (!Object.hasOwn(this.#fields, name)) return undefined
    const value = this.#fields[name]
    if (value === null) return 'null'
    return Array.isArray(value) ? 'array' : (typeof value as ValueKind)
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
  }

  whole(): Record<string, unknown> {
    return this.#fields
  }
}

/** @throws {Fault} HF_UPSTREAM_EMPTY, HF_UPSTREAM_GARBLED */
function scanAnswer(bytes: Buffer): JsonBody {
  const start = bytes.toString('latin1', 0, 256).trimStart()
  if (start === '' && bytes.length <= 256) throw new Fault('HF_UPSTREAM_EMPTY', { detail: 'a 200 without a body' })
  if (start.startsWith('<'))
    throw new Fault('HF_UPSTREAM_GARBLED', { detail: 'an HTML page came instead of an answer' })
  try {
    return JsonBody.parse(bytes, { uniqueFields: [] })
  } catch (thrown) {
    const detail = thrown instanceof Fault ? thrown.detail : String(thrown)
    throw new Fault('HF_UPSTREAM_GARBLED', { detail: `the answer is not a JSON object: ${detail}`, cause: thrown })
  }
}

function isText(body: AnswerBody, name: string, text: string): boolean {
  return body.kind(name) === 'string' && body.value(name) === text
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
