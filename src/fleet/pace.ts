/** How fast an upstream speaks: the gaps between pieces of its answers, and from when on a silence is a stall. */
import { Spread } from '../ground/spread.ts'

/** Gaps known before the measure is trusted. */
const gapsMin = 200
/** No silence shorter than this is a stall, whatever was measured: schedulers, collections and networks pause too. */
const stallMsMin = 3000

export class Pace {
  #gaps = new Spread()

  /** A piece came this long after the one before, milliseconds. */
  observe(gapMs: number): void {
    this.#gaps.observe(gapMs)
  }

  /** The gap that 99 of 100 stay under, milliseconds; null while too few are known. */
  get p99Ms(): number | null {
    return this.#gaps.count < gapsMin ? null : this.#gaps.under(0.99)
  }

  /** How long it may be silent between two pieces: twice its own p99 and a second, within `limitMs`. */
  stallMs(limitMs: number): number {
    const p99Ms = this.p99Ms
    return p99Ms === null ? limitMs : Math.min(limitMs, Math.max(stallMsMin, 2 * p99Ms + 1000))
  }
}
