/**
 * How much work further tries may make: a share of all calls of the last seconds, and a little in any case. A fleet
 * that fails is not asked several times over, and a call that finds the budget empty gets the cause it has, at once.
 *
 * Form and figures as in Finagle and Linkerd: 20 % of the calls and 10 a second, over a window of 10 s.
 */
import type { Clock } from '../../ground/clock.ts'
import type { RetryOptions } from './retry-options.ts'

const slotMs = 1000
const slotCount = 10

export class RetryBudget {
  /** Attempts that were not made for want of budget, since the start. */
  deniedCount = 0
  #clock: Clock
  #options: RetryOptions
  #liveCount: () => number
  /** By the second: calls begun, and what further attempts have cost. */
  #calls = new Float64Array(slotCount)
  #spent = new Float64Array(slotCount)
  #slot = 0

  /** @param liveCount calls under way: those that a dead server leaves may have begun long ago. */
  constructor(clock: Clock, options: RetryOptions, liveCount: () => number) {
    this.#clock = clock
    this.#options = options
    this.#liveCount = liveCount
  }

  /** What further attempts may cost now. */
  get left(): number {
    this.#turn()
    const { percentMax, perSecondMin } = this.#options
    const calls = Math.max(sum(this.#calls), this.#liveCount())
    return Math.max(0, (calls * percentMax) / 100 + (perSecondMin * slotCount * slotMs) / 1000 - sum(this.#spent))
  }

  /** A call begins: it puts its share in. */
  countCall(): void {
    const at = this.#turn()
    this.#calls[at] = (this.#calls[at] as number) + 1
  }

  /** Takes what a further attempt costs, or nothing where that is not left. */
  take(cost: number): boolean {
    if (cost <= 0) return true
    if (this.left < cost) {
      this.deniedCount++
      return false
    }
    this.#spend(cost)
    return true
  }

  /** The attempt has reached nobody. */
  giveBack(cost: number): void {
    this.#spend(-cost)
  }

  #spend(cost: number): void {
    const at = this.#turn()
    this.#spent[at] = (this.#spent[at] as number) + cost
  }

  /** Empties the slots of seconds that are out of the window; the place of the present one. */
  #turn(): number {
    const slot = Math.floor(this.#clock.monotonicMs() / slotMs)
    const passed = Math.min(slotCount, slot - this.#slot)
    for (let i = 0; i < passed; i++) {
      const at = (slot - i) % slotCount
      this.#calls[at] = 0
      this.#spent[at] = 0
    }
    this.#slot = slot
    return slot % slotCount
  }
}

function sum(slots: Float64Array): number {
  let total = 0
  for (const amount of slots) total += amount
  return total
}
