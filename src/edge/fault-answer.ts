/** A fault as the answer that its reader understands: an SDK, a program, or a person. */
import type { Family } from '../dialect/call.ts'
import { errorBody } from '../dialect/error-body.ts'
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import { preferred } from './accept.ts'
import type { Challenge } from './challenge/challenge.ts'
import { faultPage, markdown, problem } from './fault-words.ts'
import type { Notice } from './notice.ts'
import type { Answering, Asking } from './visitor.ts'

/** Above a minute two of three SDKs ignore Retry-After and come back within a second, so it never says more. */
const retryAfterSecondsMax = 60
const spreadMs = 15_000

export interface FaultContext {
  readonly ray: Ray
  readonly site: string
  /** Null outside of the model routes. */
  readonly family: Family | null
  readonly atMs: number
  readonly notice: Notice
  /** Of the visitor. */
  readonly address: string
  /** Whose page is the answer for HF_CHALLENGE, where a page can be. */
  readonly challenge?: Pick<Challenge, 'isPage' | 'page'> | null
}

/** Headers that tell of a fault, names and values in turn: RFC 9209 for machines between, retry advice for SDKs. */
export function faultHeaders(fault: Fault): string[] {
  const { kind } = fault
  const headers: string[] = ['x-should-retry', String(kind.shouldCallerRetry)]
  // Also of what is no error of a proxy the code is told: to a HEAD there is no other place for it.
  const error = kind.proxyError ? `; error=${kind.proxyError}` : ''
  const received = fault.receivedStatus === undefined ? '' : `; received-status=${fault.receivedStatus}`
  headers.push('proxy-status', `holdfast${error}${received}; details="${fault.code}"`)
  if (fault.retryAfterMs !== undefined && kind.shouldCallerRetry) {
    const waitMs = waitMsOf(fault.retryAfterMs, fault.untilMs === undefined)
    headers.push('retry-after', String(Math.max(1, Math.ceil(waitMs / 1000))), 'retry-after-ms', String(waitMs))
  }
  if (fault.untilMs !== undefined) headers.push('holdfast-until', new Date(fault.untilMs).toISOString())
  return headers
}

/** An estimate that is longer comes to less by its own odd seconds, so that not all come back in one moment. */
function waitMsOf(retryAfterMs: number, isEstimate: boolean): number {
  const maxMs = retryAfterSecondsMax * 1000
  if (retryAfterMs <= maxMs) return Math.max(1, Math.round(retryAfterMs))
  return Math.round(isEstimate ? maxMs - (retryAfterMs % spreadMs) : maxMs)
}

/** Writes the answer for a fault; `headers` are those of every answer. */
export function answerFault(
  fault: Fault,
  request: Asking,
  response: Answering,
  headers: readonly string[],
  context: FaultContext,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const { type, body, headers: more = [] } = renderFault(fault, request, context)
  const all = [
    ...headers,
    ...faultHeaders(fault),
    ...more,
    'content-type',
    type,
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
  ]
  if (fault.code === 'HF_METHOD_UNKNOWN' && fault.param) all.push('allow', fault.param)
  // One that was not read to its end cannot be followed by another on the same connection, and behind one that others
  // may read differently the next may be of another's making.
  if (!request.complete || fault.code === 'HF_BAD_HTTP') {
    // Of HTTP/2 only the stream ends.
    if (!(':method' in request.headers)) response.shouldKeepAlive = false
    all.push('connection', 'close')
  }
  response.writeHead(fault.status, all)
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** The first is for whoever does not say what it takes. */
const forms = {
  'application/problem+json': problem,
  'text/html': faultPage,
  'application/json': problem,
  'text/markdown': markdown,
} as const
type Form = keyof typeof forms

interface Rendered {
  readonly type: string
  readonly body: Buffer
  readonly headers?: readonly string[]
}

/** The body of the answer for a fault, in the form that the reader likes best. */
export function renderFault(fault: Fault, request: Asking, context: FaultContext): Rendered {
  const { ray, family, site, atMs, notice, address } = context
  if (family && !isLookedAt(request)) return { type: 'application/json', body: errorBody(fault, ray, family) }
  const isChallenge = fault.code === 'HF_CHALLENGE'
  if (isChallenge && context.challenge?.isPage(request)) return context.challenge.page(request, context)
  // A script that fetched what it takes for a part of its page must not get a page of ours.
  const offered = Object.keys(forms).filter((type) => type !== 'text/html' || !isChallenge || isLookedAt(request))
  const type = preferred(request.headers.accept ?? '', offered) as Form
  const body = forms[type]({ fault, ray, site, atMs, address, notice })
  return { type: type.startsWith('text/') ? `${type}; charset=utf-8` : type, body }
}

/** A person who opens the address in a browser: no SDK says so, whatever it accepts. */
function isLookedAt({ headers }: Asking): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}
