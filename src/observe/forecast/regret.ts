/**
 * Experts weighed by what following the blend instead of each one cost, second-order bounded (Wintenberger 2017,
 * "Optimal learning with Bernstein online aggregation"), fading so that the best of last month is not the best for
 * ever.
 */
import { dot } from './weighing.ts'

/** Share that every expert keeps, so that it can come back. */
const least = 0.002

export class Regret {
  readonly #regrets: Float64Array
  readonly #squares: Float64Array
  readonly #keep: number
  readonly #shares: Float64Array

  /** `halfLife` in observations. */
  constructor(experts: number, halfLife: number) {
    this.#regrets = new Float64Array(experts)
    this.#squares = new Float64Array(experts).fill(1e-9)
    this.#shares = new Float64Array(experts).fill(1 / experts)
    this.#keep = 2 ** (-1 / halfLife)
  }

  mean(guesses: Float64Array): number {
    return dot(this.#shares, guesses)
  }

  /** `mean` is what was blended of these guesses then. */
  learn(guesses: Float64Array, mean: number, value: number): void {
    const side = Math.sign(mean - value)
    const shares = this.#shares
    let most = Number.NEGATIVE_INFINITY
    for (let at = 0; at < shares.length; at++) {
      const regret = side * (mean - (guesses[at] as number))
      this.#regrets[at] = this.#keep * (this.#regrets[at] as number) + regret
      this.#squares[at] = this.#keep * (this.#squares[at] as number) + regret * regret
      const size = (this.#regrets[at] as number) / Math.sqrt(this.#squares[at] as number)
      shares[at] = size
      most = Math.max(most, size)
    }
    let sum = 0
    for (let at = 0; at < shares.length; at++) sum += shares[at] = Math.exp((shares[at] as number) - most)
    const open = (1 - least * shares.length) / sum
    for (let at = 0; at < shares.length; at++) shares[at] = open * (shares[at] as number) + least
  }
}
