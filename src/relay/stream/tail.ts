/**
 * One reader at the end of a growing answer: delivers what the journal has kept, in order, as fast as the caller
 * takes it.
 */
import type { Reply } from '../reply.ts'

/** Bytes that may wait for a slow caller before the upstream is paused. */
const lagBytesMax = 2 ** 20
/**
 * A larger answer goes out in pieces of this size, so that a caller who takes it slowly can be told from one who does
 * not.
 */
const pieceBytesMax = 256 * 2 ** 10

export class Tail {
  #reply: Reply
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** What is left of the events that are being written. */
  #rest: Buffer | null = null
  /** Events kept by the journal, and those of them that have been taken for writing. */
  #keptCount = 0
  #deliveredCount = 0
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
    if (this.#isDetached) return
    this.#waiting.push(event)
    this.#waitingBytes += event.length
  }

  /** The journal has kept the first `count` events. */
  kept(count: number): void {
    this.#keptCount = count
  }

  /** Forgets what has not been kept: it never will be. */
  dropUnkept(): void {
    const unkept = this.#waiting.splice(Math.max(0, this.#keptCount - this.#deliveredCount))
    for (const event of unkept) this.#waitingBytes -= event.length
  }

  /** Delivers what may be delivered, in one write. */
  flush(): void {
    this.#writeRest()
    const readyCount = Math.min(this.#waiting.length, this.#keptCount - this.#deliveredCount)
    if (readyCount > 0 && !this.#isBlocked) this.#deliver(readyCount)
    const isLagging = this.#waitingBytes > (this.#isLagging ? lagBytesMax / 2 : lagBytesMax)
    if (isLagging !== this.#isLagging) {
      this.#isLagging = isLagging
      this.#onLag(isLagging)
    }
    this.#settle()
  }

  /**
   * Ends the answer for the caller once everything has been delivered: as whole, or broken off. A broken one is never
   * made whole again by a later word.
   */
  finish(how: 'end' | 'breakOff'): void {
    if (this.#ending === null || how === 'breakOff') this.#ending = how
    this.flush()
  }

  /** The caller is gone: nothing is delivered any more. */
  detach(): void {
    this.#isDetached = true
    this.#waiting = []
    this.#rest = null
    this.#waitingBytes = 0
    this.flush()
  }

  #deliver(readyCount: number): void {
    const isAll = readyCount === this.#waiting.length
    const ready = isAll ? this.#waiting : this.#waiting.slice(0, readyCount)
    this.#waiting = isAll ? [] : this.#waiting.slice(readyCount)
    this.#deliveredCount += readyCount
    this.#rest = ready.length === 1 ? (ready[0] as Buffer) : Buffer.concat(ready)
    this.#writeRest()
  }

  #writeRest(): void {
    while (this.#rest && !this.#isBlocked) {
      const bytes: Buffer = this.#rest
      const piece = bytes.length <= pieceBytesMax ? bytes : bytes.subarray(0, pieceBytesMax)
      this.#rest = piece === bytes ? null : bytes.subarray(pieceBytesMax)
      this.#waitingBytes -= piece.length
      this.sentBytes += piece.length
      this.#isBlocked = !this.#reply.write(piece)
    }
  }

  #settle(): void {
    if (!this.#ending || this.#rest || this.#waiting.length > 0) return
    const how = this.#ending
    this.#ending = null
    if (!this.#isDetached) this.#reply[how]()
    this.#onEnded()
  }
}
