/** Who reads an answer, and what becomes of it when nobody does: cancelled, or gone on with alone, within bounds. */
import { Fault } from '../fault/fault.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Order } from './order.ts'

/** Answers that go on without a reader. */
export interface Detached {
  /** How many there are now. */
  count: number
  readonly max: number
  /** How long one may go on, milliseconds. */
  readonly ms: number
}

export interface AttendanceListener {
  /** It goes on alone: a repetition of the call may have it. */
  onDetached(): void
  /** Nobody waits for it any more. */
  onAbandoned(fault: Fault): void
}

export class Attendance {
  /** Nobody reads it, and its readers left before the end. */
  isLost = false
  #clock: Clock
  #detached: Detached
  #order: Pick<Order, 'onDisconnect' | 'isStored'>
  #listener: AttendanceListener
  #timer: Timer | null = null

  constructor(
    { clock, detached }: { clock: Clock; detached: Detached },
    order: Pick<Order, 'onDisconnect' | 'isStored'>,
    listener: AttendanceListener,
  ) {
    this.#clock = clock
    this.#detached = detached
    this.#order = order
    this.#listener = listener
  }

  /** It is taken over from a dead node: nobody reads it here, and its callers may repeat the call on any node. */
  adopt(): void {
    this.#lose()
  }

  /** Somebody reads. */
  come(): void {
    this.#setLost(false)
    this.#timer?.cancel()
    this.#timer = null
  }

  /** The last reader is gone, and the answer is not at its end. */
  leave(): void {
    const { onDisconnect, isStored } = this.#order
    if (onDisconnect === 'cancel' && !isStored) return this.#listener.onAbandoned(new Fault('HF_CLIENT_GONE'))
    this.#lose()
    if (isStored) return
    const { count, max, ms } = this.#detached
    if (count > max)
      return this.#listener.onAbandoned(new Fault('HF_CLIENT_GONE', { detail: 'too many answers go on alone' }))
    this.#timer ??= this.#clock.after(ms, () => this.#listener.onAbandoned(new Fault('HF_CLIENT_GONE')))
  }

  /** The answer has ended. */
  end(): void {
    this.come()
  }

  #lose(): void {
    this.#setLost(true)
    this.#listener.onDetached()
  }

  #setLost(isLost: boolean): void {
    if (this.isLost !== isLost) this.#detached.count += isLost ? 1 : -1
    this.isLost = isLost
  }
}
