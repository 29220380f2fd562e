/**
 * One load forecast from its beginning: the forecast from its end, how right the forecasts were lately, and what
 * carries them.
 */
import { quantileShares } from './band.ts'
import type { BandPoint } from './band-plot.ts'
import { type Carrier, type Forecast, Forecaster, quantileAt } from './forecaster.ts'

export interface HorizonReview {
  readonly bins: number
  /** Of the end of the load; undefined where there was none. */
  readonly forecast: Forecast | undefined
  /** Absolute errors as a share of the loads, of the days looked back on; null where nothing could be judged. */
  readonly wape: number | null
  /** The same of "as now". */
  readonly wapeAsNow: number | null
  /** Share of values below the 90 %. */
  readonly coverage90: number | null
  readonly count: number
  readonly carriers: readonly Carrier[]
}

export interface Review {
  readonly horizons: readonly HorizonReview[]
  /** The last bins, as the longest horizon said them; behind them what is to come. */
  readonly points: readonly BandPoint[]
}

export interface ReviewOrder {
  readonly binMin: number
  readonly horizonBins: readonly number[]
  /** How far back forecasts are judged. */
  readonly judgedBins: number
  readonly shownBins: number
}

const at10 = quantileShares.indexOf(0.1)

export function review(loads: Float64Array, order: ReviewOrder): Review {
  const { binMin, horizonBins, judgedBins, shownBins } = order
  const forecaster = new Forecaster(binMin, horizonBins)
  const said = horizonBins.map((): (Forecast | undefined)[] => [])
  for (const load of loads) for (const [index, each] of forecaster.step(load).entries()) said[index]?.push(each)
  const horizons = horizonBins.map((bins, index) => {
    const all = said[index] ?? []
    const from = Math.max(bins, loads.length - judgedBins)
    return { bins, forecast: all.at(-1), ...judge(loads, all, bins, from), carriers: forecaster.carriers(index) }
  })
  const longest = horizonBins.length - 1
  return { horizons, points: points(loads, said[longest] ?? [], horizonBins[longest] ?? 1, shownBins) }
}

function judge(
  loads: Float64Array,
  said: readonly (Forecast | undefined)[],
  bins: number,
  from: number,
): Pick<HorizonReview, 'wape' | 'wapeAsNow' | 'coverage90' | 'count'> {
  let [sum, errors, errorsAsNow, below, count] = [0, 0, 0, 0, 0]
  for (let bin = from; bin < loads.length; bin++) {
    const [load, then, forecast] = [loads[bin] as number, loads[bin - bins] as number, said[bin - bins]]
    if (Number.isNaN(load) || Number.isNaN(then) || !forecast) continue
    count++
    sum += load
    errors += Math.abs(load - forecast.value)
    errorsAsNow += Math.abs(load - then)
    if (load <= quantileAt(forecast, 0.9) * (1 + 1e-9)) below++
  }
  if (sum === 0) return { wape: null, wapeAsNow: null, coverage90: null, count }
  return { wape: errors / sum, wapeAsNow: errorsAsNow / sum, coverage90: below / count, count }
}

function points(
  loads: Float64Array,
  said: readonly (Forecast | undefined)[],
  bins: number,
  shownBins: number,
): BandPoint[] {
  const first = Math.max(0, loads.length - shownBins)
  return Array.from({ length: loads.length + bins - first }, (_, index) => {
    const forecast = said[first + index - bins]
    const none = Number.NaN
    return {
      load: loads[first + index] ?? none,
      value: forecast?.value ?? none,
      low: forecast?.quantiles[at10] ?? none,
      high: forecast ? quantileAt(forecast, 0.9) : none,
    }
  })
}
