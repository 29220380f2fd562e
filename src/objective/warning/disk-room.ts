/** The disk of the state folder: nearly full, or full soon by its trend. Pure. */
import { risingProbability, theilSenSlope } from '../../ground/mann-kendall.ts'
import type { Series } from './bins.ts'
import { chanceMax, type Finding, hoursText } from './finding.ts'

const lowShare = 0.1
const veryLowShare = 0.05
const binsMin = 12
const soonMs = 24 * 3_600_000
const verySoonMs = 4 * 3_600_000

/** @param free share of the disk that is free, 0 to 1, by five minutes */
export function diskRoom({ x, y }: Series): Finding | null {
  const now = y.at(-1)
  if (now === undefined) return null
  const left = `has ${(100 * now).toFixed(1)} % left`
  if (now < veryLowShare) return { severity: 'critical', words: left }
  const fullInMs = y.length < binsMin ? null : untilFullMs(x, y, now)
  if (fullInMs !== null && fullInMs < soonMs)
    return {
      severity: fullInMs < verySoonMs ? 'critical' : 'warning',
      words: `${left} and will be full in ${hoursText(fullInMs)} if it goes on so`,
    }
  return now < lowShare ? { severity: 'warning', words: left } : null
}

function untilFullMs(x: readonly number[], y: readonly number[], now: number): number | null {
  const used = y.map((free) => 1 - free)
  const slope = theilSenSlope(x, used)
  return slope > 0 && risingProbability(used) < chanceMax ? now / slope : null
}
