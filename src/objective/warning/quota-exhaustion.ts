/** What a provider allows is used up, or nearly: refusals for rate or money, and what it says is left. Pure. */
import type { QuotaCounts } from '../signs.ts'
import type { Series } from './bins.ts'
import type { Finding } from './finding.ts'

const limitedMin = 10
const limitedShareMin = 0.05
const leftShareMin = 0.1
const leftBinsMin = 5

/**
 * @param counts of the last quarter of an hour
 * @param left smallest share of its limits that it said was left, by the minute
 */
export function quotaExhaustion({ attempts, limited, spent }: QuotaCounts, left: Series): Finding | null {
  if (spent > 0) return { severity: 'critical', words: 'says that the quota or the money of a key is used up' }
  if (limited >= limitedMin && limited / attempts >= limitedShareMin)
    return {
      severity: 'warning',
      words: `refused ${Math.round((100 * limited) / attempts)} % of the calls of 15 min for their rate`,
    }
  const latest = left.y.slice(-leftBinsMin)
  if (latest.length < leftBinsMin || latest.some((share) => share >= leftShareMin)) return null
  return {
    severity: 'warning',
    words: `has said for ${leftBinsMin} min that less than ${100 * leftShareMin} % of its limit is left`,
  }
}
