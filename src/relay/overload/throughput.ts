/** A rate as a running mean: amounts over the time in which they came, old times fading away. Pure. */

/** What lies so far back counts 1/e. */
const fadeMs = 10_000
/** Less time than this says nothing. */
const knownMs = 500

export class Throughput {
  #amount = 0
  #spentMs = 0
  #sinceMs: number | null = null

  /** Time counts from here on; again and again does nothing. */
  run(nowMs: number): void {
    this.#sinceMs ??= nowMs
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
    return this.#spentMs < knownMs ? null : (1000 * this.#amount) / this.#spentMs
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
