/**
 * How much may be done to replicas within a minute, by whichever control process: what was begun is kept, so that one
 * that dies again and again does no more than one that lives.
 */
import type { Clock } from '../ground/clock.ts'
import type { Notebook } from './notebook.ts'

const minuteMs = 60_000
const part = 'actions'

export class ActionBudget {
  /** Of the last minute, monotonic, the oldest first. */
  #begun: number[] = []
  #clock: Clock
  #notebook: Notebook | null
  #isKept = true

  constructor(clock: Clock, notebook: Notebook | null) {
    this.#clock = clock
    this.#notebook = notebook
    const kept = notebook?.read(part)
    if (!Array.isArray(kept)) return
    const [nowMs, wallMs] = [clock.monotonicMs(), clock.nowMs()]
    // Of the wall clock, which may have been set back: then it is as if all were begun now.
    const ages = kept.filter((atMs) => typeof atMs === 'number').map((atMs) => Math.max(0, wallMs - atMs))
    this.#begun = ages.map((ageMs) => nowMs - ageMs).toSorted((a, b) => a - b)
  }

  /** Starts, drains and stops that may be begun now. */
  left(perMinuteMax: number): number {
    const nowMs = this.#clock.monotonicMs()
    const first = this.#begun.findIndex((atMs) => nowMs - atMs < minuteMs)
    this.#begun.splice(0, first < 0 ? this.#begun.length : first)
    return perMinuteMax - this.#begun.length
  }

  take(): void {
    this.#begun.push(this.#clock.monotonicMs())
    this.#isKept = false
  }

  /** Once a look. */
  keep(): void {
    if (this.#isKept) return
    this.#isKept = true
    const toWallMs = this.#clock.nowMs() - this.#clock.monotonicMs()
    this.#notebook?.write(
      part,
      this.#begun.map((atMs) => Math.round(atMs + toWallMs)),
    )
  }
}
