/**
 * How many broken answers may be continued: each one only so often, and all together not more than a share of what is
 * under way, so that upstreams which break everything are not fed for ever.
 */
import type { Clock } from '../../ground/clock.ts'
import type { ContinuationOptions } from './continuation-options.ts'

const windowMs = 10_000
const alwaysAllowed = 20

export class SeamBudget {
  readonly options: ContinuationOptions
  #clock: Clock
  #liveCount: () => number
  /** The continuations of the window: when each began, and how many answers were under way then. */
  #begun: { readonly atMs: number; readonly liveCount: number }[] = []

  constructor(clock: Clock, options: ContinuationOptions, liveCount: () => number) {
    this.#clock = clock
    this.options = options
    this.#liveCount = liveCount
  }

  /** Whether an answer that has been continued `seamCount` times may be so once more; if so, it counts. */
  take(seamCount: number): boolean {
    const { enabled, perAnswerMax, livePercentMax } = this.options
    if (!enabled || seamCount >= perAnswerMax) return false
    const nowMs = this.#clock.monotonicMs()
    const firstIn = this.#begun.findIndex(({ atMs }) => atMs > nowMs - windowMs)
    this.#begun = firstIn === -1 ? [] : this.#begun.slice(firstIn)
    const liveCount = this.#begun.reduce((most, each) => Math.max(most, each.liveCount), this.#liveCount())
    if (this.#begun.length >= Math.max(alwaysAllowed, (liveCount * livePercentMax) / 100)) return false
    this.#begun.push({ atMs: nowMs, liveCount: this.#liveCount() })
    return true
  }
}
