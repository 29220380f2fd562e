/** A rate as a running mean: amounts over the time in which they came, old times fading away. Pure. */

/** What lies so far back counts 1/e. */
const fadeMs = 10_000
/** A flow that lasts longer than this is no burst. */
const burstMs = 5000
/** Less time than this says nothing, where nobody says otherwise. */
const knownMsDefault = 500

export class Throughput {
  #knownMs: number
  #amount = 0
  #spentMs = 0
  #sinceMs: number | null = null
  #beganMs: number | null = null

  /** @param knownMs less time than this says nothing. */
  constructor(knownMs = knownMsDefault) {
    this.#knownMs = knownMs
  }

  /** Time counts from here on; again and again does nothing. */
  run(nowMs: number): void {
    this.#sinceMs ??= nowMs
    this.#beganMs ??= nowMs
  }

  /** Time stands still until the next `run`; what is known is kept. */
  pause(nowMs: number): void {
    this.#pass(nowMs)
    this.#sinceMs = null
  }

  add(amount: number, nowMs: number): void {
    if (this.#sinceMs === null) return
    this.#pass(nowMs)
    this.#amount += amount
  }

  /** Amount per second; null while too little is known. */
  perSecond(nowMs: number): number | null {
    this.#pass(nowMs)
    return this.#spentMs < this.#knownMs ? null : (1000 * this.#amount) / this.#spentMs
  }

  /**
   * What will come within `waitMs`, if it goes on so. What has just begun may be a burst: it is not believed to last
   * longer than it has by now.
   */
  within(waitMs: number, nowMs: number): number {
    const ageMs = nowMs - (this.#beganMs ?? nowMs)
    const lastsMs = ageMs < burstMs ? Math.min(waitMs, ageMs) : waitMs
    return (lastsMs / 1000) * (this.perSecond(nowMs) ?? 0)
  }

  #pass(nowMs: number): void {
    if (this.#sinceMs === null) return
    const spentMs = Math.max(0, nowMs - this.#sinceMs)
    this.#sinceMs = nowMs
    const kept = Math.exp(-spentMs / fadeMs)
    this.#amount *= kept
    // The integral of the fading weights over the time that passed.
    this.#spentMs = this.#spentMs * kept + fadeMs * (1 - kept)
  }
}
