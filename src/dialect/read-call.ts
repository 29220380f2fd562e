/**
 * Bytes → Call: the first step inside the house after the door. Checks only what the relay itself needs to know;
 * everything else is for the model server to judge, so a field that is new tomorrow passes today.
 */
import { Fault } from '../fault/fault.ts'
import type { Call, Route } from './call.ts'
import { JsonBody, type ValueKind } from './json-body.ts'

/** Longest model name, in UTF-16 units. */
const modelLengthMax = 256
/** A name of that length spelled in escapes only is 6 bytes a unit; longer ones are not even decoded. */
const modelBytesMax = 6 * modelLengthMax + 2
const controls = /[\u0000-\u001f\u007f-\u009f]/

/** Headers that belong to the language and travel on with the call. */
const languageHeaders = ['anthropic-version', 'anthropic-beta', 'openai-beta'] as const

/** Routes whose answers can be streamed; elsewhere `stream` is left to the model server. */
const streamedRoutes: ReadonlySet<Route> = new Set(['chat', 'completions', 'responses', 'messages'])

interface Need {
  /** One of these must be there; the first is the usual one and is named when none is. */
  readonly fields: readonly string[]
  /** What the first must be when it is there. */
  readonly kinds: readonly ValueKind[]
  readonly isFilled?: boolean
}

const needs: Readonly<Record<Route, Need>> = {
  chat: { fields: ['messages'], kinds: ['array'], isFilled: true },
  // vLLM takes `prompt_embeds` instead.
  completions: { fields: ['prompt', 'prompt_embeds'], kinds: ['string', 'array'] },
  // vLLM embeds a conversation given as `messages`.
  embeddings: { fields: ['input', 'messages'], kinds: ['string', 'array'] },
  responses: { fields: ['input', 'previous_response_id', 'conversation', 'prompt'], kinds: ['string', 'array'] },
  messages: { fields: ['messages'], kinds: ['array'], isFilled: true },
  count_tokens: { fields: ['messages'], kinds: ['array'], isFilled: true },
}

/**
 * Understands one request body.
 * @param headers the request's headers, lower-case names; only those of the language are kept.
 * @throws {Fault} HF_BAD_JSON; HF_BAD_CALL with `param` naming the field.
 */
export function readCall(route: Route, bytes: Buffer, headers: Readonly<Record<string, string | undefined>>): Call {
  const body = JsonBody.parse(bytes)
  const model = readModel(body)
  const isStream = (body.boolean('stream') ?? false) && streamedRoutes.has(route)
  checkNeed(body, needs[route])
  const kept: Record<string, string> = {}
  for (const name of languageHeaders) {
    const value = headers[name]
    if (value !== undefined) kept[name] = value
  }
  return { route, model, isStream, outputTokensMax: readLimit(body), body, headers: kept }
}

/** Fields in which callers limit the answer, in the languages that we speak. */
const limitFields = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const

/** Whether the limit makes sense is for the model server to say. Nobody can count with `1e999`. */
function readLimit(body: JsonBody): number | null {
  for (const name of limitFields) {
    const limit = body.kind(name) === 'number' ? body.number(name) : undefined
    if (limit !== undefined && limit > 0 && Number.isFinite(limit)) return limit
  }
  return null
}

function readModel(body: JsonBody): string {
  const tooLong = (body.raw('model')?.length ?? 0) > modelBytesMax && body.kind('model') === 'string'
  const model = tooLong ? '' : body.string('model')
  if (tooLong || (model?.length ?? 0) > modelLengthMax)
    throw badCall('model', `model must have at most ${modelLengthMax} characters`)
  if (model === undefined) throw badCall('model', 'model is missing')
  if (model.trim() === '') throw badCall('model', 'model must not be empty')
  if (controls.test(model)) throw badCall('model', 'model must not contain control characters')
  return model
}

function checkNeed(body: JsonBody, need: Need): void {
  const [first = ''] = need.fields
  const kind = body.kind(first)
  if (kind === undefined || kind === 'null') {
    if (!need.fields.some((name) => body.has(name) && body.kind(name) !== 'null'))
      throw badCall(first, `${first} is missing`)
    return
  }
  if (!need.kinds.includes(kind))
    throw badCall(first, `${first} must be ${need.kinds.map(withArticle).join(' or ')}, not ${withArticle(kind)}`)
  if (need.isFilled && isEmptyArray(body.raw(first))) throw badCall(first, `${first} must not be empty`)
}

/** The bytes are known to be one JSON array, so its first byte but blanks decides. */
function isEmptyArray(raw: Buffer | undefined): boolean {
  if (!raw) return false
  let at = 1
  while ((raw[at] ?? 0x5d) <= 0x20) at++
  return raw[at] === 0x5d
}

function withArticle(kind: ValueKind): string {
  if (kind === 'null') return kind
  return kind === 'array' || kind === 'object' ? `an ${kind}` : `a ${kind}`
}

function badCall(param: string, detail: string): Fault {
  return new Fault('HF_BAD_CALL', { param, detail })
}
