/**
 * What workers tell each other through their supervisor: how many calls each has at which server, and what it has
 * learnt of their speeds. One that knows neither takes a server that is busy with the calls of others for a slow one.
 */
import type { CallsByUpstream } from '../fleet/shared-speeds.ts'
import type { SpeedBook, SpeedEntry } from '../fleet/speed-book.ts'

/** What the others have in hand, and what is known of servers; what is missing is as it was. */
export interface SiblingWord {
  readonly event: 'siblings'
  readonly calls?: CallsByUpstream
  readonly speeds?: readonly SpeedEntry[]
  /** Addresses from which a good key came to another. */
  readonly welcomed?: readonly string[]
}

interface Told {
  calls: CallsByUpstream
  /** What it was told last of the others' calls. */
  others: string
}

/** `Worker`: whatever stands for one. */
export class Siblings<Worker> {
  #book: SpeedBook
  #tell: (worker: Worker, word: SiblingWord) => void
  #workers = new Map<Worker, Told>()

  constructor(book: SpeedBook, tell: (worker: Worker, word: SiblingWord) => void) {
    this.#book = book
    this.#tell = tell
  }

  /** A new one is told all that is known. */
  welcome(worker: Worker): void {
    const others = this.#othersOf(worker)
    this.#workers.set(worker, { calls: {}, others: JSON.stringify(others) })
    this.#tell(worker, { event: 'siblings', calls: others, speeds: this.#book.entries })
  }

  hearCalls(worker: Worker, calls: CallsByUpstream): void {
    const told = this.#workers.get(worker)
    if (told) told.calls = calls
  }

  hearSpeeds(worker: Worker, entries: readonly SpeedEntry[], nowMs: number): void {
    const speeds = this.#book.add(entries, nowMs)
    if (speeds.length === 0) return
    for (const other of this.#workers.keys()) if (other !== worker) this.#tell(other, { event: 'siblings', speeds })
  }

  /** A good key came from these addresses: they are locked out nowhere. */
  hearWelcomed(worker: Worker, welcomed: readonly string[]): void {
    for (const other of this.#workers.keys()) if (other !== worker) this.#tell(other, { event: 'siblings', welcomed })
  }

  /** Tells each what the others have in hand now, if that has changed. */
  share(): void {
    for (const [worker, told] of this.#workers) {
      const calls = this.#othersOf(worker)
      const others = JSON.stringify(calls)
      if (others === told.others) continue
      told.others = others
      this.#tell(worker, { event: 'siblings', calls })
    }
  }

  forget(worker: Worker): void {
    this.#workers.delete(worker)
  }

  #othersOf(worker: Worker): CallsByUpstream {
    const sums: Record<string, number> = {}
    for (const [other, { calls }] of this.#workers) {
      if (other === worker) continue
      for (const [name, count] of Object.entries(calls)) sums[name] = (sums[name] ?? 0) + count
    }
    return sums
  }
}
