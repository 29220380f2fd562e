/**
 * Ridge regression learnt one observation at a time (recursive least squares with exponential forgetting; Ljung,
 * System Identification, 11.2). The prior pulls every weight to 0, and old observations fade by half in a half-life.
 */
export class RecursiveRidge {
  readonly #size: number
  readonly #keep: number
  readonly #traceMax: number
  readonly #covariance: Float64Array
  readonly #gain: Float64Array
  readonly weights: Float64Array

  /** `halfLife` in observations; `prior` in observations' worth of belief that each weight is 0. */
  constructor(size: number, halfLife: number, prior: number) {
    this.#size = size
    this.#keep = 2 ** (-1 / halfLife)
    this.#traceMax = size / prior
    this.#covariance = new Float64Array(size * size)
    for (let at = 0; at < size; at++) this.#covariance[at * size + at] = 1 / prior
    this.#gain = new Float64Array(size)
    this.weights = new Float64Array(size)
  }

  predict(features: Float64Array): number {
    const weights = this.weights
    let sum = 0
    for (let at = 0; at < weights.length; at++) sum += (weights[at] as number) * (features[at] as number)
    return sum
  }

  /** `weight` says how much this observation counts; 1 is one. */
  learn(features: Float64Array, target: number, weight = 1): void {
    const size = this.#size
    const covariance = this.#covariance
    const gain = this.#gain
    let denominator = this.#keep / weight
    for (let row = 0; row < size; row++) {
      let sum = 0
      const from = row * size
      for (let at = 0; at < size; at++) sum += (covariance[from + at] as number) * (features[at] as number)
      gain[row] = sum
      denominator += sum * (features[row] as number)
    }
    const step = (target - this.predict(features)) / denominator
    for (let row = 0; row < size; row++) (this.weights[row] as number) += (gain[row] as number) * step
    this.#shrink(denominator)
  }

  /** What was seen makes sure, what fades makes unsure; never less sure than at the start (no wind-up). */
  #shrink(denominator: number): void {
    const size = this.#size
    const covariance = this.#covariance
    const gain = this.#gain
    let trace = 0
    for (let row = 0; row < size; row++) {
      const scaled = (gain[row] as number) / denominator
      for (let at = 0; at <= row; at++) {
        const value = ((covariance[row * size + at] as number) - scaled * (gain[at] as number)) / this.#keep
        covariance[row * size + at] = value
        covariance[at * size + row] = value
      }
      trace += covariance[row * size + row] as number
    }
    if (trace <= this.#traceMax) return
    const factor = this.#traceMax / trace
    for (let at = 0; at < covariance.length; at++) (covariance[at] as number) *= factor
  }
}
