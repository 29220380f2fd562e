/**
 * One reader at the end of a growing answer: delivers what the journal has kept, in order, as fast as the caller
 * takes it.
 */
import type { Reply } from '../reply.ts'

/** Bytes that may wait for a slow caller before the upstream is paused. */
const lagBytesMax = 2 ** 20

export class Tail {
  #reply: Reply
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Events handed in so far, and how many of them have been delivered and kept. */
  #pushedCount = 0
  #keptCount = 0
  #isBlocked = false
  #isDetached = false
  #ending: 'end' | 'breakOff' | null = null
  #onEnded: () => void
  #onLag: (isLagging: boolean) => void
  #isLagging = false
  /** Bytes delivered to the caller's connection. */
  sentBytes = 0

  constructor(reply: Reply, listener: { onEnded: () => void; onLag: (isLagging: boolean) => void }) {
    this.#reply = reply
    this.#onEnded = listener.onEnded
    this.#onLag = listener.onLag
    reply.onDrain = () => {
      this.#isBlocked = false
      this.flush()
    }
  }

  /** Adds an event; it waits until `kept` has counted it. */
  push(event: Buffer): void {
    this.#pushedCount++
    if (this.#isDetached) return
    this.#waiting.push(event)
    this.#waitingBytes += event.length
  }

  /** The journal has kept the first `count` events. */
  kept(count: number): void {
    this.#keptCount = count
  }

  /** Delivers what may be delivered, in one write. */
  flush(): void {
    const unkeptCount = this.#pushedCount - this.#keptCount
    const readyCount = this.#waiting.length - unkeptCount
    if (readyCount > 0 && !this.#isBlocked && !this.#isDetached) this.#deliver(readyCount)
    const isLagging = this.#waitingBytes > (this.#isLagging ? lagBytesMax / 2 : lagBytesMax)
    if (isLagging !== this.#isLagging) {
      this.#isLagging = isLagging
      this.#onLag(isLagging)
    }
    this.#settle()
  }

  /** Ends the answer for the caller once everything has been delivered: as whole, or broken off. */
  finish(how: 'end' | 'breakOff'): void {
    this.#ending ??= how
    this.flush()
  }

  /** The caller is gone: nothing is delivered any more. */
  detach(): void {
    this.#isDetached = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.flush()
  }

  #deliver(readyCount: number): void {
    const ready = readyCount === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, readyCount)
    this.#waiting = readyCount === this.#waiting.length ? [] : this.#waiting.slice(readyCount)
    const bytes = ready.length === 1 ? (ready[0] as Buffer) : Buffer.concat(ready)
    this.#waitingBytes -= bytes.length
    this.sentBytes += bytes.length
    this.#isBlocked = !this.#reply.write(bytes)
  }

  #settle(): void {
    if (!this.#ending || this.#waiting.length > 0) return
    const how = this.#ending
    this.#ending = null
    if (!this.#isDetached) this.#reply[how]()
    this.#onEnded()
  }
}
