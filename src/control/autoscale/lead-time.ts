/**
 * How long a replica takes from the order to its first ready minute: the P95 of the last ones, never a guess for long.
 */
const keptMax = 50
const share = 0.95

export class LeadTime {
  readonly #timesMs: number[] = []
  readonly #firstMs: number

  /** `firstMs` until something was measured. */
  constructor(firstMs: number) {
    this.#firstMs = firstMs
  }

  /** A replica was ready so long after its order. */
  measured(timeMs: number): void {
    if (!(timeMs >= 0)) return
    this.#timesMs.push(timeMs)
    if (this.#timesMs.length > keptMax) this.#timesMs.shift()
  }

  get ms(): number {
    const sorted = this.#timesMs.toSorted((a, b) => a - b)
    return sorted[Math.ceil(share * sorted.length) - 1] ?? this.#firstMs
  }

  /** Minutes ahead to forecast: the start, and the minute that is over when it is seen. */
  get horizonMin(): number {
    return Math.ceil(this.ms / 60_000) + 1
  }
}
