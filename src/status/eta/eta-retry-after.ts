/** What an estimate means for `Retry-After`: only where the end is minutes away, and surely so. */
import type { EtaEstimate } from './eta-learner.ts'

/** Nine in ten are over by then, or nothing is said: a client that sleeps for an hour is as good as lost. */
const overByMaxMin = 10
const roundSeconds = 5

/** Seconds, rounded up; null where it is no matter of minutes. */
export function etaRetryAfterSeconds({ medianMin, overByMin }: EtaEstimate): number | null {
  if (!(overByMin <= overByMaxMin)) return null
  return Math.max(1, Math.ceil((medianMin * 60) / roundSeconds)) * roundSeconds
}
