/** Forecasts one series of loads, bin by bin, at several horizons. */
import { seededRandom } from '../../ground/random.ts'
import { Horizon } from './horizon.ts'
import { logScale, rootScale } from './scale.ts'
import { SeriesView } from './series-view.ts'

export class Forecaster {
  readonly #views: readonly SeriesView[]
  readonly #horizons: readonly Horizon[]

  /** Bins of `binMin` minutes, horizons in bins. */
  constructor(binMin: number, horizonBins: readonly number[]) {
    this.#views = [new SeriesView(rootScale, binMin), new SeriesView(logScale, binMin)]
    this.#horizons = horizonBins.map((bins) => new Horizon(this.#views, bins, seededRandom(7)))
  }

  /** The next bin's load, NaN for a gap. The median forecast of each horizon. */
  step(load: number): number[] {
    for (const view of this.#views) view.add(view.scale.of(load))
    return this.#horizons.map((horizon) => rootScale.back(horizon.step(load)))
  }
}
