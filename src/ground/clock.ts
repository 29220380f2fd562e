/** Time as a parameter: the only file (with random.ts) that may ask the machine what time it is. */

import type { Timer } from './timer.ts'
import { TimerWheel } from './timer-wheel.ts'

export type { Timer } from './timer.ts'

/** The two clocks and the timers of a node. The simulated world has one of its own. */
export interface Clock {
  /** Wall time, milliseconds since 1970; may jump. For people, ids and files. */
  nowMs(): number
  /** Monotonic time in milliseconds with fractions, from an arbitrary start; for durations and deadlines. */
  monotonicMs(): number
  /** Calls `run` once after `delayMs`; the timer never keeps the process alive by itself. */
  after(delayMs: number, run: () => void): Timer
  /** Calls `run` every `periodMs` until cancelled; never keeps the process alive by itself. */
  every(periodMs: number, run: () => void): Timer
  /** Calls `run` once after the input and output of this turn: the place to do the work of a whole turn in one go. */
  soon(run: () => void): void
}

/** setTimeout clamps larger delays to 1 ms; a longer wait is cut to this and that is long enough. */
const delayMsMax = 2 ** 31 - 1

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout
  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle
    handle.unref()
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
  [Symbol.dispose](): void {
    this.cancel()
  }
}

/** What is put off to the end of a turn: one immediate for all of it. */
class Turn {
  #runs: (() => void)[] = []

  soon(run: () => void): void {
    if (this.#runs.push(run) === 1) setImmediate(this.#end)
  }

  #end = (): void => {
    const runs = this.#runs
    this.#runs = []
    let done = 0
    try {
      while (done < runs.length) runs[done++]?.()
    } finally {
      // One that throws ends the process, as a rule; where it does not, it takes no others with it.
      for (; done < runs.length; done++) this.soon(runs[done] as () => void)
    }
  }
}

const turn = new Turn()
/** Shorter waits have a timer each, which is more exact. */
const wheelMsMin = 1000
const setTimer = (delayMs: number, run: () => void): Timer =>
  new SystemTimer(setTimeout(run, Math.min(delayMs, delayMsMax)))
const wheel = new TimerWheel(() => performance.now(), setTimer)

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => (delayMs < wheelMsMin ? setTimer(delayMs, run) : wheel.after(delayMs, run)),
  every: (periodMs, run) => new SystemTimer(setInterval(run, Math.min(periodMs, delayMsMax))),
  soon: (run) => turn.soon(run),
}
