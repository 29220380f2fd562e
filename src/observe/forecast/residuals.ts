/**
 * The spread of what forecasts missed, in usual errors: a histogram whose old entries fade. Bins are narrow in the
 * middle and wide at the ends, so that the 99 % is as readable as the median.
 */
const half = 60
const size = 2 * half + 1
/** Bins a unit of asinh; the outermost lies at some 80 usual errors. */
const binsPerUnit = 12
const priorCount = 30
/** Of errors with mean size 1, if they are normal. */
const normalSpread = 1.2533

export class Residuals {
  readonly #counts = new Float64Array(size)
  readonly #growth: number
  /** What one observation counts now: growing instead of fading all the others. */
  #one = 1
  #sum = 0

  /** `halfLife` in observations. */
  constructor(halfLife: number) {
    this.#growth = 2 ** (1 / halfLife)
    for (let at = 0; at < size; at++) {
      const error = edge(at) / normalSpread
      this.#put(at, Math.exp((-error * error) / 2) * (edge(at + 0.5) - edge(at - 0.5)))
    }
    const factor = priorCount / this.#sum
    for (let at = 0; at < size; at++) (this.#counts[at] as number) *= factor
    this.#sum = priorCount
  }

  add(error: number): void {
    this.#one *= this.#growth
    const at = Math.round(half + Math.asinh(error) * binsPerUnit)
    this.#put(Math.max(0, Math.min(size - 1, at)), this.#one)
    if (this.#one > 1e12) this.#rescale()
  }

  /** Ascending shares in, their quantiles out. */
  write(shares: readonly number[], into: Float64Array): void {
    let below = 0
    let at = 0
    for (const [index, share] of shares.entries()) {
      const wanted = share * this.#sum
      while (at < size - 1 && below + (this.#counts[at] as number) < wanted) below += this.#counts[at++] as number
      const inside = (wanted - below) / Math.max(this.#counts[at] as number, Number.MIN_VALUE)
      into[index] = edge(at - 0.5 + Math.max(0, Math.min(1, inside)))
    }
  }

  #put(at: number, count: number): void {
    ;(this.#counts[at] as number) += count
    this.#sum += count
  }

  #rescale(): void {
    for (let at = 0; at < size; at++) (this.#counts[at] as number) /= this.#one
    this.#sum /= this.#one
    this.#one = 1
  }
}

function edge(at: number): number {
  return Math.sinh((at - half) / binsPerUnit)
}
