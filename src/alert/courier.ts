/**
 * Brings one receiver what it has yet to be told: one message at a time, again after a while when that fails, the while
 * doubling up to five minutes with full jitter. It holds no messages; the mailbox works out anew what is due.
 */
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import type { AlertBook } from './alert-book.ts'
import { Mailbox, type Told } from './mailbox.ts'
import { DeliveryError } from './delivery-error.ts'
import type { Receiver } from './receiver.ts'

const againMs = 2000
const againMsMax = 300_000
/** A receiver that asks for more patience than this is tried again all the same. */
const askedMsMax = 900_000
/** Messages that are sent in one go; more of them wait for the next. */
const messagesMax = 10

export interface CourierParts {
  readonly log: Log
  readonly random: Random
  /** Something was delivered: what was told is to be kept. */
  readonly onTold: () => void
}

export class Courier {
  readonly receiver: Receiver
  readonly mailbox: Mailbox
  #parts: CourierParts
  #isBusy = false
  #end = new AbortController()
  #failures = 0
  #notBeforeMs = 0
  /** Since the start. */
  readonly counts = { delivered: 0, failed: 0 }
  /** Why the last try failed; null after a delivery. */
  trouble: string | null = null

  constructor(receiver: Receiver, told: Readonly<Record<string, Told>>, parts: CourierParts) {
    this.receiver = receiver
    this.mailbox = new Mailbox(receiver.mailbox, told)
    this.#parts = parts
  }

  /** Delivers what is due, if it is not at it already. `now`: wall clock, milliseconds. */
  async tend(book: AlertBook, now: () => number): Promise<void> {
    // No wait is longer than this, however far the clock steps back.
    this.#notBeforeMs = Math.min(this.#notBeforeMs, now() + askedMsMax)
    if (this.#isBusy || this.#end.signal.aborted || now() < this.#notBeforeMs) return
    this.#isBusy = true
    try {
      for (let sent = 0; sent < messagesMax; sent++) {
        const [notice] = this.mailbox.due(book, now())
        if (!notice) return
        await this.receiver.deliver(notice, now(), this.#end.signal)
        this.mailbox.delivered(notice, now())
        this.counts.delivered++
        this.#failures = 0
        this.trouble = null
        this.#parts.onTold()
      }
    } catch (error) {
      if (!this.#end.signal.aborted) this.#fail(error, now())
    } finally {
      this.#isBusy = false
    }
  }

  /** Calls off what is on its way, and begins nothing more. */
  close(): void {
    this.#end.abort()
  }

  #fail(error: unknown, nowMs: number): void {
    const asked = error instanceof DeliveryError ? error.retryAfterMs : null
    const capMs = Math.min(againMsMax, againMs * 2 ** this.#failures)
    const waitMs = Math.max(againMs / 2, capMs * this.#parts.random.unit(), Math.min(asked ?? 0, askedMsMax))
    this.#notBeforeMs = nowMs + waitMs
    this.counts.failed++
    this.trouble = error instanceof Error ? error.message : String(error)
    const facts = { receiver: this.receiver.name, detail: this.trouble, waitMs: Math.round(waitMs) }
    // A receiver that is away for a day is not worth a line every five minutes.
    if (this.#failures++ === 0) this.#parts.log.error(facts, 'alerts cannot be delivered')
    else this.#parts.log.debug(facts, 'alerts can still not be delivered')
  }
}
