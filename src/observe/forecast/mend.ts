/**
 * What a blend still misses, learnt from how the experts differ from it: a ridge pulled strongly to "nothing". Either
 * by squares, or by absolute errors (iteratively reweighted), which wild minutes pull less.
 */
import { RecursiveRidge } from './recursive-ridge.ts'

const prior = 500
const unitRate = 0.003

export class Mend {
  readonly #ridge: RecursiveRidge
  readonly #differences: Float64Array
  readonly #clip: number
  readonly #isAbsolute: boolean
  #variance = 1

  constructor(experts: number, halfLife: number, isAbsolute: boolean) {
    this.#ridge = new RecursiveRidge(experts, halfLife, prior)
    this.#differences = new Float64Array(experts)
    this.#isAbsolute = isAbsolute
    this.#clip = isAbsolute ? 3 : 2
  }

  /** The blend, mended. */
  mend(guesses: Float64Array, blend: number): number {
    const unit = this.#unit()
    this.#differ(guesses, blend, unit)
    return Math.max(0, blend + this.#ridge.predict(this.#differences) * unit)
  }

  learn(guesses: Float64Array, blend: number, value: number): void {
    const unit = this.#unit()
    const error = value - blend
    this.#differ(guesses, blend, unit)
    const target = Math.max(-this.#clip, Math.min(this.#clip, error / unit))
    const missed = Math.abs(target - this.#ridge.predict(this.#differences))
    this.#ridge.learn(this.#differences, target, this.#isAbsolute ? 0.6 / Math.max(0.15, missed) : 1)
    this.#variance += unitRate * (error * error - this.#variance)
  }

  #unit(): number {
    return Math.sqrt(this.#variance) || 1
  }

  #differ(guesses: Float64Array, blend: number, unit: number): void {
    for (let at = 0; at < guesses.length; at++) this.#differences[at] = ((guesses[at] as number) - blend) / unit
  }
}
