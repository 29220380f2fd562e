/**
 * Timers for limits: set for every call, taken back at the end of nearly every one. All that fall due within the same
 * sixteenth of a second share one timer of the system's, so that setting and taking back is a place in a list. They
 * never come early, and at most `slotMs` late: good for a second and more.
 */
import { Crowd, type Member } from './crowd.ts'
import type { Timer } from './timer.ts'

const slotMs = 64

/** Calls `run` once after `delayMs`. */
export type SetTimer = (delayMs: number, run: () => void) => void

export class TimerWheel {
  #nowMs: () => number
  #setTimer: SetTimer
  /** By the number of the slot. */
  #slots = new Map<number, Crowd<WheelTimer>>()

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number, setTimer: SetTimer) {
    this.#nowMs = nowMs
    this.#setTimer = setTimer
  }

  after(delayMs: number, run: () => void): Timer {
    const nowMs = this.#nowMs()
    const slot = Math.ceil((nowMs + delayMs) / slotMs)
    let timers = this.#slots.get(slot)
    if (!timers) {
      timers = new Crowd()
      this.#slots.set(slot, timers)
      this.#arm(slot, nowMs)
    }
    return new WheelTimer(timers, run)
  }

  /** The system's own timer may come a fraction of a millisecond early. */
  #arm(slot: number, nowMs: number): void {
    this.#setTimer(slot * slotMs - nowMs, () => {
      const thenMs = this.#nowMs()
      if (thenMs < slot * slotMs) return this.#arm(slot, thenMs)
      const timers = this.#slots.get(slot)
      this.#slots.delete(slot)
      for (const timer of timers ?? []) timer.fire()
    })
  }
}

class WheelTimer implements Timer, Member {
  place = 0
  #slot: Crowd<WheelTimer>
  #run: (() => void) | null

  constructor(slot: Crowd<WheelTimer>, run: () => void) {
    this.#slot = slot
    this.#run = run
    slot.add(this)
  }

  cancel(): void {
    if (this.#run === null) return
    this.#run = null
    this.#slot.remove(this)
  }

  fire(): void {
    const run = this.#run
    this.cancel()
    run?.()
  }

  [Symbol.dispose](): void {
    this.cancel()
  }
}
