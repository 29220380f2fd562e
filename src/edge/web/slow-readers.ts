/** Readers that take nothing of an answer that waits for them: let go after a while, with what is held for them. */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { WebAnswer } from './web.ts'

const sweepMs = 2000

interface Seen {
  /** Sent over its connection, and waiting. */
  readonly sent: number
  readonly sinceMs: number
}

export class SlowReaders implements Disposable {
  #clock: Clock
  #stalledMs: number
  #reading = new Map<WebAnswer, Seen>()
  #sweeper: Timer

  constructor(clock: Clock, stalledMs: number) {
    this.#clock = clock
    this.#stalledMs = stalledMs
    this.#sweeper = clock.every(sweepMs, () => this.#sweep())
  }

  /** Until it is over. On a stream of HTTP/2 nobody can tell what waits. */
  watch(response: WebAnswer): void {
    if (response.writableLength === undefined) return
    this.#reading.set(response, { sent: -1, sinceMs: this.#clock.monotonicMs() })
    response.once('close', () => this.#reading.delete(response))
  }

  [Symbol.dispose](): void {
    this.#sweeper.cancel()
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [response, { sent, sinceMs }] of this.#reading) {
      const left = response.writableLength ?? 0
      const now = (response.socket?.bytesWritten ?? 0) - left
      // Nothing waits: the answer is still being made.
      if (left === 0 || now !== sent) this.#reading.set(response, { sent: now, sinceMs: nowMs })
      else if (nowMs - sinceMs >= this.#stalledMs) response.destroy()
    }
  }
}
