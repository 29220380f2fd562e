/**
 * A leak: memory that grows though the work does not. Looked at is the floor, the least of each five minutes, which
 * garbage does not move; it must rise beyond chance (Mann–Kendall, two-sided 0.001), its slope be surely above nothing
 * (Theil–Sen, lower bound), and the end be near. Pure.
 */
import { risingProbability, slopeRange } from '../../ground/mann-kendall.ts'
import type { Series } from './bins.ts'
import { type Finding, hoursText } from './finding.ts'
import { withoutLoad } from './latency-drift.ts'

/** Three hours. */
export const memoryBinsMin = 36
/** |Z| > 3.29. */
const leakChanceMax = 0.0005
/** Where new calls begin to be refused. */
const shareMax = 0.92
const soonMs = 6 * 3_600_000
const veryNearMs = 1_800_000

/**
 * @param share floor of the share of memory that is used, by five minutes
 * @param load calls under way in the same bins
 */
export function memorySlope({ x, y }: Series, load: readonly number[]): Finding | null {
  if (y.length < memoryBinsMin || load.length !== y.length) return null
  const rest = withoutLoad(y, load)
  if (risingProbability(rest) >= leakChanceMax) return null
  const { slope, slopeMin } = slopeRange(x, rest)
  if (!(slopeMin > 0)) return null
  const now = y.at(-1) ?? 0
  const fullInMs = Math.max(0, shareMax - now) / slope
  if (fullInMs > soonMs) return null
  return {
    severity: fullInMs < veryNearMs ? 'critical' : 'warning',
    words: `grows though the work does not: ${Math.round(100 * now)} % is used, ${(100 * slope * 3_600_000).toFixed(1)} % more each hour, and calls will be refused in ${hoursText(fullInMs)}`,
  }
}
