/**
 * A fault in the words of the caller's SDK: the JSON body of a refused request, and the event that ends a stream which
 * broke. SDKs read `message`, `type` and `code`; `ray`, `cause` and `retryable` are ours and ignored by those that do
 * not know them.
 */
import type { Fault } from '../fault/fault.ts'
import { toEvent } from './answer/answer-reader.ts'
import { routes, type Family, type Route } from './call.ts'
import { readErrorWords, type ErrorWords } from './error-words.ts'
import { isFields } from './field.ts'

/** Longest message for a caller, in characters. */
const messageLengthMax = 4096

/** Anthropic's name for what a status says of a request; the table's own name otherwise. */
const anthropicTypes: Readonly<Record<number, string>> = {
  404: 'not_found_error',
  413: 'request_too_large',
}

/**
 * The JSON body for a fault, in the caller's family. What an upstream said of the caller's own request
 * (HF_CALL_REFUSED) keeps its message, param, and, within one family, its type, code and further fields.
 */
export function errorBody(fault: Fault, ray: string, family: Family): Buffer {
  return Buffer.from(JSON.stringify(errorValue(fault, ray, family)))
}

function errorValue(fault: Fault, ray: string, family: Family): unknown {
  if (family === 'openai') return { error: openaiError(fault, ray) }
  return { type: 'error', error: anthropicError(fault, ray), request_id: ray }
}

/**
 * The last event of a stream that broke after it began; the caller's connection is to be closed behind it, and `[DONE]`
 * never follows. For `responses` it is the `error` event and not `response.failed`: at a broken stream the SDKs must
 * throw at once, while a lone `response.failed` passes as one more event and the cut text could be taken for an answer.
 */
export function errorEvent(fault: Fault, ray: string, route: Route): Buffer {
  if (route === 'responses') {
    // Flat, as this API spells it, without `sequence_number`: the number after the last one is the journal's to know.
    return toEvent('error', { ...openaiError(fault, ray), type: 'error' })
  }
  const { family } = routes[route]
  return toEvent(family === 'anthropic' ? 'error' : null, errorValue(fault, ray, family))
}

/** The event by which a session of the realtime API is told, as this API spells it. */
export function realtimeErrorEvent(fault: Fault, ray: string): Buffer {
  const error = { ...openaiError(fault, ray), event_id: null }
  return Buffer.from(JSON.stringify({ type: 'error', event_id: `event_${ray}`, error }))
}

/** What we add to every error, whichever the family. */
function ours(fault: Fault, ray: string): Record<string, unknown> {
  return {
    ray,
    cause: fault.code,
    retryable: fault.kind.shouldCallerRetry,
    ...(fault.retryAfterMs !== undefined &&
      fault.kind.shouldCallerRetry && { retry_after_ms: Math.round(fault.retryAfterMs) }),
    ...(fault.untilMs !== undefined && { until: new Date(fault.untilMs).toISOString() }),
  }
}

/** Details of the house (addresses, what upstreams say of themselves) are for its logs; a caller hears of the call. */
function messageOf(fault: Fault): string {
  return fault.told.slice(0, messageLengthMax)
}

function openaiError(fault: Fault, ray: string): Record<string, unknown> {
  const told = upstreamWords(fault)
  const [type, code] = fault.kind.openai
  return {
    ...(told?.family === 'openai' && told.fields),
    message: told?.words.message ?? messageOf(fault),
    type: (told?.family === 'openai' ? told.words.type : null) ?? type,
    param: fault.param ?? null,
    code: told?.words.code ?? code,
    ...ours(fault, ray),
  }
}

function anthropicError(fault: Fault, ray: string): Record<string, unknown> {
  const told = upstreamWords(fault)
  const type =
    fault.code === 'HF_CALL_REFUSED' ? (anthropicTypes[fault.status] ?? fault.kind.anthropic) : fault.kind.anthropic
  return {
    ...(told?.family === 'anthropic' && told.fields),
    type: (told?.family === 'anthropic' ? told.words.type : null) ?? type,
    message: told?.words.message ?? messageOf(fault),
    ...(fault.param && { param: fault.param }),
    ...ours(fault, ray),
  }
}

interface Told {
  readonly words: ErrorWords
  readonly family: Family
  /** The upstream's error object as it was. */
  readonly fields: Readonly<Record<string, unknown>>
}

function upstreamWords(fault: Fault): Told | null {
  if (!fault.upstreamBody) return null
  try {
    const value: unknown = JSON.parse(fault.upstreamBody.toString())
    const words = readErrorWords(value)
    if (!words || !isFields(value)) return null
    const family = value['type'] === 'error' ? 'anthropic' : 'openai'
    return { words, family, fields: isFields(value['error']) ? value['error'] : {} }
  } catch {
    return null
  }
}
