/** What is known of how long incidents last before one of one's own has ended: few numbers, fitted to others'. */
import { curveAt, hats, knotsMin } from './hats.ts'
import { type SignName, signNames, signs } from './signs.ts'

export interface EtaPrior {
  /** ln of the minutes left, at each knot of elapsed time, where no sign speaks. */
  readonly curve: readonly number[]
  /** What a sign adds to it, for each unit of the sign. */
  readonly effects: Readonly<Record<SignName, number>>
  /** For each knot: how far ends lie from the estimate, in ln, as points of the same weight, ascending. */
  readonly spread: readonly (readonly number[])[]
}

/** Points of a spread: the middles of equal shares. */
export const spreadCount = 40

/** The regressors of a moment: the knots, then the signs. */
export function regressors(elapsedMin: number, read: Float64Array): Float64Array {
  const x = new Float64Array(knotsMin.length + signNames.length)
  x.set(hats(elapsedMin))
  x.set(read, knotsMin.length)
  return x
}

/** ln of the minutes left: the middle of what is possible. */
export function expectedLn({ curve, effects }: EtaPrior, elapsedMin: number, read: Float64Array): number {
  return curveAt(curve, elapsedMin) + signNames.reduce((sum, name, i) => sum + effects[name] * (read[i] as number), 0)
}

/** The spread at a moment, between those of the knots around it. */
export function spreadAt({ spread }: EtaPrior, elapsedMin: number): number[] {
  const weights = hats(elapsedMin)
  return Array.from({ length: spreadCount }, (_, i) =>
    spread.reduce((sum, points, knot) => sum + (weights[knot] as number) * (points[i] as number), 0),
  )
}

/** A reason for an estimate, for an operator: how many times as long, and why. */
export interface EtaReason {
  readonly sign: SignName
  /** Above 1: longer. */
  readonly factor: number
  /** Such as `a fix is in place`. */
  readonly words: string
}

/** Signs that make it longer or shorter by a tenth or more, the strongest first. */
export function reasonsFor({ effects }: EtaPrior, read: Float64Array): EtaReason[] {
  return signNames
    .map((sign, i) => ({
      sign,
      factor: Math.exp(effects[sign] * (read[i] as number)),
      words: wordsOf(sign, read[i] as number),
    }))
    .filter(({ factor }) => Math.abs(Math.log(factor)) >= Math.log(1.1))
    .toSorted((a, b) => Math.abs(Math.log(b.factor)) - Math.abs(Math.log(a.factor)))
}

function wordsOf(sign: SignName, value: number): string {
  const { high, low } = signs[sign]
  return value < 0 ? low : high
}
