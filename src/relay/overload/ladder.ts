/**
 * From a share of something that runs out to a rung of measures: up at once, down one rung at a time and only after a
 * while of calm. Pure: numbers in, a number out.
 */

/** A rung is left when the share lies this far below the mark that led onto it … */
const releaseShare = 0.05
/** … and has done so for this long. So no rung is taken back sooner than a second after it was taken. */
export const calmMs = 1000

export class Ladder {
  #marks: readonly number[]
  #rung = 0
  /** Since when the share has been low enough to go down; null while it is not. */
  #calmSinceMs: number | null = null

  /** `marks`: for each rung above the ground the share (0 to 1) from which on it is taken, rising. */
  constructor(marks: readonly number[]) {
    this.#marks = marks
  }

  /** 0 is the ground. */
  get rung(): number {
    return this.#rung
  }

  /** One look; `nowMs` by a monotonic clock. True when the rung has changed. */
  look(share: number, nowMs: number): boolean {
    const reached = this.#marks.filter((mark) => share >= mark).length
    if (reached > this.#rung) return this.#move(reached)
    const mark = this.#marks[this.#rung - 1]
    if (mark === undefined || share > mark - releaseShare) {
      this.#calmSinceMs = null
      return false
    }
    this.#calmSinceMs ??= nowMs
    if (nowMs - this.#calmSinceMs < calmMs) return false
    return this.#move(this.#rung - 1)
  }

  /** Each rung must be calm for itself. */
  #move(rung: number): boolean {
    this.#rung = rung
    this.#calmSinceMs = null
    return true
  }
}
