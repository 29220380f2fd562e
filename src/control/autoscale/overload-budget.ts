/**
 * Whether the load that found no room lately is within what is allowed, and how much more careful to be where it is
 * not: on a series whose forecasts are surer of themselves than they should be the risk shrinks until it fits, and on
 * a calm one it may double. The first day counts as one just within the budget, and a single burst of it is no
 * evidence of a habit: the risk may shrink by days only.
 */
const memoryDays = 5
const minutesPerDay = 1440
/** Of what is allowed so much is steered for: what is seen comes late, so whoever aims at the limit is above it. */
const aim = 0.7
const factorMin = 0.2
const factorMax = 2

export class OverloadBudget {
  readonly #allowed: number
  readonly #keep = 2 ** (-1 / (memoryDays * minutesPerDay))
  #minutes = 0
  #over = 0
  #all = 0

  /** `allowed` share of the load above capacity, 0 to 1. */
  constructor(allowed: number) {
    this.#allowed = aim * allowed
  }

  saw(overload: number, load: number): void {
    this.#minutes++
    this.#over = this.#over * this.#keep + overload
    this.#all = this.#all * this.#keep + load
  }

  /** What the risk is multiplied with: 1 just within the budget, 0.2 (after some days) to 2. */
  factor(): number {
    if (this.#all === 0) return 1
    const share = this.#over / this.#all
    const young = 0.5 ** (this.#minutes / minutesPerDay)
    const judged = young * this.#allowed + (1 - young) * share
    return Math.max(factorMin ** (1 - young), Math.min(factorMax, this.#allowed / Math.max(judged, Number.MIN_VALUE)))
  }
}
