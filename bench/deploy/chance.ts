/** Draws of usual distributions from one seed. */
import { type Random, seededRandom } from '../../src/ground/random.ts'

export class Chance {
  #random: Random
  constructor(seed: number) {
    this.#random = seededRandom(seed)
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.#random.unit()
  }

  get random(): Random {
    return this.#random
  }

  unit(): number {
    return this.#random.unit()
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit()
  }

  /** Even on a logarithmic scale. */
  scale(low: number, high: number): number {
    return low * (high / low) ** this.unit()
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit())
  }

  /** Log-normal about a median. */
  spread(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal())
  }

  poisson(mean: number): number {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()))
    let [count, product] = [0, this.unit()]
    const limit = Math.exp(-mean)
    while (product > limit) {
      product *= this.unit()
      count++
    }
    return count
  }
}
