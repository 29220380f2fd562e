/** How many answers end in an hour, by the last ten minutes or so. */

const windowMs = 600_000

export class CallRate {
  #calls = 0
  #ms = 0
  #atMs: number | null = null

  /** @param calls that have ended since it was told last; `nowMs` is monotonic */
  add(calls: number, nowMs: number): void {
    const ms = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#atMs = nowMs
    const kept = Math.exp(-ms / windowMs)
    this.#calls = this.#calls * kept + calls
    this.#ms = this.#ms * kept + ms
  }

  get perHour(): number {
    return this.#ms === 0 ? 0 : (this.#calls / this.#ms) * 3_600_000
  }
}
