/** The forecast of one horizon: experts on two scales, their blend, and what each origin saw until its target comes. */
import type { Random } from '../../ground/random.ts'
import { Band, type BandSight } from './band.ts'
import { Blend, type Blended } from './blend.ts'
import { type LearnerPlan, Learners, type Sight } from './learner.ts'
import { movedNames, Outlook } from './outlook.ts'
import { rootScale } from './scale.ts'
import { levelSpanMins, type SeriesView } from './series-view.ts'

const straight = { curves: 0, isAbsolute: false } as const
const plans: readonly LearnerPlan[] = [
  { halfLifeDays: 3, prior: 10, start: 'anchor', ...straight },
  { halfLifeDays: 10, prior: 200, start: 'anchor', ...straight },
  { halfLifeDays: 3, prior: 10, start: 'usual', ...straight },
  { halfLifeDays: 10, prior: 100, start: 'usual', ...straight },
  { halfLifeDays: 30, prior: 1000, start: 'half', ...straight },
  { halfLifeDays: 5, prior: 100, start: 'half', ...straight },
  { halfLifeDays: 5, prior: 30, start: 'half', curves: 40, isAbsolute: false },
  { halfLifeDays: 20, prior: 100, start: 'half', curves: 40, isAbsolute: false },
  { halfLifeDays: 20, prior: 100, start: 'half', curves: 80, isAbsolute: false },
  { halfLifeDays: 20, prior: 100, start: 'half', curves: 80, isAbsolute: true },
]
const simpleCount = levelSpanMins.length + movedNames.length
/** On the second scale the levels say the same; only what moves them is asked. */
const movedCount = movedNames.length
/** Where the curved learners of both scales stand among the experts: their mean is a way of its own. */
const curved = [simpleCount, simpleCount + plans.length + movedCount].flatMap((from) =>
  plans.flatMap(({ curves }, at) => (curves > 0 ? [from + at] : [])),
)

/** What is said of one bin, on the root scale. */
export interface Said {
  readonly value: number
  /** By `quantileShares`, ascending. */
  readonly quantiles: Float64Array
}

interface Origin extends Said {
  readonly sights: readonly Sight[]
  readonly blended: Blended
  readonly band: BandSight
}

export class Horizon {
  readonly bins: number
  readonly #views: readonly SeriesView[]
  readonly #learners: readonly Learners[]
  readonly #blend: Blend
  readonly #band: Band
  readonly #dayBins: number
  readonly #origins: (Origin | undefined)[]

  /** `views` of the same series: on the root scale first. */
  constructor(views: readonly SeriesView[], bins: number, random: Random) {
    this.bins = bins
    this.#views = views
    const dayBins = (views[0] as SeriesView).dayBins
    this.#learners = views.map(() => new Learners(plans, dayBins, random))
    this.#blend = new Blend(
      views.length * plans.length + simpleCount + (views.length - 1) * movedCount,
      curved,
      dayBins,
    )
    this.#band = new Band(dayBins)
    this.#dayBins = dayBins
    this.#origins = Array.from({ length: bins }, () => undefined)
  }

  /** Each expert's share of the blend, in the order of `expertNames`. */
  shares(): Float64Array {
    return this.#blend.shares()
  }

  /**
   * The newest bin's load teaches the origin it was the target of; then the newest bin is an origin itself. Undefined
   * before the first load.
   */
  step(load: number): Said | undefined {
    const now = this.#now()
    const slot = now % this.bins
    const origin = this.#origins[slot]
    if (origin && !Number.isNaN(load)) this.#learn(origin, load)
    const isSilent = Number.isNaN((this.#views[0] as SeriesView).anchor)
    const next = isSilent ? undefined : this.#look()
    this.#origins[slot] = next
    return next
  }

  #now(): number {
    return (this.#views[0] as SeriesView).bins - 1
  }

  #learn({ sights, blended, band }: Origin, load: number): void {
    for (const [index, view] of this.#views.entries()) {
      const sight = sights[index]
      if (sight) this.#learners[index]?.learn(sight, view.scale.of(load))
    }
    this.#blend.learn(blended, rootScale.of(load))
    this.#band.learn(band, rootScale.of(load))
  }

  #look(): Origin {
    const sights: Sight[] = []
    const all: number[] = []
    for (const [index, view] of this.#views.entries()) {
      const outlook = new Outlook(view, this.bins)
      const learners = this.#learners[index] as Learners
      const sight = learners.see(outlook)
      sights.push(sight)
      const simple = index === 0 ? outlook.guesses() : outlook.guesses().slice(-movedCount)
      const guesses = [...simple, ...learners.guesses(sight)]
      for (const guess of guesses)
        all.push(view.scale === rootScale ? Math.max(0, guess) : rootScale.of(view.scale.back(guess)))
    }
    const blended = this.#blend.blend(Float64Array.from(all))
    const { value } = blended
    let dispersion = 0
    for (const guess of all) dispersion += Math.abs(guess - value) / all.length
    const target = (this.#now() + this.bins) % this.#dayBins
    const band = this.#band.see(value, dispersion, Math.floor((target / this.#dayBins) * 24))
    return { sights, blended, band, value, quantiles: band.quantiles }
  }
}

/** What the shares are the shares of. */
export function expertNames(scales: readonly string[]): string[] {
  return scales.flatMap((scale, index) => {
    const simple = index === 0 ? [...levelSpanMins.map((min) => `level of ${min} min`), ...movedNames] : movedNames
    return [...simple, ...plans.map(nameOf)].map((name) => (index === 0 ? name : `${name}, ${scale} scale`))
  })
}

function nameOf({ curves, halfLifeDays, start, isAbsolute }: LearnerPlan): string {
  const kind = curves > 0 ? `${curves} curves` : 'ridge'
  return `${kind} of ${halfLifeDays} days from ${start}${isAbsolute ? ', by absolute errors' : ''}`
}
