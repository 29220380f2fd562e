/**
 * Experts that learn the change from now to a horizon by ridge regression, some of them behind a layer of random curves
 * (extreme learning machine; Huang et al. 2006), so that "high for this hour" may mean something else than "high".
 */
import type { Random } from '../../ground/random.ts'
import { featureCount, type Outlook, type Start } from './outlook.ts'
import { RecursiveRidge } from './recursive-ridge.ts'

/** How far a target may lie out, in usual errors, before it teaches no more than that. */
const clip = 3
const curves = 40

export interface LearnerPlan {
  readonly halfLifeDays: number
  readonly prior: number
  readonly start: Start
  readonly isCurved: boolean
}

/** Features as they were at the origin, in the units of the scale. */
export interface Sight {
  readonly features: Float64Array
  readonly starts: Readonly<Record<Start, number>>
}

export class Learners {
  readonly #each: readonly { readonly plan: LearnerPlan; readonly ridge: RecursiveRidge }[]
  readonly #plain = new Float64Array(featureCount)
  readonly #curved = new Float64Array(featureCount + curves)
  readonly #layer: RandomLayer
  #targets = 0
  #variance = 0

  constructor(plans: readonly LearnerPlan[], dayBins: number, random: Random) {
    this.#layer = new RandomLayer(featureCount, curves, random)
    this.#each = plans.map((plan) => {
      const size = featureCount + (plan.isCurved ? curves : 0)
      return { plan, ridge: new RecursiveRidge(size, plan.halfLifeDays * dayBins, plan.prior) }
    })
  }

  see(outlook: Outlook): Sight {
    const features = new Float64Array(featureCount)
    outlook.describe(features, 1)
    const starts = { anchor: outlook.anchor, usual: outlook.start('usual'), half: outlook.start('half') }
    return { features, starts }
  }

  guesses(sight: Sight): number[] {
    const unit = this.#unit()
    this.#lift(sight.features, unit)
    return this.#each.map(({ plan, ridge }) => {
      const change = ridge.predict(plan.isCurved ? this.#curved : this.#plain) * unit
      return sight.starts[plan.start] + change
    })
  }

  learn(sight: Sight, value: number): void {
    const error = value - sight.starts.anchor
    this.#targets++
    this.#variance += Math.max(0.002, 1 / this.#targets) * (error * error - this.#variance)
    const unit = this.#unit()
    this.#lift(sight.features, unit)
    for (const { plan, ridge } of this.#each) {
      const target = (value - sight.starts[plan.start]) / unit
      ridge.learn(plan.isCurved ? this.#curved : this.#plain, Math.max(-clip, Math.min(clip, target)))
    }
  }

  /** The usual error of "as now": what makes all series look alike to the learners. */
  #unit(): number {
    return Math.sqrt(this.#variance) || 1
  }

  #lift(features: Float64Array, unit: number): void {
    const waves = featureCount - 14
    for (let at = 0; at < featureCount; at++) {
      const isUnitless = at === 0 || (at >= waves && at < waves + 4)
      this.#plain[at] = (features[at] as number) / (isUnitless ? 1 : unit)
    }
    this.#curved.set(this.#plain)
    this.#layer.write(this.#plain, this.#curved)
  }
}

class RandomLayer {
  readonly #weights: readonly Float64Array[]
  readonly #offsets: readonly number[]

  constructor(inputs: number, outputs: number, random: Random) {
    this.#weights = Array.from({ length: outputs }, () => {
      const weights = new Float64Array(inputs)
      for (let draw = 0; draw < 5; draw++) weights[Math.floor(random.unit() * inputs)] = 0.6 * normal(random)
      return weights
    })
    this.#offsets = this.#weights.map(() => normal(random))
  }

  /** Writes behind the inputs. */
  write(inputs: Float64Array, into: Float64Array): void {
    for (const [row, weights] of this.#weights.entries()) {
      let sum = this.#offsets[row] as number
      for (let at = 0; at < inputs.length; at++) sum += (weights[at] as number) * (inputs[at] as number)
      into[inputs.length + row] = Math.tanh(sum)
    }
  }
}

/** Box and Muller's. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(random.unit() + 1e-12)) * Math.cos(2 * Math.PI * random.unit())
}
