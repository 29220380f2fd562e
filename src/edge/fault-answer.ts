/** A fault as the answer that its reader understands: an SDK, a program, or a person. */
import type { Family } from '../dialect/call.ts'
import { errorBody } from '../dialect/error-body.ts'
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import { Page } from './page.ts'
import type { Answering, Asking } from './visitor.ts'

/** Above a minute two of three SDKs ignore Retry-After and come back within a second, so it never says more. */
const retryAfterSecondsMax = 60
const blame = {
  client: 'The request itself',
  gateway: 'This gateway',
  network: 'The network behind this gateway',
  upstream: 'The model server behind this gateway',
  'third-party': 'The provider of the model',
  operator: 'The configuration or a planned change of this service',
} as const

const errorPage = new Page('error.html')

export interface FaultContext {
  readonly ray: Ray
  readonly site: string
  /** Null outside of the model routes. */
  readonly family: Family | null
  readonly atMs: number
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
    const seconds = Math.min(retryAfterSecondsMax, Math.max(1, Math.ceil(fault.retryAfterMs / 1000)))
    headers.push(
      'retry-after',
      String(seconds),
      'retry-after-ms',
      String(Math.min(retryAfterSecondsMax * 1000, Math.round(fault.retryAfterMs))),
    )
  }
  return headers
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
  const { type, body } = render(fault, request, context)
  const all = [
    ...headers,
    ...faultHeaders(fault),
    'content-type',
    type,
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
  ]
  if (fault.code === 'HF_METHOD_UNKNOWN' && fault.param) all.push('allow', fault.param)
  // A request that was not read to its end cannot be followed by another on the same connection.
  if (!request.complete) all.push('connection', 'close')
  response.writeHead(fault.status, all)
  response.end(request.method === 'HEAD' ? undefined : body)
}

function render(fault: Fault, request: Asking, context: FaultContext): { type: string; body: Buffer } {
  if (context.family) return { type: 'application/json', body: errorBody(fault, context.ray, context.family) }
  const accept = request.headers.accept ?? ''
  if (accept.includes('text/html'))
    return { type: 'text/html; charset=utf-8', body: faultPage(fault, request, context) }
  return {
    type:
      accept.includes('application/json') && !accept.includes('problem')
        ? 'application/json'
        : 'application/problem+json',
    body: problemBody(fault, context),
  }
}

/** RFC 9457, with the members that operators of CDNs know and ours on top. */
export function problemBody(fault: Fault, { ray, site, atMs }: Omit<FaultContext, 'family'>): Buffer {
  const { kind } = fault
  return Buffer.from(
    JSON.stringify({
      type: `urn:holdfast:fault:${fault.code}`,
      title: kind.title,
      status: fault.status,
      detail: fault.told,
      instance: `urn:holdfast:ray:${ray}`,
      error_code: fault.code,
      error_category: kind.source,
      retryable: kind.shouldCallerRetry,
      ...(fault.retryAfterMs !== undefined && { retry_after: Math.ceil(fault.retryAfterMs / 1000) }),
      ray_id: ray,
      site,
      timestamp: new Date(atMs).toISOString(),
    }),
  )
}

function faultPage(fault: Fault, request: Asking, { ray, site, atMs }: FaultContext): Buffer {
  const { kind } = fault
  return errorPage.render({
    status: String(fault.status),
    title: kind.title,
    sentence: fault.told,
    advice: adviceFor(fault),
    blame: blame[kind.source],
    ray,
    site,
    code: fault.code,
    time: new Date(atMs)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, ' UTC'),
    address: request.socket.remoteAddress ?? '',
  })
}

function adviceFor(fault: Fault): string {
  if (fault.retryAfterMs !== undefined)
    return `Try again in ${Math.max(1, Math.ceil(fault.retryAfterMs / 1000))} seconds.`
  if (fault.kind.shouldCallerRetry) return 'Try again in a moment.'
  return fault.kind.source === 'client'
    ? 'Trying again without a change will not help.'
    : 'The people who run this service can look it up by the Ray ID.'
}
