/**
 * Ranges that keep their promise: each end that lies outside moves the level of that side outwards a little, each one
 * inside moves it inwards by so much less that one in twenty is outside (adaptive conformal inference, Gibbs and Candès
 * 2021, for each side by itself).
 */

export interface Misses {
  /** Shares of ends that lie below and above the range, as it is aimed at. */
  readonly below: number
  readonly above: number
}

/** What one side misses. */
const aim = 0.05
const step = 0.02
/** The aim may not leave these: a range is never empty, nor without an end. */
const aimMin = 0.015
const aimMax = 0.1

export const noMisses: Misses = { below: aim, above: aim }

export interface Outcome {
  readonly lowMin: number
  readonly highMin: number
  /** How long it really took. */
  readonly leftMin: number
  /** How much this outcome counts; those of one incident together count 1. */
  readonly share: number
}

export function noteOutcome({ below, above }: Misses, { lowMin, highMin, leftMin, share }: Outcome): Misses {
  return {
    below: moved(below, leftMin < lowMin, share),
    above: moved(above, leftMin > highMin, share),
  }
}

function moved(side: number, isMiss: boolean, share: number): number {
  return Math.min(aimMax, Math.max(aimMin, side + step * share * (aim - (isMiss ? 1 : 0))))
}

/** Levels of the quantiles: both ends of the range, and what nine in ten are over by. */
export function levelsOf({ below, above }: Misses): { low: number; over: number; high: number } {
  return { low: below, over: 1 - 2 * above, high: 1 - above }
}
