/** One thing that went wrong in one exchange: a code of the table and what is known beyond it. */
import { type FaultCode, faultKind } from './code.ts'
import type { FaultKind } from './fault-kind.ts'

export interface FaultDetail {
  /** What exactly happened, for operators; never holds secrets, prompts or answers. */
  readonly detail?: string
  /** The field of the request that is wrong, as the caller would write it. */
  readonly param?: string | undefined
  /** When to come back, in milliseconds. */
  readonly retryAfterMs?: number
  /** When it will be over, where that is known to the minute; milliseconds since 1970. */
  readonly untilMs?: number | undefined
  /** Overrides the table's status, for what an upstream said of the caller's own request (400 to 422). */
  readonly status?: number
  /** Status code received from the upstream, where there was one. */
  readonly receivedStatus?: number | undefined
  /** What the upstream said of the caller's own request, to be passed on to the caller. */
  readonly upstreamBody?: Buffer | undefined
  readonly upstream?: string | undefined
  /** The upstream may have seen the request all the same: it was sent before, on a connection that was closed. */
  readonly wasSent?: boolean
  readonly cause?: unknown
}

export class Fault extends Error {
  readonly code: FaultCode
  readonly detail: string
  readonly param: string | undefined
  readonly retryAfterMs: number | undefined
  readonly untilMs: number | undefined
  readonly receivedStatus: number | undefined
  readonly upstreamBody: Buffer | undefined
  readonly upstream: string | undefined
  readonly wasSent: boolean
  readonly status: number

  constructor(code: FaultCode, detail: FaultDetail = {}) {
    const kind = faultKind(code)
    // The code says where it comes from. Where many callers are sent away at once the traces were a tenth of the cost.
    const traceLimit = Error.stackTraceLimit
    if (code !== 'HF_INTERNAL') Error.stackTraceLimit = 0
    super(detail.detail ? `${kind.sentence} (${detail.detail})` : kind.sentence, { cause: detail.cause })
    Error.stackTraceLimit = traceLimit
    this.name = 'Fault'
    this.code = code
    this.detail = detail.detail ?? ''
    this.param = detail.param
    this.retryAfterMs = detail.retryAfterMs
    this.untilMs = detail.untilMs
    this.receivedStatus = detail.receivedStatus
    this.upstreamBody = detail.upstreamBody
    this.upstream = detail.upstream
    this.wasSent = detail.wasSent ?? false
    this.status = detail.status ?? kind.status
  }

  /**
   * What a caller is told: of the own request everything, of the house only the sentence. Addresses and what upstreams
   * say of themselves stay in the log.
   */
  get told(): string {
    const { source, sentence } = this.kind
    if (this.untilMs !== undefined) return `${sentence.replace(/\.$/, '')} until ${momentWords(this.untilMs)}.`
    if (source !== 'client' || this.detail === '') return sentence
    return `${sentence.replace(/\.$/, '')}: ${this.detail}${/[.!?]$/.test(this.detail) ? '' : '.'}`
  }

  /** The same, with another time to come back. */
  withRetryAfter(retryAfterMs: number): Fault {
    return new Fault(this.code, { ...this, cause: this.cause, retryAfterMs })
  }

  get kind(): FaultKind {
    return faultKind(this.code)
  }
}

/** `2026-12-06 03:00 UTC`. */
export function momentWords(ms: number): string {
  const [day = '', time = ''] = new Date(ms).toISOString().split('T')
  return `${day} ${time.slice(0, time.slice(6, 8) === '00' ? 5 : 8)} UTC`
}

/** Whatever was thrown, as a fault: ours stays, anything else is a bug of the gateway. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  return new Fault('HF_INTERNAL', { detail: thrown instanceof Error ? thrown.message : String(thrown), cause: thrown })
}
