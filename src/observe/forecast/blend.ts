/**
 * Many experts' guesses made one. First by weights that fall steeply with each one's error over about the last day; then
 * a ridge on how the others differ from that learns what it still misses, pulled strongly to "nothing".
 */
import { RecursiveRidge } from './recursive-ridge.ts'

const steepness = 20
const errorHalfLifeDays = 1
const mendHalfLifeDays = 10
const mendPrior = 500

export interface Blended {
  readonly guesses: Float64Array
  readonly weighted: number
  readonly value: number
}

export class Blend {
  readonly #errors: Float64Array
  readonly #keep: number
  readonly #mend: RecursiveRidge
  readonly #differences: Float64Array
  #variance = 1

  constructor(experts: number, dayBins: number) {
    this.#errors = new Float64Array(experts).fill(1e-9)
    this.#keep = 2 ** (-1 / (errorHalfLifeDays * dayBins))
    this.#mend = new RecursiveRidge(experts, mendHalfLifeDays * dayBins, mendPrior)
    this.#differences = new Float64Array(experts)
  }

  /** Each expert's share, 0 to 1. */
  shares(): Float64Array {
    const least = Math.min(...this.#errors)
    const shares = this.#errors.map((error) => (least / error) ** steepness)
    const sum = shares.reduce((a, b) => a + b, 0)
    return shares.map((share) => share / sum)
  }

  blend(guesses: Float64Array): Blended {
    const shares = this.shares()
    let weighted = 0
    for (let at = 0; at < guesses.length; at++) weighted += (shares[at] as number) * (guesses[at] as number)
    const unit = this.#unit()
    const change = this.#mend.predict(this.#differ(guesses, weighted, unit)) * unit
    return { guesses, weighted, value: Math.max(0, weighted + change) }
  }

  learn({ guesses, weighted }: Blended, value: number): void {
    for (let at = 0; at < guesses.length; at++) {
      const error = Math.abs(value - (guesses[at] as number))
      this.#errors[at] = this.#keep * (this.#errors[at] as number) + error
    }
    const unit = this.#unit()
    const error = value - weighted
    this.#mend.learn(this.#differ(guesses, weighted, unit), Math.max(-2, Math.min(2, error / unit)))
    this.#variance += 0.003 * (error * error - this.#variance)
  }

  #unit(): number {
    return Math.sqrt(this.#variance) || 1
  }

  #differ(guesses: Float64Array, weighted: number, unit: number): Float64Array {
    for (let at = 0; at < guesses.length; at++) this.#differences[at] = ((guesses[at] as number) - weighted) / unit
    return this.#differences
  }
}
