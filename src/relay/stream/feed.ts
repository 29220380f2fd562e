/**
 * The live end of an answer that is being made on this node: hands events to its readers once the journal has kept
 * them, those of one turn together. It knows nothing of what came before; a reader that is behind reads the journal.
 */
import type { Fault } from '../../fault/fault.ts'
import { Crowd, type Member } from '../../ground/crowd.ts'

/** How an answer ended: whole, or told to be broken. */
export type Ending = 'end' | 'breakOff'

/** Whoever hangs on a feed. */
export interface Listener extends Member {
  /** Events have been kept, the first of them under this number. */
  offer(from: number, events: readonly Buffer[]): void
  /** The turn is over, or the feed has ended: time to deliver. */
  flush(): void
  /** Another node makes the answer now: it is to be read from the journal. */
  follow(): void
}

/** Never pushed to. */
const none: Buffer[] = []

export class Feed {
  /** Events kept by the journal so far. */
  keptCount: number
  ending: Ending | null = null
  /** Why it broke off. */
  fault: Fault | null = null
  /** The last event, where the journal could not take even that. */
  lastWords: Buffer | null = null
  /** Appended and not yet kept; the first has the number `keptCount`. */
  #fresh: Buffer[] = none
  #listeners = new Crowd<Listener>()

  /** @param keptCount events that an earlier node has written. */
  constructor(keptCount = 0) {
    this.keptCount = keptCount
  }

  get listenerCount(): number {
    return this.#listeners.size
  }

  /** Whether everything that will ever come has been kept. */
  get isDone(): boolean {
    return this.ending !== null && this.#fresh.length === 0
  }

  add(listener: Listener): void {
    this.#listeners.add(listener)
  }

  remove(listener: Listener): void {
    this.#listeners.remove(listener)
  }

  /** Adds an event that the journal has taken; it waits until `kept` has counted it. */
  push(event: Buffer): void {
    // A list of one takes a quarter of what one takes that is to grow.
    if (this.#fresh.length === 0) this.#fresh = [event]
    else this.#fresh.push(event)
  }

  /** Takes back the last event: the journal did not take it after all. */
  unpush(): void {
    this.#fresh.pop()
  }

  /** The journal has kept the first `count` events of the answer. */
  kept(count: number): void {
    const readyCount = Math.min(this.#fresh.length, count - this.keptCount)
    if (readyCount <= 0) return
    const isAll = readyCount === this.#fresh.length
    const ready = isAll ? this.#fresh : this.#fresh.slice(0, readyCount)
    this.#fresh = isAll ? none : this.#fresh.slice(readyCount)
    const from = this.keptCount
    this.keptCount += readyCount
    const { sole } = this.#listeners
    if (sole) return sole.offer(from, ready)
    for (const listener of this.#listeners) listener.offer(from, ready)
  }

  /** Delivers what may be delivered, in one write a reader. */
  flush(): void {
    const { sole } = this.#listeners
    if (sole) return sole.flush()
    for (const listener of this.#listeners) listener.flush()
  }

  /** Nothing more will come. A broken answer is never made whole again by a later word. */
  finish(how: Ending, fault: Fault | null): void {
    if (this.ending === null || how === 'breakOff') this.ending = how
    this.fault ??= fault
    this.flush()
  }

  /** The journal lost what it had not kept: that is forgotten, and this last event goes out unkept. */
  breakUnkept(lastWords: Buffer, fault: Fault): void {
    this.#fresh = none
    this.lastWords = lastWords
    this.finish('breakOff', fault)
  }

  /** Another node has the answer: what was not kept is forgotten, and the readers read on from the journal. */
  handOver(): void {
    this.#fresh = none
    for (const listener of this.#listeners) {
      this.#listeners.remove(listener)
      listener.follow()
    }
  }
}
