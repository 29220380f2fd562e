/** When a call has taken too long: its pool's limit for the whole, and what its caller allows. */
import { Fault } from '../fault/fault.ts'
import type { Target } from '../fleet/fleet.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Order } from './order.ts'

/** Two wall clocks say how long an adopted answer has been under way, and they may differ: it gets this in any case. */
const adoptedTimeShare = 0.25

export class TimeLimit {
  #clock: Clock
  #order: Pick<Order, 'beganMs' | 'timeLimits'>
  #onLate: (fault: Fault) => void
  #timers: Timer[] = []
  /** Until the first content only. */
  #firstTokenTimer: Timer | null = null

  constructor(clock: Clock, order: Pick<Order, 'beganMs' | 'timeLimits'>, onLate: (fault: Fault) => void) {
    this.#clock = clock
    this.#order = order
    this.#onLate = onLate
  }

  /** From here on the time of the pool counts, and that of the caller. */
  start({ pool }: Target, isAdopted: boolean): void {
    const { firstTokenMs, wholeMs } = this.#order.timeLimits
    const totalMs = Math.min(pool.timeouts.totalMs, wholeMs ?? Number.POSITIVE_INFINITY)
    this.#timers.push(this.#limit(totalMs, isAdopted ? adoptedTimeShare * totalMs : 0))
    if (firstTokenMs !== null && firstTokenMs < totalMs && !isAdopted)
      this.#firstTokenTimer = this.#limit(firstTokenMs, 0)
  }

  /** The first content is there: only the time for the whole counts any more. */
  speak(): void {
    this.#firstTokenTimer?.cancel()
  }

  /** Calls `run` later, unless the call has ended. */
  after(delayMs: number, run: () => void): void {
    this.#timers.push(this.#clock.after(delayMs, run))
  }

  end(): void {
    this.#firstTokenTimer?.cancel()
    for (const timer of this.#timers) timer.cancel()
  }

  #limit(limitMs: number, leastMs: number): Timer {
    const leftMs = limitMs - (this.#clock.monotonicMs() - this.#order.beganMs)
    const late = (): void => this.#onLate(new Fault('HF_DEADLINE', { retryAfterMs: 1000 }))
    return this.#clock.after(Math.max(leastMs, leftMs), late)
  }
}
