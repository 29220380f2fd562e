/**
 * Forecasts one series of loads, bin by bin, at several horizons: an online mixture of simple experts with calibrated
 * quantiles. It sees the past only, learns as it goes, and needs no setting for the series at hand.
 */
import { seededRandom } from '../../ground/random.ts'
import { quantileShares } from './band.ts'
import { expertNames, Horizon } from './horizon.ts'
import { logScale, rootScale } from './scale.ts'
import { SeriesView } from './series-view.ts'

export interface Forecast {
  /** The median, in the loads' unit. */
  readonly value: number
  /** Loads that `quantileShares` of the values lie below; ascending. */
  readonly quantiles: Float64Array
}

export interface Carrier {
  readonly name: string
  /** 0 to 1; all together 1. */
  readonly share: number
}

/** Fixed, so that the same loads give the same forecasts. */
const seed = 7

export class Forecaster {
  readonly horizonBins: readonly number[]
  readonly #views: readonly SeriesView[]
  readonly #horizons: readonly Horizon[]

  /** Bins of `binMin` minutes, a whole part of a day; horizons in bins, from 1 up. */
  constructor(binMin: number, horizonBins: readonly number[]) {
    this.horizonBins = horizonBins
    this.#views = [new SeriesView(rootScale, binMin), new SeriesView(logScale, binMin)]
    this.#horizons = horizonBins.map((bins) => new Horizon(this.#views, bins, seededRandom(seed)))
  }

  /** The next bin's load; NaN for a gap, an incident or a maintenance. By horizon; undefined until there was a load. */
  step(load: number): (Forecast | undefined)[] {
    const known = load >= 0 && Number.isFinite(load) ? load : Number.NaN
    for (const view of this.#views) view.add(view.scale.of(known))
    return this.#horizons.map((horizon) => {
      const said = horizon.step(known)
      return (
        said && { value: rootScale.back(said.value), quantiles: said.quantiles.map((each) => rootScale.back(each)) }
      )
    })
  }

  /** Which experts the forecast of a horizon rests on, the heaviest first. */
  carriers(horizon: number): Carrier[] {
    const shares = this.#horizons[horizon]?.shares() ?? []
    const names = expertNames(this.#views.map((view) => view.scale.name))
    return names.map((name, at) => ({ name, share: shares[at] ?? 0 })).sort((a, b) => b.share - a.share)
  }
}

/** The load that `share` of the values lie below, 0.1 to 0.998: between the known quantiles by the odds' logarithm. */
export function quantileAt({ quantiles }: Forecast, share: number): number {
  const last = quantileShares.length - 1
  const tail = (of: number): number => Math.log(1 - of)
  let above = quantileShares.findIndex((each) => each >= share)
  if (above < 0) above = last
  if (above === 0) return quantiles[0] as number
  const [low, high] = [quantileShares[above - 1] as number, quantileShares[above] as number]
  const part = Math.min(1, (tail(share) - tail(low)) / (tail(high) - tail(low)))
  const from = quantiles[above - 1] as number
  return from + part * ((quantiles[above] as number) - from)
}
