/**
 * Quantiles around a forecast: what it missed lately, in units of how wrong it is expected to be (`Spread`), over two
 * memories and by how high the level is, blended by pinball loss; then moved until as many values lie below as should
 * (quantile tracking: Gibbs and Candès 2021, Angelopoulos et al. 2023).
 */
import { Residuals } from './residuals.ts'
import { Spread, type SpreadSight, spreadWays } from './spread.ts'
import { Weighing } from './weighing.ts'

/** The shares of values that shall lie below. */
export const quantileShares = [0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998] as const

const memoryDays = [0.3, 1.5] as const
const weighingDays = 3
/** Gentler than where medians are weighed: pinball losses of a far quantile rest on a few values. */
const steepness = 8
/** How far a day of values on the wrong side moves a quantile, in expected errors. */
const dayMove = 16
/** A load this near a quantile, as a share of it, lies on it. */
const tie = 1e-9
const tiers = 4
const tierDays = 8
const experts = spreadWays * memoryDays.length + 1

export interface BandSight {
  readonly center: number
  readonly dispersion: number
  readonly spread: SpreadSight
  /** What each expert said of each quantile, on the forecast's scale; by quantile. */
  readonly guesses: readonly Float64Array[]
  /** Ascending, on the forecast's scale. */
  readonly quantiles: Float64Array
}

export class Band {
  readonly #spread: Spread
  readonly #residuals: readonly Residuals[]
  readonly #tiers: readonly Residuals[]
  readonly #weighings: readonly Weighing[]
  readonly #offsets = new Float64Array(quantileShares.length)
  readonly #step: number
  readonly #written = new Float64Array(quantileShares.length)

  constructor(dayBins: number) {
    this.#spread = new Spread(dayBins)
    this.#step = dayMove / dayBins
    const each = memoryDays.flatMap((days) => Array.from({ length: spreadWays }, () => new Residuals(days * dayBins)))
    this.#residuals = each
    this.#tiers = Array.from({ length: tiers }, () => new Residuals(tierDays * dayBins))
    this.#weighings = quantileShares.map(() => new Weighing(experts, weighingDays * dayBins, steepness))
  }

  /** Around `center`, for a target at `hour` of the day, when the experts differ by `dispersion`. */
  see(center: number, dispersion: number, hour: number): BandSight {
    const spread = this.#spread.see(dispersion, center, hour)
    const guesses = quantileShares.map(() => new Float64Array(experts))
    for (const [expert, residuals] of this.#residuals.entries()) {
      residuals.write(quantileShares, this.#written)
      const size = spread.sizes[expert % spreadWays] as number
      for (const [at, guess] of guesses.entries()) guess[expert] = center + size * (this.#written[at] as number)
    }
    const learnt = spread.sizes[spreadWays - 1] as number
    this.#tiers[spread.tier]?.write(quantileShares, this.#written)
    for (const [at, guess] of guesses.entries()) guess[experts - 1] = center + learnt * (this.#written[at] as number)
    const quantiles = new Float64Array(quantileShares.length)
    for (const [at, guess] of guesses.entries()) {
      const mean = (this.#weighings[at] as Weighing).mean(guess)
      quantiles[at] = Math.max(0, mean + (this.#offsets[at] as number) * learnt)
    }
    return { center, dispersion, spread, guesses, quantiles: quantiles.sort() }
  }

  learn({ center, dispersion, spread, guesses, quantiles }: BandSight, value: number): void {
    const error = value - center
    if (spread.isUnlearnt) return this.#spread.learn(spread, dispersion, center, error)
    for (const [expert, residuals] of this.#residuals.entries())
      residuals.add(error / (spread.sizes[expert % spreadWays] as number))
    this.#tiers[spread.tier]?.add(error / (spread.sizes[spreadWays - 1] as number))
    for (const [at, share] of quantileShares.entries()) {
      const weighing = this.#weighings[at] as Weighing
      weighing.learn(guesses[at] as Float64Array, value, share)
      const quantile = quantiles[at] as number
      // Where most loads are 0, all of them lie below whatever is said: no reason to move it.
      if (Math.abs(value - quantile) <= tie * value) continue
      const isBelow = value <= quantile
      ;(this.#offsets[at] as number) += this.#step * (isBelow ? share - 1 : share)
    }
    this.#spread.learn(spread, dispersion, center, error)
  }
}
