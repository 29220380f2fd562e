/**
 * Is there a trend, and how steep? Mann–Kendall asks whether a series rises more than chance would let it, Theil–Sen
 * how fast; neither is bent by a wild sample. All pairs are looked at: for some hundred samples, not for thousands.
 */
import { median } from './theil-sen.ts'

/** Theil–Sen slope: the median of the slopes of all pairs; y per x. One wild sample cannot bend it. */
export function theilSenSlope(x: readonly number[], y: readonly number[]): number {
  return median(pairSlopes(x, y))
}

export interface SlopeRange {
  readonly slope: number
  /** The slope is as good as never less than this. */
  readonly slopeMin: number
}

/**
 * The slope with the lower bound of its 95 % interval, from the ranks of the slopes of all pairs (Sen, 1968):
 * the (N − 1.96 σ) / 2 -th of N, σ that of the Mann–Kendall score.
 */
export function slopeRange(x: readonly number[], y: readonly number[]): SlopeRange {
  const slopes = pairSlopes(x, y).toSorted((a, b) => a - b)
  const rank = Math.floor((slopes.length - 1.96 * Math.sqrt(scoreVariance(y))) / 2)
  return { slope: median(slopes), slopeMin: slopes[Math.max(0, rank)] ?? Number.NaN }
}

function pairSlopes(x: readonly number[], y: readonly number[]): number[] {
  const slopes: number[] = []
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      const run = (x[j] ?? 0) - (x[i] ?? 0)
      if (run !== 0) slopes.push(((y[j] ?? 0) - (y[i] ?? 0)) / run)
    }
  }
  return slopes
}

/**
 * Mann–Kendall trend test: the one-sided probability that a series without a trend rises at least this much.
 * Normal approximation with continuity correction and the variance corrected for ties; good from about ten samples.
 * Neighbours in time that resemble each other tell less than strangers do: the variance grows by what they share.
 */
export function risingProbability(y: readonly number[]): number {
  let score = 0
  for (let i = 0; i < y.length; i++) {
    for (let j = i + 1; j < y.length; j++) score += Math.sign((y[j] ?? 0) - (y[i] ?? 0))
  }
  const variance = scoreVariance(y)
  if (variance <= 0) return 1
  return upperTail((score - Math.sign(score)) / Math.sqrt(variance))
}

/** Of the Mann–Kendall score of a series without a trend. */
function scoreVariance(y: readonly number[]): number {
  const n = y.length
  const tieCounts = [...Map.groupBy(y, (value) => value).values()].map((group) => group.length)
  const tied = tieCounts.reduce((sum, t) => sum + t * (t - 1) * (2 * t + 5), 0)
  return ((n * (n - 1) * (2 * n + 5) - tied) / 18) * serialFactor(y)
}

/**
 * 1 + 2 Σ (1 − k/n) r(k), at least 1, over the lags k at which the ranks of the series, its trend taken off, are
 * correlated beyond chance (after Hamed and Rao, 1998). A correlation is only looked for up to a quarter of the length.
 */
function serialFactor(y: readonly number[]): number {
  const n = y.length
  const index = y.map((_, i) => i)
  const slope = theilSenSlope(index, y)
  const rest = y.map((value, i) => value - slope * i)
  const sorted = rest.toSorted((a, b) => a - b)
  // Of equal values the middle rank.
  const ranks = rest.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2)
  const off = ranks.map((rank) => rank - (n - 1) / 2)
  const own = off.reduce((sum, value) => sum + value * value, 0)
  if (own === 0) return 1
  let factor = 1
  for (let lag = 1; lag <= n / 4; lag++) {
    const shared = off.slice(lag).reduce((sum, value, i) => sum + value * (off[i] ?? 0), 0) / own
    if (Math.abs(shared) > 1.96 / Math.sqrt(n)) factor += 2 * (1 - lag / n) * shared
  }
  return Math.max(1, factor)
}

/** P(Z > z) of the standard normal, by the Abramowitz–Stegun polynomial 26.2.17 (error below 1e-7). */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z)
  const t = 1 / (1 + 0.2316419 * z)
  const series = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.31938153) * t
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series
}
