/**
 * Whether it is an attack, and how tight the limits are meanwhile. Raised within seconds, lowered step by step once it
 * has been calm for long: an attacker that pauses finds it as it was. Pure.
 */
export const levelMax = 3
/** Each level divides the rates by this. */
const tightening = 5
/** Seconds in a row, at a level, after which the next is tried. */
const lastsS = 3

export interface Second {
  /** Turned away, at any cost to us. */
  readonly turnedAway: number
  /** Of these, requests that were read and answered. */
  readonly answered: number
}

export class Shield {
  level = 0
  #beginPerSecond: number
  #easeMs: number
  #busyS = 0
  #calmSinceMs = 0

  constructor({ beginPerSecond, easeMs }: { beginPerSecond: number; easeMs: number }) {
    this.#beginPerSecond = beginPerSecond
    this.#easeMs = easeMs
  }

  /** Rates are multiplied by it. */
  get factor(): number {
    return tightening ** -this.level
  }

  /** Told each second. Gives whether the level is another now. */
  tick({ turnedAway, answered }: Second, nowMs: number): boolean {
    const before = this.level
    if (turnedAway >= this.#beginPerSecond / 2 || this.#calmSinceMs === 0) this.#calmSinceMs = nowMs
    // What is closed unread costs little: no reason to hurt others more.
    this.#busyS = (this.level === 0 ? turnedAway : answered) >= this.#beginPerSecond ? this.#busyS + 1 : 0
    if (this.#busyS >= (this.level === 0 ? 1 : lastsS) && this.level < levelMax) {
      this.level++
      this.#busyS = 0
    } else if (this.level > 0 && nowMs - this.#calmSinceMs >= this.#easeMs) {
      this.level--
      this.#calmSinceMs = nowMs
    }
    return this.level !== before
  }
}
