/** The forecast of one horizon: experts on two scales, their blend, and what each origin saw until its target comes. */
import type { Random } from '../../ground/random.ts'
import { Blend, type Blended } from './blend.ts'
import { type LearnerPlan, Learners, type Sight } from './learner.ts'
import { Outlook } from './outlook.ts'
import { rootScale } from './scale.ts'
import { levelSpanMins, type SeriesView } from './series-view.ts'

const plans: readonly LearnerPlan[] = [
  { halfLifeDays: 3, prior: 10, start: 'anchor', isCurved: false },
  { halfLifeDays: 10, prior: 200, start: 'anchor', isCurved: false },
  { halfLifeDays: 3, prior: 10, start: 'usual', isCurved: false },
  { halfLifeDays: 10, prior: 100, start: 'usual', isCurved: false },
  { halfLifeDays: 30, prior: 1000, start: 'half', isCurved: false },
  { halfLifeDays: 5, prior: 100, start: 'half', isCurved: false },
  { halfLifeDays: 5, prior: 30, start: 'half', isCurved: true },
  { halfLifeDays: 20, prior: 100, start: 'half', isCurved: true },
]
const simpleCount = levelSpanMins.length + 9
/** On the second scale the levels say the same; only what moves them is asked. */
const movedCount = 9

interface Origin {
  readonly sights: readonly Sight[]
  readonly blended: Blended
}

export class Horizon {
  readonly bins: number
  readonly #views: readonly SeriesView[]
  readonly #learners: readonly Learners[]
  readonly #blend: Blend
  readonly #origins: (Origin | undefined)[]

  /** `views` of the same series: on the root scale first. */
  constructor(views: readonly SeriesView[], bins: number, random: Random) {
    this.bins = bins
    this.#views = views
    const dayBins = (views[0] as SeriesView).dayBins
    this.#learners = views.map(() => new Learners(plans, dayBins, random))
    this.#blend = new Blend(views.length * plans.length + simpleCount + (views.length - 1) * movedCount, dayBins)
    this.#origins = Array.from({ length: bins }, () => undefined)
  }

  /** What was said of the newest bin when it was `bins` ahead; on the root scale, undefined where nothing was. */
  said(): number | undefined {
    return this.#origins[(this.#now() + this.bins) % this.bins]?.blended.value
  }

  /** The newest bin's load teaches the origin it was the target of; then the newest bin is an origin itself. */
  step(load: number): number {
    const now = this.#now()
    const slot = now % this.bins
    const origin = this.#origins[slot]
    if (origin && !Number.isNaN(load)) this.#learn(origin, load)
    const isSilent = Number.isNaN((this.#views[0] as SeriesView).anchor)
    const next = isSilent ? undefined : this.#look()
    this.#origins[slot] = next
    return next ? next.blended.value : Number.NaN
  }

  #now(): number {
    return (this.#views[0] as SeriesView).bins - 1
  }

  #learn({ sights, blended }: Origin, load: number): void {
    for (const [index, view] of this.#views.entries()) {
      const sight = sights[index]
      if (sight) this.#learners[index]?.learn(sight, view.scale.of(load))
    }
    this.#blend.learn(blended, rootScale.of(load))
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
    return { sights, blended: this.#blend.blend(Float64Array.from(all)) }
  }
}
