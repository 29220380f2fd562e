/** What a failure of an upstream means for the call: pure. */
import { Fault } from '../fault/fault.ts'
import type { FaultCode } from '../fault/code.ts'
import type { Member } from '../fleet/pool.ts'
import type { Timeouts } from '../fleet/pool-options.ts'

/**
 * Failures that pass when a server comes back: it is being restarted, its host or link is away for a moment, or it is
 * busy.
 */
const passing = new Set<FaultCode>([
  'HF_UPSTREAM_REFUSED',
  'HF_UPSTREAM_RESET',
  'HF_CONNECT_TIMEOUT',
  'HF_NO_ROUTE',
  'HF_DNS_FAILED',
  'HF_DNS_TIMEOUT',
  'HF_UPSTREAM_BUSY',
  'HF_UPSTREAM_RATE_LIMITED',
  'HF_UPSTREAM_CUT',
  'HF_UPSTREAM_DRAINED',
])

/**
 * Faults that say nothing against the server: the request was wrong, the caller left, or the gateway had reasons of
 * its own.
 */
const innocent = new Set<FaultCode>([
  'HF_CALL_REFUSED',
  'HF_CLIENT_GONE',
  'HF_CANCELLED',
  'HF_OUTRUN',
  'HF_UPSTREAM_DRAINED',
  'HF_DEADLINE',
  'HF_CLOSING',
  'HF_JOURNAL_FULL',
  'HF_INTERNAL',
  'HF_UPSTREAM_TOO_LARGE',
  'HF_UPSTREAM_MODEL_MISSING',
  'HF_SEAM_MISFIT',
  'HF_BAD_CALL',
  'HF_KEY_UNKNOWN',
])

/** Failures before a byte of the request could leave. */
const unsent = new Set<FaultCode>([
  'HF_UPSTREAM_REFUSED',
  'HF_CONNECT_TIMEOUT',
  'HF_NO_ROUTE',
  'HF_DNS_FAILED',
  'HF_DNS_TIMEOUT',
  'HF_TLS_FAILED',
  'HF_TLS_CERTIFICATE',
])

/** The gateway took the call from a server that is to go: no failure, and no attempt that counts. */
export function isMoved({ code }: Fault): boolean {
  return code === 'HF_UPSTREAM_DRAINED'
}

/** Whether the server may have seen the request. */
export function hasReachedUpstream(fault: Fault): boolean {
  return fault.wasSent || !unsent.has(fault.code)
}

export function isUpstreamsFault(fault: Fault): boolean {
  return !innocent.has(fault.code)
}

/** Failures that broke the connection: the server works on that call no more. */
const severed = new Set<FaultCode>(['HF_UPSTREAM_RESET', 'HF_UPSTREAM_CUT'])
/** With the usual budget of a fifth of all calls, each call may so move once from a server that died. */
const severedCost = 0.2

/**
 * What the attempt after this failure costs of the budget for further ones: nothing when nobody was reached, little
 * when the work is done once all the same.
 */
export function retryCost(fault: Fault): number {
  if (!hasReachedUpstream(fault) || isMoved(fault)) return 0
  return severed.has(fault.code) || unsent.has(fault.code) ? severedCost : 1
}

/** Whether an upstream was given up for lateness only since another one could be asked: its own time was not over. */
export function isSwitched({ code, receivedStatus }: Fault, tookMs: number, { firstTokenMs }: Timeouts): boolean {
  return code === 'HF_FIRST_TOKEN_TIMEOUT' && receivedStatus === undefined && tookMs < firstTokenMs
}

/**
 * When the upstream that gave this failure may be asked again for the same call, on the monotonic clock; infinity for
 * never. The row of the fault says it.
 */
export function askAgainMs({ kind, code, retryAfterMs }: Fault, nowMs: number): number {
  if (unsent.has(code) || kind.retry === 'same') return nowMs
  return kind.retry === 'wait' ? nowMs + (retryAfterMs ?? 0) : Number.POSITIVE_INFINITY
}

const backOffMs = 50
/** Nobody was reached: somebody may be back any moment, and to ask costs nobody anything. */
const knockBackOffMsMax = 1000
const reachedBackOffMsMax = 5000

/** Full jitter (Brooker, 2015): anything from zero up to a limit that doubles with each wait. `unit`: in [0, 1). */
export function backOff(waitCount: number, hasReached: boolean, unit: number): number {
  return unit * Math.min(hasReached ? reachedBackOffMsMax : knockBackOffMsMax, backOffMs * 2 ** waitCount)
}

/** Later than this it was no hiccup. */
const fleetingMsMax = 2000

/**
 * Whether a failed upstream is worth a second try before those of lower rank are asked, which may be dearer, or another
 * model: a crash of one worker, a reset connection. `tookMs`: until it failed.
 */
export function isFleeting({ kind, retryAfterMs }: Fault, tookMs: number): boolean {
  return kind.retry === 'same' && retryAfterMs === undefined && tookMs <= fleetingMsMax
}

/** Whether an upstream says that the prompt is longer than its model can read; one of lower rank may read more. */
export function isTooLong({ code, upstreamBody }: Fault): boolean {
  if (code !== 'HF_CALL_REFUSED' || !upstreamBody) return false
  return /context_length_exceeded|exceed_context_size|maximum context length|prompt is too long/.test(
    upstreamBody.toString('latin1', 0, 4096),
  )
}

/** Whether another round over the upstreams, after a short wait, has a chance. */
export function mayReturnSoon(faults: readonly Fault[], members: readonly Member[], patienceLeftMs: number): boolean {
  if (patienceLeftMs <= 0) return false
  // One that has never answered is more likely a mistake in the configuration than one that comes back.
  if (!members.some(({ upstream }) => upstream.wasUp)) return false
  return faults.some(({ code, retryAfterMs }) => passing.has(code) && (retryAfterMs ?? 0) <= patienceLeftMs)
}

/** Reading a long prompt takes time: for each of so many bytes of the request a second more. */
const bytesPerSecond = 64 * 2 ** 10

/**
 * How long an attempt may take until its first token: while another upstream has not been asked, it is not worth
 * waiting for one as long as for the last.
 */
export function firstTokenLimitMs(timeouts: Timeouts, hasOthers: boolean, requestBytes: number): number {
  const { firstTokenMs, firstTokenSwitchMs } = timeouts
  return hasOthers ? Math.min(firstTokenMs, firstTokenSwitchMs + (1000 * requestBytes) / bytesPerSecond) : firstTokenMs
}

/** What the caller is told after all tries failed: the one cause, where they agree; otherwise that several failed. */
export function giveUpFault(faults: readonly Fault[]): Fault {
  const last = faults.at(-1)
  if (!last) return new Fault('HF_ROUTE_UNSPOKEN')
  const codes = new Set(faults.map(({ code }) => code))
  const waits = faults.map(({ retryAfterMs }) => retryAfterMs).filter((waitMs) => waitMs !== undefined)
  const retryAfterMs = waits.length > 0 ? Math.min(...waits) : 1000
  if (codes.size === 1) {
    const { detail, param, receivedStatus, upstreamBody, cause } = last
    return new Fault(last.code, {
      detail,
      retryAfterMs,
      cause,
      ...definedOnly({ param, receivedStatus, upstreamBody }),
    })
  }
  return new Fault('HF_ATTEMPTS_SPENT', { detail: [...codes].join(', '), retryAfterMs, cause: last })
}

function definedOnly<T extends object>(fields: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>
  }
}
