/**
 * A clock that stands still until it is told to go on: time for tests, where nothing may depend on how fast a machine
 * is.
 */
import { assert } from './assert.ts'
import type { Clock, Timer } from './clock.ts'

/** Timers that one `advance` may run; more of them is a timer that winds itself up. */
const runsMax = 100_000

interface Due {
  atMs: number
  readonly order: number
  readonly periodMs: number | null
  readonly run: () => void
}

/** Starts at `nowMs`; both clocks go on together, only `jumpMs` moves the wall alone. */
export class ManualClock implements Clock {
  #wallOffsetMs: number
  #elapsedMs = 0
  #order = 0
  #due = new Set<Due>()
  #soon: (() => void)[] = []

  /** @param nowMs wall time at the start; default 2026-01-01. */
  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = nowMs
  }

  /** Timers that have not run out or been cancelled. */
  get timerCount(): number {
    return this.#due.size
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#elapsedMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add(delayMs, null, run)
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#add(periodMs, Math.max(1, periodMs), run)
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** Sets the wall clock forwards or, below zero, back, as an operator or a time server does. */
  jumpMs(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** Ends the turn: what was put off with `soon` is done, and what that puts off. */
  turn(): void {
    for (let runs = 0; this.#soon.length > 0; runs++) {
      assert(runs < runsMax, 'the turns of a manual clock come to an end')
      for (const run of this.#soon.splice(0)) run()
    }
  }

  /** Lets time pass and runs what falls due on the way, in order, each at its own moment; 0 runs what is due now. */
  advance(ms: number): void {
    const endMs = this.#elapsedMs + ms
    this.turn()
    for (let runs = 0; ; runs++) {
      assert(runs < runsMax, 'the timers of a manual clock come to an end')
      const next = this.#next()
      if (!next || next.atMs > endMs) break
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
      if (next.periodMs === null) this.#due.delete(next)
      else next.atMs += next.periodMs
      next.run()
      this.turn()
    }
    this.#elapsedMs = endMs
  }

  #next(): Due | undefined {
    let first: Due | undefined
    for (const due of this.#due) {
      if (!first || due.atMs < first.atMs || (due.atMs === first.atMs && due.order < first.order)) first = due
    }
    return first
  }

  #add(delayMs: number, periodMs: number | null, run: () => void): Timer {
    const due: Due = { atMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, periodMs, run }
    this.#due.add(due)
    const cancel = (): void => void this.#due.delete(due)
    return { cancel, [Symbol.dispose]: cancel }
  }
}
