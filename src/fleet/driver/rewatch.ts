/** Keeps a stream of news open: when it ends, for whatever reason, it is begun anew after a pause that grows. */
import type { Clock, Timer } from '../../ground/clock.ts'

const pauseMs = 250
const pauseMsMax = 30_000
/** A stream that lasted so long was a good one. */
const goodMs = 5000

export class Rewatch {
  #clock: Clock
  #follow: (signal: AbortSignal) => Promise<void>
  #onGap: () => void
  #run: AbortController | null = null
  #timer: Timer | null = null
  #failures = 0

  /**
   * @param follow resolves or fails when its stream has ended; `signal` ends it
   * @param onGap something may have happened unseen
   */
  constructor(clock: Clock, follow: (signal: AbortSignal) => Promise<void>, onGap: () => void) {
    this.#clock = clock
    this.#follow = follow
    this.#onGap = onGap
  }

  begin(): void {
    if (this.#run) return
    this.#run = new AbortController()
    this.#open(this.#run)
  }

  end(): void {
    this.#run?.abort()
    this.#run = null
    this.#timer?.cancel()
    this.#failures = 0
  }

  #open(run: AbortController): void {
    const begunMs = this.#clock.monotonicMs()
    const again = (): void => {
      if (run.signal.aborted) return
      const isGood = this.#clock.monotonicMs() - begunMs >= goodMs
      this.#failures = isGood ? 0 : this.#failures + 1
      const waitMs = Math.min(pauseMsMax, pauseMs * 2 ** Math.min(10, this.#failures))
      this.#timer = this.#clock.after(waitMs, () => {
        if (run.signal.aborted) return
        this.#onGap()
        this.#open(run)
      })
    }
    this.#follow(run.signal).then(again, again)
  }
}
