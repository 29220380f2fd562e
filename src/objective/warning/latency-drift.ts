/**
 * First tokens that come later and later, though there is no more to do than before: something behind the gateway is
 * getting slower. A step counts as well as a slow rise. Pure.
 */
import { risingProbability, theilSenSlope } from '../../ground/mann-kendall.ts'
import { median, theilSen } from '../../ground/theil-sen.ts'
import type { Series } from './bins.ts'
import { chanceMax, type Finding } from './finding.ts'

const binsMin = 15
const recentCount = 3
/** From here on it is felt. */
const factorMin = 1.5

/**
 * @param logMs mean of the logarithms of first-token times, by five minutes
 * @param load calls under way in the same bins
 */
export function latencyDrift(logMs: Series, load: readonly number[]): Finding | null {
  const { x, y } = logMs
  if (y.length < binsMin || load.length !== y.length) return null
  const before = median(y.slice(0, -recentCount))
  const recent = y.slice(-recentCount)
  const rise = Math.log(factorMin)
  const isStep = recent.every((value) => value - before >= rise) && !isBusier(load)
  const rest = withoutLoad(y, load)
  const drift = theilSenSlope(x, rest) * ((x.at(-1) ?? 0) - (x[0] ?? 0))
  const isDrift = drift >= rise && risingProbability(rest) < chanceMax && median(recent) - before >= rise / 2
  if (!isStep && !isDrift) return null
  const ms = (log: number): string => `${Math.round(Math.exp(log))} ms`
  return {
    severity: 'warning',
    words: `begin after ${ms(median(recent))} where it was ${ms(before)}, at no greater load`,
  }
}

function isBusier(load: readonly number[]): boolean {
  return median(load.slice(-recentCount)) > 1.3 * median(load.slice(0, -recentCount)) + 0.5
}

/** What is left of a series when what rises and falls with the load is taken out. */
export function withoutLoad(y: readonly number[], load: readonly number[]): number[] {
  const { slope } = theilSen(load, y)
  return y.map((value, i) => value - Math.max(0, slope) * (load[i] ?? 0))
}
