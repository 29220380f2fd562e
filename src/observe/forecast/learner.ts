/**
 * Experts that learn the change from now to a horizon by ridge regression, some of them behind a layer of random curves
 * (extreme learning machine; Huang et al. 2006), so that "high for this hour" may mean something else than "high".
 */
import type { Random } from '../../ground/random.ts'
import { featureCount, type Outlook, type Start } from './outlook.ts'
import { RecursiveRidge } from './recursive-ridge.ts'

/** How far a target may lie out, in usual errors, before it teaches no more than that. */
const clip = 3
/** An absolute error below this share of the usual one teaches no more for being smaller. */
const leastMissed = 0.15

export interface LearnerPlan {
  readonly halfLifeDays: number
  readonly prior: number
  readonly start: Start
  /** Random curves beside the features; 0 for a straight learner. */
  readonly curves: number
  /** Learns the median by absolute errors (iteratively reweighted), not the mean by squares: for skewed loads. */
  readonly isAbsolute: boolean
}

/** Features as they were at the origin, in the units of the scale. */
export interface Sight {
  readonly features: Float64Array
  readonly starts: Readonly<Record<Start, number>>
}

export class Learners {
  readonly #each: readonly Learner[]
  readonly #plain = new Float64Array(featureCount)
  #targets = 0
  #variance = 0

  constructor(plans: readonly LearnerPlan[], dayBins: number, random: Random) {
    this.#each = plans.map((plan) => new Learner(plan, dayBins, random))
  }

  see(outlook: Outlook): Sight {
    const features = new Float64Array(featureCount)
    outlook.describe(features, 1)
    const starts = { anchor: outlook.anchor, usual: outlook.start('usual'), half: outlook.start('half') }
    return { features, starts }
  }

  guesses(sight: Sight): number[] {
    const unit = this.#unit()
    this.#measure(sight.features, unit)
    return this.#each.map((each) => sight.starts[each.start] + each.predict(this.#plain) * unit)
  }

  learn(sight: Sight, value: number): void {
    const error = value - sight.starts.anchor
    this.#targets++
    this.#variance += Math.max(0.002, 1 / this.#targets) * (error * error - this.#variance)
    const unit = this.#unit()
    this.#measure(sight.features, unit)
    for (const each of this.#each) each.learn(this.#plain, (value - sight.starts[each.start]) / unit)
  }

  /** The usual error of "as now": what makes all series look alike to the learners. */
  #unit(): number {
    return Math.sqrt(this.#variance) || 1
  }

  #measure(features: Float64Array, unit: number): void {
    const waves = featureCount - 14
    for (let at = 0; at < featureCount; at++) {
      const isUnitless = at === 0 || (at >= waves && at < waves + 4)
      this.#plain[at] = (features[at] as number) / (isUnitless ? 1 : unit)
    }
  }
}

class Learner {
  readonly start: Start
  readonly #ridge: RecursiveRidge
  readonly #isAbsolute: boolean
  readonly #layer: RandomLayer
  readonly #inputs: Float64Array

  constructor({ curves, halfLifeDays, prior, start, isAbsolute }: LearnerPlan, dayBins: number, random: Random) {
    this.start = start
    this.#isAbsolute = isAbsolute
    this.#layer = new RandomLayer(featureCount, curves, random)
    this.#inputs = new Float64Array(featureCount + curves)
    this.#ridge = new RecursiveRidge(featureCount + curves, halfLifeDays * dayBins, prior)
  }

  predict(features: Float64Array): number {
    return this.#ridge.predict(this.#lift(features))
  }

  learn(features: Float64Array, target: number): void {
    const inputs = this.#lift(features)
    if (!this.#isAbsolute) return this.#ridge.learn(inputs, Math.max(-clip, Math.min(clip, target)))
    const missed = Math.abs(target - this.#ridge.predict(inputs))
    this.#ridge.learn(inputs, target, 0.7 / Math.max(leastMissed, missed))
  }

  #lift(features: Float64Array): Float64Array {
    this.#inputs.set(features)
    this.#layer.write(features, this.#inputs)
    return this.#inputs
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
