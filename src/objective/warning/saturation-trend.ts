/**
 * A pool that is filling up: by its trend it will be full within a quarter of an hour, or it has been full for ten
 * minutes. Pure.
 */
import { risingProbability, theilSenSlope } from '../../ground/mann-kendall.ts'
import type { Series } from './bins.ts'
import { chanceMax, type Finding, hoursText } from './finding.ts'

const binsMin = 10
const fullShare = 0.95
/** Far from full, a rise is nothing to worry about. */
const shareMin = 0.6
const soonMs = 15 * 60_000

/** @param series share taken, 0 to 1, by the minute */
export function saturationTrend({ x, y }: Series): Finding | null {
  if (y.length < binsMin) return null
  if (y.slice(-binsMin).every((share) => share >= fullShare))
    return { severity: 'warning', words: 'has been full for 10 min' }
  const now = y.at(-1) ?? 0
  const slope = theilSenSlope(x, y)
  if (now < shareMin || now >= fullShare || !(slope > 0) || risingProbability(y) >= chanceMax) return null
  const fullInMs = (1 - now) / slope
  if (fullInMs > soonMs) return null
  return {
    severity: 'warning',
    words: `is ${Math.round(100 * now)} % taken and will be full in ${hoursText(fullInMs)} if it goes on so`,
  }
}
