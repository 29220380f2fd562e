/** Experts weighed by how wrong each one was lately: twice the error, a million times less weight. */
const usualSteepness = 20

export class Weighing {
  readonly #errors: Float64Array
  readonly #keep: number
  readonly #shares: Float64Array
  readonly #steepness: number

  /** `halfLife` in observations. */
  constructor(experts: number, halfLife: number, steepness = usualSteepness) {
    this.#steepness = steepness
    this.#errors = new Float64Array(experts).fill(1e-9)
    this.#shares = new Float64Array(experts)
    this.#keep = 2 ** (-1 / halfLife)
  }

  /** By pinball loss where the guesses are quantiles; `share` of the values shall lie below them. */
  learn(guesses: Float64Array, value: number, share = 0.5): void {
    const errors = this.#errors
    for (let at = 0; at < errors.length; at++) {
      const error = value - (guesses[at] as number)
      errors[at] = this.#keep * (errors[at] as number) + (error > 0 ? share * error : (share - 1) * error)
    }
  }

  /** Each expert's share, 0 to 1; overwritten by the next call. */
  shares(): Float64Array {
    const errors = this.#errors
    const shares = this.#shares
    let least = Number.POSITIVE_INFINITY
    for (const error of errors) least = Math.min(least, error)
    let sum = 0
    for (let at = 0; at < errors.length; at++) sum += shares[at] = (least / (errors[at] as number)) ** this.#steepness
    for (let at = 0; at < errors.length; at++) (shares[at] as number) /= sum
    return shares
  }

  mean(guesses: Float64Array): number {
    return dot(this.shares(), guesses)
  }
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number)
  return sum
}
