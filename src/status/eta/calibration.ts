/**
 * Ranges that keep their promise: each end that lies outside moves the level of that side outwards a little, each one
 * inside moves it inwards by so much less that the promised share is outside (adaptive conformal inference, Gibbs and
 * Candès 2021, for each bound by itself).
 */

/** Shares of ends that are aimed to lie beyond each bound. */
export interface Aims {
  /** Sooner than the range. */
  readonly below: number
  /** Later than what nine in ten are over by. */
  readonly after: number
  /** Later than the range. */
  readonly above: number
}

/** What is promised. */
export const promised: Aims = { below: 0.05, after: 0.1, above: 0.05 }

const step = 0.005
/** Ranges are widened and taken back, but never narrower than they were learnt to be, nor without an end. */
const leastShare = 0.4

export interface Outcome {
  readonly lowMin: number
  readonly overByMin: number
  readonly highMin: number
  /** How long it really took. */
  readonly leftMin: number
  /** How much this outcome counts; those of one incident together count 1. */
  readonly share: number
}

export function noteOutcome(aims: Aims, { lowMin, overByMin, highMin, leftMin, share }: Outcome): Aims {
  return {
    below: moved(aims, 'below', leftMin < lowMin, share),
    after: moved(aims, 'after', leftMin > overByMin, share),
    above: moved(aims, 'above', leftMin > highMin, share),
  }
}

function moved(aims: Aims, bound: keyof Aims, isMiss: boolean, share: number): number {
  const promise = promised[bound]
  const next = aims[bound] + step * share * (promise - (isMiss ? 1 : 0))
  return Math.min(promise, Math.max(promise * leastShare, next))
}
