/**
 * Keeps a stream of news open while anybody listens: when it ends, for whatever reason, it is begun anew after a pause
 * that grows.
 */
import type { Clock, Timer } from '../../ground/clock.ts'

const pauseMs = 250
const pauseMsMax = 30_000
/** A stream that lasted so long was a good one. */
const goodMs = 5000

export class Rewatch implements Disposable {
  #clock: Clock
  #follow: (signal: AbortSignal) => Promise<void>
  #listeners = new Set<() => void>()
  #run: AbortController | null = null
  #timer: Timer | null = null
  #failures = 0

  /** @param follow resolves or fails when its stream has ended; `signal` ends it */
  constructor(clock: Clock, follow: (signal: AbortSignal) => Promise<void>) {
    this.#clock = clock
    this.#follow = follow
  }

  watch(onChange: () => void): Disposable {
    const listener = (): void => onChange()
    this.#listeners.add(listener)
    this.#begin()
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener)
        if (this.#listeners.size === 0) this.#end()
      },
    }
  }

  /** There is news. */
  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  [Symbol.dispose](): void {
    this.#listeners.clear()
    this.#end()
  }

  #begin(): void {
    if (this.#run) return
    this.#run = new AbortController()
    this.#open(this.#run)
  }

  #end(): void {
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
        // Whatever happened while nobody looked.
        this.tell()
        this.#open(run)
      })
    }
    this.#follow(run.signal).then(again, again)
  }
}
