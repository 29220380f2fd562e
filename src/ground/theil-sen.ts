/**
 * A line through points that may lie: Theil's incomplete method (1950). The points are sorted by x and each of the
 * lower half is paired with its partner in the upper half; slope and intercept are medians, so up to a quarter of wild
 * points moves neither.
 */

export interface Line {
  readonly intercept: number
  readonly slope: number
}

/** The middle value; NaN for none. Sorts a copy. */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort()
  const { length } = sorted
  if (length === 0) return Number.NaN
  const middle = length >> 1
  return length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** Points that share one x have no slope: it is 0 then. NaN intercept for no points. O(n log n). */
export function theilSen(xs: readonly number[], ys: readonly number[]): Line {
  const order = xs.map((_, i) => i).sort((a, b) => (xs[a] as number) - (xs[b] as number))
  const half = order.length >> 1
  const offset = order.length - half
  const slopes: number[] = []
  for (let i = 0; i < half; i++) {
    const [low, high] = [order[i] as number, order[i + offset] as number]
    const dx = (xs[high] as number) - (xs[low] as number)
    if (dx > 0) slopes.push(((ys[high] as number) - (ys[low] as number)) / dx)
  }
  const slope = slopes.length > 0 ? median(slopes) : 0
  return { slope, intercept: median(xs.map((x, i) => (ys[i] as number) - slope * x)) }
}
