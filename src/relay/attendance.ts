/** Who reads an answer, and what becomes of it when nobody does: cancelled, or gone on with alone, within bounds. */
import { Fault } from '../fault/fault.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Observer } from '../observe/observer.ts'
import type { Journal } from '../store/journal.ts'
import type { Order } from './order.ts'

/** An answer that nobody reads here, but somebody on another node, is looked at again after this. */
const againMs = 10_000
/** Readers on other nodes that joined just now are known of by then. */
const joinedMs = 2000

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

export interface AttendanceParts {
  readonly clock: Clock
  readonly journal: Pick<Journal, 'isReadElsewhere'>
  readonly detached: Detached
  readonly observer: Pick<Observer, 'recorder'>
}

type AttendedOrder = Pick<Order, 'ray' | 'onDisconnect' | 'isStored' | 'cache'>

export class Attendance {
  /** Nobody reads it, and its readers left before the end. */
  isLost = false
  #clock: Clock
  #journal: Pick<Journal, 'isReadElsewhere'>
  #detached: Detached
  #observer: Pick<Observer, 'recorder'>
  #order: AttendedOrder
  #listener: AttendanceListener
  #timer: Timer | null = null
  /** Counts how often somebody came. */
  #comings = 0

  constructor(parts: AttendanceParts, order: AttendedOrder, listener: AttendanceListener) {
    const { clock, journal, detached, observer } = parts
    this.#observer = observer
    this.#clock = clock
    this.#journal = journal
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
    this.#comings++
    this.#setLost(false)
    this.#timer?.cancel()
    this.#timer = null
  }

  /** The last reader here is gone, and the answer is not at its end. */
  leave(): void {
    const { onDisconnect, isStored, ray, cache } = this.#order
    this.#observer.recorder.note({ kind: 'client', ray, state: 'left', code: 'HF_CLIENT_GONE' })
    const isCancelled = onDisconnect === 'cancel' && !isStored
    if (isCancelled && !cache?.mayLead) return void this.#abandon(new Fault('HF_CLIENT_GONE'))
    this.#lose()
    if (isCancelled) return this.#abandonAfter(joinedMs)
    if (isStored) return
    const { count, max, ms } = this.#detached
    if (count > max) return void this.#abandon(new Fault('HF_CLIENT_GONE', { detail: 'too many answers go on alone' }))
    this.#abandonAfter(ms)
  }

  #abandonAfter(ms: number): void {
    this.#timer ??= this.#clock.after(ms, () => void this.#abandon(new Fault('HF_CLIENT_GONE')))
  }

  /** Unless somebody comes meanwhile, or reads it on another node. */
  async #abandon(fault: Fault): Promise<void> {
    const comings = this.#comings
    const isRead = await this.#journal.isReadElsewhere(this.#order.ray).catch(() => false)
    if (this.#comings !== comings) return
    if (!isRead) return this.#listener.onAbandoned(fault)
    this.#timer?.cancel()
    this.#timer = this.#clock.after(againMs, () => void this.#abandon(fault))
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
