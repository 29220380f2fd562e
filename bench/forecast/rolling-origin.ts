/**
 * Every bin an origin: forecasts of each method from what came before, scored on the last part where both the target
 * and the origin were seen.
 */
import { quantileShares } from '../../src/observe/forecast/band.ts'
import { Forecaster } from '../../src/observe/forecast/forecaster.ts'
import { Weighing } from '../../src/observe/forecast/weighing.ts'
import { type Baseline, baselines } from './baselines.ts'
import { ErrorBand } from './error-band.ts'
import type { Series } from './series.ts'

export interface MethodScore {
  readonly method: string
  /** Sum of absolute errors as a share of the sum of loads. */
  readonly wape: number
  /** Pinball loss of the 90 % as a share of the mean load. */
  readonly pinball90: number
  /** Share of the values below the 90 %. */
  readonly coverage90: number
}

export interface Cell {
  readonly series: string
  readonly horizonMin: number
  readonly count: number
  readonly scores: readonly MethodScore[]
  /** Of Holdfast's quantiles, in the order of `quantileShares`: the share of values below. */
  readonly coverage: readonly number[]
  /** The last origins' targets, what was said of them, and the 10 % and 90 %: for a plot. */
  readonly tail: readonly TailPoint[]
}

export interface TailPoint {
  readonly load: number
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface Rolled {
  readonly cells: readonly Cell[]
  /** CPU of the forecaster alone, all horizons of the series together. */
  readonly msPerBin: number
}

export const holdfast = 'Holdfast'
export const mixture = 'mixture'
const share = 0.9
const at90 = quantileShares.indexOf(share)

/** `scoredFrom` is the first bin that is scored. */
export function rollingOrigin(series: Series, scoredFrom: number): Rolled {
  const { loads, binMin, horizonMins } = series
  const bins = horizonMins.map((min) => Math.max(1, Math.round(min / binMin)))
  const forecaster = new Forecaster(binMin, bins)
  const values = bins.map(() => new Float64Array(loads.length).fill(Number.NaN))
  const quantiles = bins.map(() => new Float64Array(loads.length * quantileShares.length))
  const before = process.cpuUsage()
  for (const [bin, load] of loads.entries()) {
    for (const [index, said] of forecaster.step(load).entries()) {
      if (!said) continue
      ;(values[index] as Float64Array)[bin] = said.value
      quantiles[index]?.set(said.quantiles, bin * quantileShares.length)
    }
  }
  const { user, system } = process.cpuUsage(before)
  const cells = bins.map((ahead, index) => {
    const ours = { values: values[index] as Float64Array, quantiles: quantiles[index] as Float64Array }
    return scoreCell(series, horizonMins[index] as number, ahead, scoredFrom, ours)
  })
  return { cells, msPerBin: (user + system) / 1000 / loads.length }
}

interface Ours {
  readonly values: Float64Array
  readonly quantiles: Float64Array
}

function scoreCell(series: Series, horizonMin: number, ahead: number, scoredFrom: number, ours: Ours): Cell {
  const { loads, binMin } = series
  const dayBins = Math.round(1440 / binMin)
  const shares = quantileShares.length
  const isScored = (bin: number): boolean =>
    bin >= Math.max(scoredFrom, ahead) && !Number.isNaN(loads[bin]) && !Number.isNaN(loads[bin - ahead])
  const others = sayOthers(loads, ahead, dayBins)
  const sums = others.map(({ name }) => new Sum(name))
  const own = new Sum(holdfast)
  const coverage = new Float64Array(shares)
  const tail: TailPoint[] = []
  for (let bin = scoredFrom; bin < loads.length; bin++) {
    if (!isScored(bin)) continue
    const load = loads[bin] as number
    const origin = bin - ahead
    for (const [index, { values, highs }] of others.entries())
      sums[index]?.add(load, values[origin] as number, highs[origin] as number)
    const value = ours.values[origin] as number
    const at = origin * shares
    own.add(load, value, ours.quantiles[at + at90] as number)
    for (let index = 0; index < shares; index++)
      if (load <= (ours.quantiles[at + index] as number) * (1 + 1e-9)) (coverage[index] as number)++
    if (bin >= loads.length - 2 * dayBins)
      tail.push({ load, value, low: ours.quantiles[at] as number, high: ours.quantiles[at + at90] as number })
  }
  const scores = [...sums, own].map((sum) => sum.score())
  const shown = [...coverage].map((count) => count / own.count)
  return { series: series.name, horizonMin, count: own.count, scores, coverage: shown, tail }
}

interface Other {
  readonly name: string
  readonly values: Float64Array
  readonly highs: Float64Array
}

/** The baselines and their mixture, with plain bands. */
function sayOthers(loads: Float64Array, ahead: number, dayBins: number): Other[] {
  const each: Baseline[] = baselines(ahead, dayBins)
  const names = [...each.map(({ name }) => name), mixture]
  const all = names.map((name) => ({ name, values: blank(loads.length), highs: blank(loads.length) }))
  const bands = names.map(() => new ErrorBand(dayBins))
  const weighing = new Weighing(each.length, dayBins)
  const guesses = Array.from({ length: ahead }, () => new Float64Array(each.length).fill(Number.NaN))
  for (const [bin, load] of loads.entries()) {
    const slot = guesses[bin % ahead] as Float64Array
    if (bin >= ahead && !Number.isNaN(load) && !slot.some(Number.isNaN)) {
      weighing.learn(slot.map(Math.sqrt), Math.sqrt(load))
      for (const [index, band] of bands.entries()) band.learn(all[index]?.values[bin - ahead] as number, load)
    }
    for (const [index, baseline] of each.entries()) slot[index] = baseline.step(load)
    const mixed = weighing.mean(slot.map(Math.sqrt)) ** 2
    for (const [index, { values, highs }] of all.entries()) {
      values[bin] = slot[index] ?? mixed
      highs[bin] = bands[index]?.quantile(values[bin]) as number
    }
  }
  return all
}

const blank = (length: number): Float64Array => new Float64Array(length)

class Sum {
  readonly #method: string
  count = 0
  #loads = 0
  #errors = 0
  #pinball = 0
  #below = 0

  constructor(method: string) {
    this.#method = method
  }

  add(load: number, value: number, high: number): void {
    this.count++
    this.#loads += load
    this.#errors += Math.abs(load - value)
    this.#pinball += load > high ? share * (load - high) : (1 - share) * (high - load)
    if (load <= high * (1 + 1e-9)) this.#below++
  }

  score(): MethodScore {
    const wape = this.#errors / this.#loads
    return {
      method: this.#method,
      wape,
      pinball90: this.#pinball / this.#loads,
      coverage90: this.#below / this.count,
    }
  }
}
