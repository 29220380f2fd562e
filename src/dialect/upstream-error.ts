/**
 * An upstream's refusal as a fault of our table: whose fault it is, whether another upstream may do better, when to
 * come back.
 *
 * | status                                | becomes                                                                |
 * |---------------------------------------|------------------------------------------------------------------------|
 * | 400 413 415 422, 404                  | HF_CALL_REFUSED, with the upstream's own words for the caller          |
 * | … about the model                     | HF_UPSTREAM_MODEL_MISSING: we chose the name, so it is the operator's  |
 * | … as an HTML page, 404 about the path | HF_UPSTREAM_ERROR: a wrong URL or a proxy in between (413 stays        |
 * |                                       | refused)                                                               |
 * | 402, or 400 403 429 about our credit  | HF_UPSTREAM_QUOTA_SPENT                                                |
 * | 401 403                               | HF_UPSTREAM_KEY_REFUSED                                                |
 * | 408 504 522 524                       | HF_FIRST_TOKEN_TIMEOUT                                                 |
 * | 429                                   | HF_UPSTREAM_RATE_LIMITED                                               |
 * | 503 529                               | HF_UPSTREAM_BUSY                                                       |
 * | 508                                   | HF_LOOP: behind that upstream stands a gateway that knows us           |
 * | 204                                   | HF_UPSTREAM_EMPTY                                                      |
 * | other 1xx 2xx 3xx                     | HF_UPSTREAM_GARBLED                                                    |
 * | the rest                              | HF_UPSTREAM_ERROR                                                      |
 */
import type { FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { redact } from '../ground/redact.ts'
import type { Family } from './call.ts'
import { readErrorWords, type ErrorWords } from './error-words.ts'

/** More of an error body is not looked at. */
const bodyBytesMax = 64 * 2 ** 10
/** Longest `detail`, in characters. */
const detailLengthMax = 2048
const titleLengthMax = 100
/** A server that wants to be left alone for longer is asked again after this. */
const retryAfterMsMax = 3_600_000

const refused: ReadonlySet<number> = new Set([400, 404, 413, 415, 422])
const codes: Readonly<Record<number, FaultCode>> = {
  204: 'HF_UPSTREAM_EMPTY',
  401: 'HF_UPSTREAM_KEY_REFUSED',
  402: 'HF_UPSTREAM_QUOTA_SPENT',
  403: 'HF_UPSTREAM_KEY_REFUSED',
  408: 'HF_FIRST_TOKEN_TIMEOUT',
  429: 'HF_UPSTREAM_RATE_LIMITED',
  503: 'HF_UPSTREAM_BUSY',
  504: 'HF_FIRST_TOKEN_TIMEOUT',
  508: 'HF_LOOP',
  522: 'HF_FIRST_TOKEN_TIMEOUT',
  524: 'HF_FIRST_TOKEN_TIMEOUT',
  529: 'HF_UPSTREAM_BUSY',
}

/**
 * Reads an answer that is not a 200.
 * @param headers lower-case names; `retry-after-ms` wins over `retry-after` (seconds or HTTP date). Capped at 1 h.
 * @param body as far as it was read; only the first 64 KiB count.
 * @param family of the upstream.
 * @param nowMs wall time, for Retry-After dates.
 */
export function readUpstreamError(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
  family: Family,
  nowMs: number,
): Fault {
  const text = body.toString('utf8', 0, bodyBytesMax).trim()
  const isPage = (headers['content-type'] ?? '').includes('text/html') || text.startsWith('<')
  const words = isPage ? null : wordsOf(text)
  const code = codeOf(status, { words, isPage, family })
  const told = isPage ? pageTitle(text) : (words?.message ?? text)
  const retryAfterMs = readRetryAfter(headers, nowMs)
  return new Fault(code, {
    detail: detailOf(code, `status ${status}${told ? `: ${told}` : ''}`),
    receivedStatus: status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(code === 'HF_CALL_REFUSED' && ownWords(status, words, body)),
  })
}

/**
 * An error that came inside a 200: as the whole answer, or as an event of a stream. The words must tell what the status
 * did not.
 */
export function readEmbeddedError(value: unknown, family: Family): Fault {
  const words = readErrorWords(value)
  const status = words ? impliedStatus(words) : 500
  const code = codeOf(status, { words, isPage: false, family })
  return new Fault(code, {
    detail: detailOf(code, `an error inside the answer: ${words?.message ?? 'without a message'}`),
    receivedStatus: 200,
    ...(code === 'HF_CALL_REFUSED' && ownWords(status, words, Buffer.from(JSON.stringify(value)))),
  })
}

interface Signs {
  readonly words: ErrorWords | null
  readonly isPage: boolean
  readonly family: Family
}

function codeOf(status: number, { words, isPage, family }: Signs): FaultCode {
  if (words && isAboutModel(status, words, family)) return 'HF_UPSTREAM_MODEL_MISSING'
  if (words && mayBeAboutCredit.has(status) && isAboutCredit(words)) return 'HF_UPSTREAM_QUOTA_SPENT'
  if (refused.has(status)) {
    const isOperators = status === 404 ? isPage || !words || isAboutPath(words) : isPage && status !== 413
    return isOperators ? 'HF_UPSTREAM_ERROR' : 'HF_CALL_REFUSED'
  }
  return codes[status] ?? (status < 400 ? 'HF_UPSTREAM_GARBLED' : 'HF_UPSTREAM_ERROR')
}

function isAboutModel(status: number, words: ErrorWords, family: Family): boolean {
  if (status >= 400 && status < 500 && modelCodes.test(words.code ?? '')) return true
  if (status !== 404) return false
  if (family === 'anthropic' && words.message.startsWith('model:')) return true
  return modelMissing.test(words.message) || modelUnknown.test(words.message)
}

const modelCodes = /^model_(not_found|not_available|unavailable|decommissioned|deprecated|retired)$/
const modelMissing = /\bmodels?\b.{0,300}(not (found|exist|available|loaded|supported)|no such|unknown)/is
const modelUnknown = /(no such|unknown|invalid) model/i

const mayBeAboutCredit: ReadonlySet<number> = new Set([400, 403, 429])

/** Some providers word the limit of a minute like a quota that is gone: only codes that mean nothing else count. */
function isAboutCredit({ message, code, type }: ErrorWords): boolean {
  return /^(insufficient_quota|billing_)/.test(code ?? type ?? '') || /credit balance is too low/i.test(message)
}

function isAboutPath({ message, code }: ErrorWords): boolean {
  return (
    code === 'unknown_url' ||
    /^(invalid url|file not found|not found|404\b|no route|route|unknown (url|path|endpoint)|cannot post)/i.test(
      message,
    )
  )
}

/** Which status would have told what these words tell. Some servers put the number itself into `code`. */
function impliedStatus({ code, type }: ErrorWords): number {
  const number = Number(code)
  if (Number.isInteger(number) && number >= 400 && number <= 599) return number
  const said = `${type ?? ''} ${code ?? ''}`.toLowerCase()
  return impliedStatuses.find(([pattern]) => pattern.test(said))?.[1] ?? 500
}

const impliedStatuses: readonly (readonly [RegExp, number])[] = [
  [/rate_limit|quota|slow_down|too_many/, 429],
  [/overloaded|unavailable|capacity/, 503],
  [/timeout/, 504],
  [/authentication|api_key|permission/, 401],
  [/billing/, 402],
  [/not_?found/, 404],
  [/too_large/, 413],
  [/invalid|bad_?request|context_length|exceed_context|unprocessable|validation|content_policy|content_filter/, 400],
]

/** What the caller is to see of an upstream's judgement of the call. */
function ownWords(
  status: number,
  words: ErrorWords | null,
  body: Buffer,
): { status: number; param?: string; upstreamBody?: Buffer } {
  return {
    status,
    ...(words?.param && { param: words.param }),
    ...(words && body.length <= bodyBytesMax && { upstreamBody: body }),
  }
}

function wordsOf(text: string): ErrorWords | null {
  if (!text.startsWith('{') && !text.startsWith('[')) return null
  try {
    return readErrorWords(JSON.parse(text))
  } catch {
    return null
  }
}

function pageTitle(text: string): string {
  const title = /<title[^>]{0,200}>([^<]{1,300})/i.exec(text)?.[1]?.trim()
  return title ? `an HTML page titled “${title.slice(0, titleLengthMax)}”` : 'an HTML page'
}

/** Keys that a server quotes when it refuses them; logs must not hold them. */
const keyLike = /\b(?:[a-z]{2,6}[-_][\w*.-]{6,}|bearer\s+\S+)/gi

function detailOf(code: FaultCode, text: string): string {
  const isAboutKey = code === 'HF_UPSTREAM_KEY_REFUSED' || code === 'HF_UPSTREAM_QUOTA_SPENT'
  // Before line ends go: a header that is quoted ends with its line.
  const safe = redact(isAboutKey ? text.replace(keyLike, '…') : text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
  return safe.slice(0, detailLengthMax)
}

function readRetryAfter(headers: Readonly<Record<string, string | undefined>>, nowMs: number): number | undefined {
  const exact = parseAmount(headers['retry-after-ms'])
  if (exact !== undefined) return bounded(exact)
  const spelled = headers['retry-after']
  const seconds = parseAmount(spelled)
  if (seconds !== undefined) return bounded(seconds * 1000)
  // The platform's parser takes more than HTTP dates, even “-1”.
  const dateMs =
    spelled !== undefined && /^[A-Z][a-z]{2,8},? .{1,40} GMT$/.test(spelled) ? Date.parse(spelled) : Number.NaN
  return Number.isNaN(dateMs) ? undefined : bounded(dateMs - nowMs)
}

function parseAmount(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}(\.\d{1,9})?\s*$/.test(text) ? Number(text) : undefined
}

function bounded(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), retryAfterMsMax)
}
