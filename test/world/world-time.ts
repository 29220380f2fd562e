/**
 * The world's time: a heap of what is going to happen, run one by one, each at its own moment. Between two of them all
 * promises that can go on have gone on, so that an `await` in production code costs no time and has one order.
 */
import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/ground/clock.ts'

interface Due {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
}

/** So many steps, and the process may look after its own business. */
const breathSteps = 5000

/** Resolves when every promise that can go on has gone on: the next tick comes after the last microtask. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** Wall clock and monotonic clock of the world go together; the clocks of its machines may not. */
export class WorldTime implements Clock {
  /** Told of whatever an event throws. */
  onThrow: (thrown: unknown) => void = (thrown) => {
    throw thrown
  }
  stepCount = 0
  #startMs: number
  #elapsedMs = 0
  #order = 0
  #heap: Due[] = []

  /** @param startMs wall time at the start; default 2026-01-01. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs)
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, run: () => void): Timer {
    const due: Due = { atMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(due)
    const cancel = (): void => void (due.run = null)
    return { cancel, [Symbol.dispose]: cancel }
  }

  every(periodMs: number, run: () => void): Timer {
    let timer: Timer | null = null
    let isCancelled = false
    const wind = (): void => {
      timer = this.after(Math.max(1, periodMs), () => {
        run()
        if (!isCancelled) wind()
      })
    }
    wind()
    const cancel = (): void => {
      isCancelled = true
      timer?.cancel()
    }
    return { cancel, [Symbol.dispose]: cancel }
  }

  soon(run: () => void): void {
    this.after(0, run)
  }

  /** Runs everything that falls due until `untilMs` (monotonic), or until `isOver` says so. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (!next || next.atMs > untilMs || isOver()) break
      this.#pop()
      if (!next.run) continue
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
      this.stepCount++
      try {
        next.run()
      } catch (thrown) {
        this.onThrow(thrown)
      }
      await settled()
      if (this.stepCount % breathSteps === 0) await setImmediate()
    }
    await setImmediate() // promises that were rejected and nobody caught are told of now
    if (!isOver()) this.#elapsedMs = Math.max(this.#elapsedMs, untilMs)
  }

  // A binary heap by moment, then by the order of asking.

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
