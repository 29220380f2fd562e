/**
 * A process of the simulated world. Whatever reaches it (a timer, a message, an answer of the disk) goes through `run`:
 * now while it lives, later while it is stopped (SIGSTOP), never once it was killed (SIGKILL).
 */
import type { Clock, Timer } from '../../src/ground/clock.ts'
import type { WorldTime } from './world-time.ts'

/** The wall clock of a machine, which may be wrong. */
export interface Skew {
  ms: number
}

export class SimProcess {
  readonly name: string
  readonly clock: Clock
  /** When it was started or last went on, on the world's clock. */
  awakeMs: number
  #time: WorldTime
  #isAlive = true
  #isStopped = false
  #isCatchingUp = false
  #backlog: (() => void)[] = []
  #onKilled: (() => void)[] = []
  #timerCount = 0

  constructor(name: string, time: WorldTime, skew: Skew) {
    this.name = name
    this.#time = time
    this.awakeMs = time.monotonicMs()
    const startMs = time.monotonicMs()
    this.clock = {
      nowMs: () => time.nowMs() + skew.ms,
      monotonicMs: () => time.monotonicMs() - startMs,
      after: (delayMs, run) => this.#after(delayMs, run),
      every: (periodMs, run) => this.#every(periodMs, run),
      soon: (run) => void time.after(0, () => this.run(run)),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get isAwake(): boolean {
    return this.#isAlive && !this.#isStopped
  }

  /** Timers that wait. */
  get timerCount(): number {
    return this.#timerCount
  }

  run(work: () => void): void {
    if (!this.#isAlive) return
    if (this.#isStopped || this.#isCatchingUp) this.#backlog.push(work)
    else work()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Goes on: what came meanwhile is dealt with first, in the order in which it came. */
  goOn(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    this.awakeMs = this.#time.monotonicMs()
    if (!this.#isCatchingUp) this.#catchUp()
  }

  kill(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    this.#backlog = []
    for (const tell of this.#onKilled.splice(0)) tell()
  }

  /** What the system does for a process that dies: close its connections. */
  onKilled(tell: () => void): void {
    this.#onKilled.push(tell)
  }

  #catchUp(): void {
    this.#isCatchingUp = this.#backlog.length > 0
    if (!this.#isCatchingUp) return
    this.#time.after(0, () => {
      if (!this.#isAlive) return
      if (this.#isStopped) return void (this.#isCatchingUp = false)
      try {
        this.#backlog.shift()?.()
      } finally {
        this.#catchUp()
      }
    })
  }

  #after(delayMs: number, run: () => void): Timer {
    let isWaiting = true
    this.#timerCount++
    const stop = (): boolean => {
      if (!isWaiting) return false
      isWaiting = false
      this.#timerCount--
      return true
    }
    const timer = this.#time.after(delayMs, () => this.run(() => void (stop() && run())))
    const cancel = (): void => {
      timer.cancel()
      stop()
    }
    return { cancel, [Symbol.dispose]: cancel }
  }

  /** Wound up again after each run: a stopped process catches up with one run, not with all that it missed. */
  #every(periodMs: number, run: () => void): Timer {
    let isCancelled = false
    let timer: Timer
    const wind = (): void => {
      timer = this.#after(Math.max(1, periodMs), () => {
        wind()
        run()
      })
    }
    wind()
    const cancel = (): void => {
      if (isCancelled) return
      isCancelled = true
      timer.cancel()
    }
    return { cancel, [Symbol.dispose]: cancel }
  }
}
