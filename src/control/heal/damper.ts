/**
 * Who goes up and down all the time is left alone for a while: each time costs a penalty that halves with time; above
 * one bound it is suppressed, until it has fallen below a lower one. As routers do with routes (RFC 2439, with the
 * values that are usual there).
 */

const penalty = 1000
const suppressAt = 3000
const reuseAt = 750
const halfLifeMs = 15 * 60_000
/** However much it flaps, it is let in again after an hour. */
const penaltyMax = reuseAt * 2 ** (60 / 15)

export interface Damped {
  readonly value: number
  readonly atMs: number
  readonly isSuppressed: boolean
  /** When it flapped last. */
  readonly flappedMs: number
}

export const calm: Damped = { value: 0, atMs: 0, isSuppressed: false, flappedMs: 0 }

/** As it is now. */
export function decay({ value, atMs, isSuppressed, flappedMs }: Damped, nowMs: number): Damped {
  const left = value * 0.5 ** (Math.max(0, nowMs - atMs) / halfLifeMs)
  return { value: left, atMs: nowMs, isSuppressed: isSuppressed && left > reuseAt, flappedMs }
}

/** It went down, or up. */
export function flap(before: Damped, nowMs: number): Damped {
  const { value, isSuppressed } = decay(before, nowMs)
  const next = Math.min(penaltyMax, value + penalty)
  return { value: next, atMs: nowMs, isSuppressed: isSuppressed || next >= suppressAt, flappedMs: nowMs }
}
