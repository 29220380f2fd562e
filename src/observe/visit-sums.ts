/** Visits of the applications beside the models, summed by route for those who watch over them. */
import type { Clock, Timer } from '../ground/clock.ts'
import type { Recorder } from './recorder.ts'
import { isLost, type Visit } from './visit.ts'

const sumPeriodMs = 10_000
/** Harm is told sooner. */
const harmPeriodMs = 2000

export class VisitSums implements Disposable {
  #clock: Clock
  #recorder: Pick<Recorder, 'note'>
  #counts: ReadonlyMap<string, { count: number; failedCount: number }>
  #fromMs: number
  #timer: Timer
  #soon: Timer | null = null

  /** `routes`: paths of those that are watched. */
  constructor(clock: Clock, recorder: Pick<Recorder, 'note'>, routes: Iterable<string>) {
    this.#clock = clock
    this.#recorder = recorder
    this.#counts = new Map([...routes].map((route) => [route, { count: 0, failedCount: 0 }]))
    this.#fromMs = clock.nowMs()
    this.#timer = clock.every(sumPeriodMs, () => this.#tell())
  }

  add(visit: Visit): void {
    const sum = this.#counts.get(visit.route)
    const lost = isLost(visit)
    if (!sum || lost === null) return
    sum.count++
    if (!lost) return
    sum.failedCount++
    this.#soon ??= this.#clock.after(harmPeriodMs, () => this.#tell())
  }

  [Symbol.dispose](): void {
    this.#timer.cancel()
    this.#tell()
  }

  #tell(): void {
    this.#soon?.cancel()
    this.#soon = null
    const fromMs = this.#fromMs
    this.#fromMs = this.#clock.nowMs()
    for (const [route, sum] of this.#counts) {
      if (sum.count > 0) this.#recorder.note({ kind: 'visits', route, fromMs, ...sum })
      sum.count = 0
      sum.failedCount = 0
    }
  }
}
