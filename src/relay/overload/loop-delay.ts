/**
 * How late this process gets to its work. Timers of `perf_hooks` would do the same without a line of JavaScript, but
 * after each reset they miss the first delay, and with it all delays of a process that is always late.
 */
import type { Clock, Timer } from '../../ground/clock.ts'

const samplePeriodMs = 100
/** One long pause (a full collection, a stopped process) is over when it is noticed; what comes so often counts. */
const looksMax = 4

export class LoopDelay implements Disposable {
  #timer: Timer
  #longestMs = 0
  /** The longest of each of the last looks. */
  #longest: number[] = []

  constructor(clock: Clock) {
    let lastMs = clock.monotonicMs()
    this.#timer = clock.every(samplePeriodMs, () => {
      const nowMs = clock.monotonicMs()
      this.#longestMs = Math.max(this.#longestMs, nowMs - lastMs - samplePeriodMs)
      lastMs = nowMs
    })
  }

  /** The delay that there was at least once before each of the last looks. Milliseconds. */
  look(): number {
    this.#longest.push(this.#longestMs)
    this.#longestMs = 0
    if (this.#longest.length > looksMax) this.#longest.shift()
    return this.#longest.length < looksMax ? 0 : Math.min(...this.#longest)
  }

  [Symbol.dispose](): void {
    this.#timer.cancel()
  }
}
