/** A line of waiting calls that grows and grows: more is asked than can be served. Pure. */
import { risingProbability, theilSenSlope } from '../../ground/mann-kendall.ts'
import type { Series } from './bins.ts'
import { chanceMax, type Finding } from './finding.ts'

const binsMin = 10
/** A short line is nobody's trouble, nor one that hardly grows. */
const waitingMin = 10
const growthMin = 10

/** @param series calls that wait, by the minute */
export function queueGrowth({ x, y }: Series): Finding | null {
  const now = y.at(-1) ?? 0
  if (y.length < binsMin || now < waitingMin || risingProbability(y) >= chanceMax) return null
  const slope = theilSenSlope(x, y)
  if (slope * ((x.at(-1) ?? 0) - (x[0] ?? 0)) < growthMin) return null
  return {
    severity: 'warning',
    words: `has ${Math.round(now)} calls waiting, ${(slope * 60_000).toFixed(1)} more each minute`,
  }
}
