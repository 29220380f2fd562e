/**
 * Does a series grow? Only where chance would hardly make it rise so (Mann–Kendall, once in a hundred runs) and it
 * rises by a size that matters (Theil–Sen slope times the length, beyond a fixed amount and beyond a share of what is
 * there).
 */
import { risingProbability, theilSenSlope } from './mann-kendall.ts'
import { median } from './theil-sen.ts'

const chanceMax = 0.01

export interface Trend {
  readonly isGrowing: boolean
  readonly median: number
  /** y per x. */
  readonly slope: number
  /** Over the whole length. */
  readonly growth: number
  readonly chance: number
}

/** `growthMin` in the unit of y, `shareMin` of the median, 0 to 1. */
export function judgeTrend(
  x: readonly number[],
  y: readonly number[],
  { growthMin, shareMin }: { readonly growthMin: number; readonly shareMin: number },
): Trend {
  const slope = theilSenSlope(x, y)
  const growth = slope * ((x.at(-1) ?? 0) - (x[0] ?? 0))
  const chance = risingProbability(y)
  const middle = median(y)
  const isGrowing = chance < chanceMax && growth > growthMin && growth > shareMin * middle
  return { isGrowing, median: middle, slope, growth, chance }
}
