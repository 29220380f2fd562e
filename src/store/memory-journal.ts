/** The journal in memory: kept at once, gone with the process. It holds the events themselves, so it costs no copy. */
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { AnswerInfo, Journal, JournalEntry, JournalOptions, KeptAnswer, Outcome } from './journal.ts'

/** What an event and an answer cost beyond their bytes, so that many tiny answers are bounded too. */
const eventOverheadBytes = 128
const answerOverheadBytes = 1024

const deaf = (): void => {}

class MemoryEntry implements JournalEntry, KeptAnswer {
  readonly ray: Ray
  readonly route: string
  readonly model: string
  readonly caller: string
  readonly beganMs: number
  readonly events: Buffer[] = []
  bytes = answerOverheadBytes
  outcome: Outcome | null = null
  sealedMs = 0
  #journal: MemoryJournal
  #onKept: (keptCount: number) => void

  constructor(journal: MemoryJournal, info: AnswerInfo, onKept: (keptCount: number) => void) {
    this.#journal = journal
    this.#onKept = onKept
    this.ray = info.ray
    this.route = info.route
    this.model = info.model
    this.caller = info.caller
    this.beganMs = info.beganMs
  }

  get count(): number {
    return this.events.length
  }

  append(event: Buffer): void {
    if (this.outcome) return
    this.#journal.claim(this, event.length + eventOverheadBytes)
    this.events.push(event)
    this.bytes += event.length + eventOverheadBytes
    this.#onKept(this.events.length)
  }

  seal(outcome: Outcome): void {
    if (this.outcome) return
    this.outcome = outcome
    this.#onKept = deaf
    this.#journal.retire(this)
  }
}

export class MemoryJournal implements Journal {
  readonly engine = 'memory'
  #clock: Clock
  #options: JournalOptions
  /** In order of beginning; sealed ones leave from the front by age or need. */
  #answers = new Map<Ray, MemoryEntry>()
  /** Sealed ones in order of sealing. */
  #sealed = new Set<MemoryEntry>()
  #bytes = 0

  constructor(clock: Clock, options: JournalOptions) {
    this.#clock = clock
    this.#options = options
  }

  get keptBytes(): number {
    return this.#bytes
  }

  get answerCount(): number {
    return this.#answers.size
  }

  begin(answer: AnswerInfo, onKept: (keptCount: number) => void): JournalEntry {
    this.#forgetOld()
    if (!this.#hasRoom(answerOverheadBytes)) throw new Fault('HF_JOURNAL_FULL')
    const entry = new MemoryEntry(this, answer, onKept)
    this.#bytes += answerOverheadBytes
    this.#answers.set(answer.ray, entry)
    return entry
  }

  read(ray: Ray): KeptAnswer | null {
    this.#forgetOld()
    return this.#answers.get(ray) ?? null
  }

  /** Takes room for an event of a live entry. @throws {Fault} when there is none. */
  claim(entry: MemoryEntry, eventBytes: number): void {
    if (entry.bytes + eventBytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    if (!this.#hasRoom(eventBytes)) throw new Fault('HF_JOURNAL_FULL')
    this.#bytes += eventBytes
  }

  retire(entry: MemoryEntry): void {
    entry.sealedMs = this.#clock.monotonicMs()
    this.#sealed.add(entry)
    if (this.#options.keepMs === 0) this.#drop(entry)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#answers.clear()
    this.#sealed.clear()
    this.#bytes = 0
  }

  /** True when `bytes` more fit, after letting go of ended answers, oldest first, as far as needed. */
  #hasRoom(bytes: number): boolean {
    for (const entry of this.#sealed) {
      if (this.#bytes + bytes <= this.#options.totalBytesMax) return true
      this.#drop(entry)
    }
    return this.#bytes + bytes <= this.#options.totalBytesMax
  }

  #forgetOld(): void {
    const limitMs = this.#clock.monotonicMs() - this.#options.keepMs
    for (const entry of this.#sealed) {
      if (entry.sealedMs > limitMs) return
      this.#drop(entry)
    }
  }

  #drop(entry: MemoryEntry): void {
    this.#sealed.delete(entry)
    this.#answers.delete(entry.ray)
    this.#bytes -= entry.bytes
  }
}
