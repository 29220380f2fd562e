/**
 * Work that comes in heaps, done in portions: so many pieces a turn, and between two turns everybody else has his. In
 * the order in which it came. What is asked for here must be bounded by something else, such as open connections.
 */
import type { Clock } from './clock.ts'

export class Portions {
  #clock: Pick<Clock, 'soon'>
  #piecesMax: number
  #waiting: (() => void)[] = []
  /** How much of the front of `waiting` is done. */
  #done = 0

  /** `piecesMax`: of one turn. */
  constructor(clock: Pick<Clock, 'soon'>, piecesMax: number) {
    this.#clock = clock
    this.#piecesMax = piecesMax
  }

  get waitingCount(): number {
    return this.#waiting.length - this.#done
  }

  add(run: () => void): void {
    if (this.#waiting.push(run) === 1) this.#clock.soon(this.#turn)
  }

  #turn = (): void => {
    const endAt = Math.min(this.#waiting.length, this.#done + this.#piecesMax)
    try {
      while (this.#done < endAt) this.#waiting[this.#done++]?.()
    } finally {
      if (this.#done < this.#waiting.length) this.#clock.soon(this.#turn)
      else {
        this.#waiting = []
        this.#done = 0
      }
    }
  }
}
