/** The door to the relay: how many calls may be under way at once. */
import { Fault } from '../../fault/fault.ts'

export class Admission {
  #liveMax: number
  #live = 0
  #isClosing = false
  #onIdle: (() => void)[] = []

  /** `liveMax`: calls under way at once in this process. */
  constructor(liveMax: number) {
    this.#liveMax = liveMax
  }

  get liveCount(): number {
    return this.#live
  }

  get hasRoom(): boolean {
    return !this.#isClosing && this.#live < this.#liveMax
  }

  /** Takes a place; give it back with `leave`. @throws {Fault} HF_QUEUE_FULL, HF_CLOSING */
  enter(): void {
    if (this.#isClosing) throw new Fault('HF_CLOSING', { retryAfterMs: 1000 })
    if (this.#live >= this.#liveMax) throw new Fault('HF_QUEUE_FULL', { retryAfterMs: 1000 })
    this.#live++
  }

  leave(): void {
    this.#live--
    if (this.#live === 0) for (const tell of this.#onIdle.splice(0)) tell()
  }

  /** Takes nothing new from now on; resolves when the last call has left. */
  close(): Promise<void> {
    this.#isClosing = true
    if (this.#live === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }
}
