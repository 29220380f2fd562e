/**
 * The line of one call in the access log. It comes for every call, so it is put together by hand: a third of the CPU
 * time of taking the account apart and giving it to JSON.stringify.
 */
import { safeJson } from '../ground/one-line.ts'
import type { AttemptFact, ExchangeFact } from './exchange-fact.ts'

/** Every field of an account has its place in the line, but for these. */
type Untold = 'isModelKnown'
type Told = keyof typeof told
const told = {
  atMs: 0,
  ray: 0,
  requestId: 0,
  trace: 0,
  route: 0,
  model: 0,
  caller: 0,
  tier: 0,
  isStream: 0,
  outcome: 0,
  status: 0,
  code: 0,
  detail: 0,
  attempts: 0,
  seams: 0,
  durationMs: 0,
  firstTokenMs: 0,
  queueMs: 0,
  overheadMs: 0,
  inputTokens: 0,
  outputTokens: 0,
  finishReason: 0,
  requestBytes: 0,
  sentBytes: 0,
  eventCount: 0,
  cache: 0,
  answerRay: 0,
  similarity: 0,
} satisfies Record<Exclude<keyof ExchangeFact, Untold>, 0>

/** `prefix`: fields of the process, as in an object's text; may be empty. Fields without a value are left out. */
export function callLine(level: 'info' | 'warn', fact: Pick<ExchangeFact, Told>, prefix: string): string {
  const { code, atMs, ray, outcome } = fact
  let line = `{"level":"${level}","time":"${isoTime(atMs)}",${prefix === '' ? '' : `${prefix},`}"ray":"${ray}",`
  if (code !== null) line += `"code":"${code}",`
  return `${line}${callText(fact)},"msg":"${outcome === 'failed' ? 'call failed' : 'call'}"}\n`
}

/** All but moment, ray and code, as in an object's text. Fields without a value are left out. */
export function callText(fact: Omit<Pick<ExchangeFact, Told>, 'atMs' | 'ray' | 'code'>): string {
  const { requestId, trace, caller, detail, firstTokenMs, overheadMs, inputTokens, outputTokens, finishReason } = fact
  let text = `"outcome":"${fact.outcome}","route":"${fact.route}","model":${quoted(fact.model)}`
  text += `,"isStream":${fact.isStream},"status":${fact.status},"requestBytes":${fact.requestBytes}`
  text += `,"sentBytes":${fact.sentBytes},"eventCount":${fact.eventCount},"durationMs":${tenths(fact.durationMs)}`
  if (firstTokenMs !== null) text += `,"firstTokenMs":${tenths(firstTokenMs)}`
  if (requestId !== null) text += `,"requestId":${quoted(requestId)}`
  if (trace) text += `,"traceId":"${trace.traceId}"`
  if (fact.queueMs > 0) text += `,"queueMs":${tenths(fact.queueMs)}`
  if (overheadMs !== null) text += `,"overheadMs":${tenths(overheadMs)}`
  if (detail !== '') text += `,"detail":${quoted(detail)}`
  if (caller !== '') text += `,"caller":${quoted(caller)}`
  if (fact.tier !== 'standard') text += `,"tier":"${fact.tier}"`
  if (inputTokens !== null) text += `,"inputTokens":${inputTokens}`
  if (outputTokens !== null) text += `,"outputTokens":${outputTokens}`
  if (fact.cache !== undefined) text += `,"cache":"${fact.cache}"`
  if (fact.answerRay !== undefined) text += `,"answerRay":"${fact.answerRay}"`
  if (fact.similarity !== undefined) text += `,"similarity":${Math.floor(fact.similarity * 1000) / 1000}`
  if (finishReason !== null) text += `,"finishReason":${quoted(finishReason)}`
  const seams = fact.seams.length === 0 ? '[]' : quoted(fact.seams)
  return `${text},"attempts":${attemptsText(fact.attempts)},"seams":${seams}`
}

/** The usual call has one, and it went well. */
function attemptsText(attempts: readonly AttemptFact[]): string {
  const [only] = attempts
  return attempts.length === 1 && only && only.code === null && only.detail === ''
    ? `[${goodAttempt(only)}]`
    : quoted(attempts)
}

function goodAttempt(fact: AttemptFact): string {
  const { upstream, afterMs, durationMs, connectMs, firstTokenMs, receivedStatus, isHedge } = fact
  const phases = `"connectMs":${connectMs},"firstTokenMs":${firstTokenMs}`
  const times = `"afterMs":${afterMs},"durationMs":${durationMs},${phases},"receivedStatus":${receivedStatus}`
  return `{"upstream":${quoted(upstream)},${times}${isHedge === undefined ? '' : `,"isHedge":${isHedge}`}}`
}

/** What others have named cannot break the line, nor turn it round. */
function quoted(value: unknown): string {
  return safeJson(JSON.stringify(value))
}

/** Milliseconds with one decimal: the clock's further ones say nothing. */
function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

let lastMs = Number.NaN
let lastText = ''

/** Many calls settle within one millisecond. */
function isoTime(atMs: number): string {
  if (atMs !== lastMs) {
    lastMs = atMs
    lastText = new Date(atMs).toISOString()
  }
  return lastText
}
