/** How good estimates were, in ln of minutes: an hour for ten minutes is as wrong as ten minutes for an hour. */
import { seededRandom } from '../../src/ground/random.ts'
import type { Shot } from './replay.ts'

export interface Score {
  readonly method: string
  readonly count: number
  /** Mean absolute error of ln minutes. */
  readonly error: number
  readonly withinFactor2: number
  /** Shares; NaN where the method gives no range. */
  readonly overByP90: number
  readonly inRange: number
  readonly pinball90: number
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length
const ln = Math.log

export function errorOf({ leftMin, guess: { medianMin } }: Shot): number {
  return Math.abs(ln(leftMin) - ln(Math.max(0.5, medianMin)))
}

export function scoreOf(method: string, shots: readonly Shot[]): Score {
  const hasRange = shots.every(({ guess }) => Number.isFinite(guess.overByMin))
  const shareOf = (holds: (shot: Shot) => boolean): number =>
    hasRange ? mean(shots.map((shot) => (holds(shot) ? 1 : 0))) : Number.NaN
  return {
    method,
    count: shots.length,
    error: mean(shots.map(errorOf)),
    withinFactor2: mean(shots.map((shot) => (errorOf(shot) <= Math.LN2 ? 1 : 0))),
    overByP90: shareOf(({ leftMin, guess }) => leftMin <= guess.overByMin),
    inRange: shareOf(({ leftMin, guess }) => leftMin >= guess.lowMin && leftMin <= guess.highMin),
    pinball90: hasRange ? mean(shots.map(pinball)) : Number.NaN,
  }
}

function pinball({ leftMin, guess: { overByMin } }: Shot): number {
  const short = ln(leftMin) - ln(Math.max(0.5, overByMin))
  return Math.max(0.9 * short, -0.1 * short)
}

export interface Comparison {
  /** Mean of ours less mean of theirs, and nine in ten of its bootstrap values. */
  readonly difference: number
  readonly low: number
  readonly high: number
  /** Share of resamples in which ours is not better. */
  readonly p: number
}

/** Paired bootstrap: both of the same incidents, drawn with replacement. */
export function compare(ours: readonly Shot[], theirs: readonly Shot[], resamples = 4000): Comparison {
  const random = seededRandom(1)
  const differences = ours.map((shot, i) => errorOf(shot) - errorOf(theirs[i] as Shot))
  const drawn = Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < differences.length; i++) {
      sum += differences[Math.floor(random.unit() * differences.length)] as number
    }
    return sum / differences.length
  }).toSorted((a, b) => a - b)
  const at = (share: number): number => drawn[Math.floor(share * (resamples - 1))] as number
  return {
    difference: mean(differences),
    low: at(0.05),
    high: at(0.95),
    p: drawn.filter((each) => each >= 0).length / resamples,
  }
}
