/** The plain 90 %: quantile of the last three days' errors on the root scale, added to the forecast. */
const share = 0.9
const days = 3
/** Sorting anew with each bin would say the same more slowly. */
const renewMin = 30

export class ErrorBand {
  readonly #errors: Float64Array
  readonly #renewBins: number
  #count = 0
  #offset = 0

  constructor(dayBins: number) {
    this.#errors = new Float64Array(days * dayBins)
    this.#renewBins = Math.max(1, Math.round((renewMin * dayBins) / 1440))
  }

  learn(said: number, load: number): void {
    this.#errors[this.#count++ % this.#errors.length] = Math.sqrt(load) - Math.sqrt(said)
    if (this.#count % this.#renewBins !== 0 || this.#count < 20) return
    const sorted = this.#errors.slice(0, Math.min(this.#count, this.#errors.length)).sort()
    this.#offset = sorted[Math.floor(share * sorted.length)] as number
  }

  quantile(said: number): number {
    return Math.max(0, Math.sqrt(said) + this.#offset) ** 2
  }
}
