/**
 * Hedging: a call whose first token is late is sent to a second upstream as well, and the first that speaks gives the
 * answer (Dean and Barroso, The Tail at Scale, 2013). Here is when that is done, where to, and how often at most.
 */
import type { Member, Pool } from '../../fleet/pool.ts'
import { FirstTokenTimes, type WaitKind } from './first-token-times.ts'
import type { HedgingOptions } from './hedge-options.ts'

/** An answer in one piece may be late since it is long: what counts there is a server that hangs. */
const wholeFactor = 2
/** A wait shorter than this is not worth a second attempt. */
const waitMsMin = 50
/** Above it a second attempt would only make the queue longer, which is what makes the first one late. */
const saturationMax = 0.7
/** Hedges that may come at once after a long time without. */
const savedMax = 10

/** Whether a call may be sent here for a second time: it costs nothing extra, and answers with the same model. */
export function mayHedge({ upstream, model, priority }: Member, slow: Member): boolean {
  const { hedge, key, keys } = upstream.options
  if (upstream === slow.upstream || model !== slow.model || priority > slow.priority) return false
  return hedge ?? (key === undefined && keys === undefined)
}

export class Hedging {
  readonly times = new FirstTokenTimes()
  /** Calls sent twice, and those that were late when none was left, since the start. */
  hedgedCount = 0
  deniedCount = 0
  #options: HedgingOptions
  #saturation: (pool: Pool) => number
  #saved = 0

  /** @param saturation of a pool: work in hand as a share of what it can bear. */
  constructor(options: HedgingOptions, saturation: (pool: Pool) => number) {
    this.#options = options
    this.#saturation = saturation
  }

  /** A call begins: it puts its share in. */
  countCall(): void {
    if (this.#options.enabled) this.#saved = Math.min(savedMax, this.#saved + this.#options.percentMax / 100)
  }

  /** How long such a call waits before it is sent twice; null where it is not. */
  waitMs(kind: WaitKind): number | null {
    const p95Ms = this.#options.enabled ? this.times.p95Ms(kind) : null
    return p95Ms === null ? null : Math.max(waitMsMin, kind.isStream ? p95Ms : wholeFactor * p95Ms)
  }

  /** Takes one of those that are left; false where none is, or everything is busy. */
  take(pool: Pool): boolean {
    if (this.#saved < 1 || this.#saturation(pool) > saturationMax) {
      this.deniedCount++
      return false
    }
    this.#saved--
    this.hedgedCount++
    return true
  }
}
