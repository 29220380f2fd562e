/**
 * When to come back from an outage: where nobody answers for a model and the incident will probably be over within
 * minutes, a caller is told that, and not to try again every second until then. Pure.
 */
import type { Fault } from '../fault/fault.ts'
import type { Random } from '../ground/random.ts'
import { type CallKind, covers } from '../status/component.ts'
import type { Outage } from './notice.ts'

/** Not all come back in one moment. */
const spreadShare = 0.3
/** Whatever is expected. */
const waitMsMax = 600_000

/** The fault with a later time to come back, where an incident says more than the fault knows; else as it is. */
export function withExpectedEnd(
  fault: Fault,
  kind: CallKind,
  { outages, nowMs, random }: { outages: readonly Outage[]; nowMs: number; random: Random },
): Fault {
  if (outages.length === 0 || !isForWantOfServers(fault)) return fault
  const ends = outages.filter((outage) => covers(outage, kind)).map(({ overAtMs }) => overAtMs)
  const leftMs = Math.min(Math.max(...ends) - nowMs, waitMsMax)
  if (!(leftMs > (fault.retryAfterMs ?? 0))) return fault
  return fault.withRetryAfter(leftMs * (1 + spreadShare * random.unit()))
}

/** What knows its own end, such as maintenance or a line before servers that are full, is right about it. */
function isForWantOfServers({ kind, code, untilMs }: Fault): boolean {
  const isOfServers = kind.source === 'upstream' || kind.source === 'network'
  return isOfServers && kind.shouldCallerRetry && untilMs === undefined && code !== 'HF_UPSTREAM_BUSY'
}
