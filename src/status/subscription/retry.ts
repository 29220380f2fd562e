/** When a message is tried again, and when it, or its receiver, is given up. Pure. */
import type { DeliveryFacts } from '../../alert/delivery-error.ts'
import type { Delivery } from '../../store/subscription-store.ts'

const againMs = 30_000
const againMsMax = 3_600_000
/** Nobody is removed for fewer, however long ago the first one was: we may have been away ourselves. */
const failuresMin = 5
/** A door of which nobody knows that it wants to be told is knocked at so often. */
const askedMax = 5
/** A receiver that will never take a message is believed after so many. */
const finalMax = 3

export interface RetryLimits {
  readonly giveUpMs: number
  readonly dropMs: number
}

export interface Verdict {
  /** When the message is tried again; null for never. */
  readonly againMs: number | null
  /** The subscriber is removed. */
  readonly isDropped: boolean
}

/** `chance`: in [0, 1), so that not all that failed together come back together. */
export function judgeFailure(
  { tries, madeMs, subscriber, key }: Delivery,
  { retryAfterMs = null, isFinal = false }: DeliveryFacts,
  { giveUpMs, dropMs }: RetryLimits,
  nowMs: number,
  chance: number,
): Verdict {
  const failures = subscriber.failures + 1
  const failingMs = nowMs - (subscriber.failingSinceMs ?? nowMs)
  const isGone = isFinal && failures >= finalMax
  if (isGone || (failingMs >= dropMs && failures >= failuresMin)) return { againMs: null, isDropped: true }
  const wait = Math.min(againMsMax, againMs * 2 ** Math.min(tries, 20)) * (0.5 + chance / 2)
  const dueMs = nowMs + Math.max(wait, Math.min(retryAfterMs ?? 0, againMsMax))
  const isAskedEnough = key === null && subscriber.channel !== 'email' && tries + 1 >= askedMax
  return { againMs: isFinal || isAskedEnough || dueMs - madeMs > giveUpMs ? null : dueMs, isDropped: false }
}
