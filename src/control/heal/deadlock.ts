/**
 * A worker of our own that is deadlocked: calls wait, places are free, its loop turns, and yet it sends nothing. One of
 * which the loop stands still is told by its silence.
 */
export interface WorkerSign {
  readonly waiting: number
  readonly placesFree: number
  /** Calls sent to servers since its start. */
  readonly sentCount: number
}

const deadlockMs = 5000

export interface Stuck {
  readonly sinceMs: number
  readonly sentCount: number
}

/** Null while it is well. */
export function watchStuck(
  before: Stuck | null,
  { waiting, placesFree, sentCount }: WorkerSign,
  nowMs: number,
): Stuck | null {
  if (waiting === 0 || placesFree === 0) return null
  return before?.sentCount === sentCount ? before : { sinceMs: nowMs, sentCount }
}

/** In words; null while it is not for sure. */
export function findDeadlock(stuck: Stuck | null, { waiting, placesFree }: WorkerSign, nowMs: number): string | null {
  if (stuck === null || nowMs - stuck.sinceMs < deadlockMs) return null
  const seconds = Math.round((nowMs - stuck.sinceMs) / 1000)
  return `${waiting} calls wait, ${placesFree} places are free, and nothing was sent for ${seconds} s`
}
