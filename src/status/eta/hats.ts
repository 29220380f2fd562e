/**
 * A curve over elapsed time by hat functions: at each moment two neighbouring knots count, by how near they are in the
 * logarithm. Beyond the last knot what is left grows with what has passed: there are too few to know better.
 */
import { dot } from './median-ridge.ts'

/** Minutes. */
export const knotsMin = [0, 20, 60, 150, 400, 1400] as const
const softenMin = 10
const at = knotsMin.map(soft)

function soft(minutes: number): number {
  return Math.log(minutes + softenMin)
}

/** Weights of the knots at a moment; they sum to 1. */
export function hats(elapsedMin: number): Float64Array {
  const weights = new Float64Array(at.length)
  const x = soft(elapsedMin)
  const above = at.findIndex((knot) => knot > x)
  if (above < 1) {
    weights[above === 0 ? 0 : at.length - 1] = 1
    return weights
  }
  const [low, high] = [at[above - 1] as number, at[above] as number]
  weights[above] = (x - low) / (high - low)
  weights[above - 1] = 1 - weights[above]
  return weights
}

/** What is added beyond the last knot, in ln. */
export function beyond(elapsedMin: number): number {
  return Math.max(0, soft(elapsedMin) - (at.at(-1) as number))
}

/** A curve's height at a moment. */
export function curveAt(curve: readonly number[], elapsedMin: number): number {
  return dot(hats(elapsedMin), curve) + beyond(elapsedMin)
}
