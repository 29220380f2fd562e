/**
 * How wrong a forecast will be: the usual error, the error of the last hours, and one learnt from both, from the hour,
 * from how much the experts differ and from the level. Learnt on logarithms, as a factor of the usual error.
 */
import { RecursiveRidge } from './recursive-ridge.ts'

const usualDays = 3
const recentDays = 0.1
const lastDays = 0.02
const dayDays = 0.7
const hourRate = 0.25
const learnDays = 10
const priorDays = 2
const least = 1e-6
/** The error of counts, and this share of the level: until the first error is known. On the root scale. */
const firstError = 0.4
const firstShare = 0.1
const features = 10

export const spreadWays = 3

export interface SpreadSight {
  /** Usual, recent, learnt: each the expected size of the error. */
  readonly sizes: Float64Array
  readonly features: Float64Array
  readonly hour: number
  /** Of the level against the usual: low, below, above, high. */
  readonly tier: number
  /** No error was known yet: the sizes are a guess, and errors in units of them teach nothing. */
  readonly isUnlearnt: boolean
}

export class Spread {
  readonly #ridge: RecursiveRidge
  readonly #hours = new Float64Array(24)
  readonly #rates: readonly [usual: number, recent: number, last: number, day: number]
  readonly #hourKeep: number
  #count = 0
  #usual = least
  #recent = least
  #last = least
  #day = least
  #dispersion = least
  #level = least

  constructor(dayBins: number) {
    this.#ridge = new RecursiveRidge(features, learnDays * dayBins, priorDays * dayBins)
    const rate = (days: number): number => 1 - 2 ** (-1 / Math.max(1, days * dayBins))
    this.#rates = [rate(usualDays), rate(recentDays), rate(lastDays), rate(dayDays)]
    this.#hourKeep = 1 - (hourRate * 24) / dayBins
  }

  /** `dispersion` of the experts, the forecast's own `level`, and the target's hour. */
  see(dispersion: number, level: number, hour: number): SpreadSight {
    const isUnlearnt = this.#count === 0
    const usual = isUnlearnt ? firstError + firstShare * level : this.#usual
    const recently = isUnlearnt ? usual : this.#recent
    const ratio = (value: number, of: number): number => Math.log(Math.max(0.05, Math.min(20, value / of)))
    const seen = Float64Array.of(
      1,
      ratio(recently, usual),
      ratio(this.#hours[hour] || usual, usual),
      ratio(dispersion, this.#dispersion),
      ratio(level, this.#level),
      ratio(this.#last, usual),
      ratio(this.#day, usual),
      wave(hour, 0),
      wave(hour, 6),
      ratio(level, this.#level) ** 2,
    )
    const learnt = usual * Math.exp(Math.max(-2, Math.min(2, this.#ridge.predict(seen))))
    const ofLevel = level / this.#level
    const tier = ofLevel < 0.5 ? 0 : ofLevel < 1 ? 1 : ofLevel < 1.6 ? 2 : 3
    const sizes = Float64Array.of(usual, Math.sqrt(usual * recently), learnt)
    return { tier, sizes, features: seen, hour, isUnlearnt }
  }

  learn({ features: seen, hour }: SpreadSight, dispersion: number, level: number, error: number): void {
    const size = Math.max(least, Math.abs(error))
    this.#count++
    const first = 1 / this.#count
    const [usualRate, recentRate, lastRate, dayRate] = this.#rates
    // ln|x| of an error lies some 0.4 under the logarithm of its mean size; the constant learns that.
    const target = Math.log(Math.max(0.05, Math.min(20, size / this.#usual)))
    if (this.#count > 20) this.#ridge.learn(seen, target)
    this.#usual += Math.max(usualRate, first) * (size - this.#usual)
    this.#recent += Math.max(recentRate, first) * (size - this.#recent)
    this.#last += Math.max(lastRate, first) * (size - this.#last)
    this.#day += Math.max(dayRate, first) * (size - this.#day)
    const before = this.#hours[hour] || this.#usual
    this.#hours[hour] = before * this.#hourKeep + size * (1 - this.#hourKeep)
    this.#dispersion += Math.max(usualRate, first) * (Math.max(least, dispersion) - this.#dispersion)
    this.#level += Math.max(usualRate, first) * (Math.max(least, level) - this.#level)
  }
}

function wave(hour: number, shift: number): number {
  return 0.5 * Math.sin((2 * Math.PI * (hour + shift)) / 24)
}
