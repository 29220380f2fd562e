/** A distribution as weighted points: what was learnt elsewhere, one's own, and what a remedy promises, in one list. */

export interface Point {
  readonly value: number
  readonly weight: number
}

/**
 * Where these shares of the weight lie below, shares ascending between 0 and 1. Each point stands in the middle of its
 * own weight, and between two of them it is a straight line. NaN for no points.
 */
export function quantilesOf(points: readonly Point[], shares: readonly number[]): number[] {
  const sorted = points.filter(({ weight }) => weight > 0).toSorted((a, b) => a.value - b.value)
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0)
  return shares.map((share) => quantileAt(sorted, share * total))
}

function quantileAt(sorted: readonly Point[], target: number): number {
  let below = 0
  let lastAt = Number.NaN
  let last = Number.NaN
  for (const { value, weight } of sorted) {
    const middle = below + weight / 2
    if (middle >= target) {
      return Number.isNaN(last) ? value : last + ((value - last) * (target - lastAt)) / (middle - lastAt)
    }
    below += weight
    lastAt = middle
    last = value
  }
  return last
}
