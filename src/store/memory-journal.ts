/**
 * The journal in memory: kept at once, gone with the process. An answer is one stretch of memory and the lengths of its
 * events: thousands of small buffers that live for seconds would cost more in collections than all else about a stream,
 * and would hold on to the pools that they were cut from.
 */
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import { Crowd, type Member } from '../ground/crowd.ts'
import { Gather } from '../ground/gather.ts'
import type { AnswerInfo, Journal, JournalEntry, JournalOptions, KeptAnswer, Outcome } from './journal.ts'

/** What an answer and an event cost beyond their bytes, so that many tiny ones are bounded too. */
const answerOverheadBytes = 2048
const eventOverheadBytes = 8
/** Ended answers are packed into pieces of this size; when the last answer of one is forgotten, so is the piece. */
const slabBytes = 2 ** 20

/** So many have left before the list is drawn together. */
const dropsMin = 256

const deaf = (): void => {}

class MemoryEntry implements JournalEntry, Member {
  place = 0
  readonly info: AnswerInfo
  readonly lengths: number[] = []
  readonly #gather = new Gather(null)
  bytes = answerOverheadBytes
  outcome: Outcome | null = null
  #journal: MemoryJournal
  #onKept: (keptCount: number) => void

  constructor(journal: MemoryJournal, info: AnswerInfo, onKept: (keptCount: number) => void) {
    this.#journal = journal
    this.#onKept = onKept
    this.info = info
  }

  append(event: Buffer): void {
    if (this.outcome) return
    this.#journal.claim(this, event.length + eventOverheadBytes)
    this.#gather.add(event, true)
    this.bytes += event.length + eventOverheadBytes
    this.#onKept(this.lengths.push(event.length))
  }

  get count(): number {
    return this.lengths.length
  }

  /** All events so far, one after the other. */
  get whole(): Buffer {
    return this.#gather.take()
  }

  seal(outcome: Outcome): void {
    if (this.outcome) return
    this.outcome = outcome
    this.#onKept = deaf
    this.#journal.retire(this, outcome)
  }
}

/** An ended answer: one stretch of a slab, and where its events end in it. */
interface Packed {
  readonly info: AnswerInfo
  readonly outcome: Outcome
  readonly slab: Buffer
  readonly start: number
  readonly lengths: readonly number[]
  /** What it was charged for. */
  readonly bytes: number
  /** On the monotonic clock. */
  readonly sealedMs: number
}

export class MemoryJournal implements Journal {
  readonly engine = 'memory'
  #clock: Clock
  #options: JournalOptions
  #live = new Crowd<MemoryEntry>()
  /**
   * In order of sealing, from `#oldest` on: they leave there, by age or need. Not a Map: one that is emptied from the
   * front walks over the holes of all who left before.
   */
  #sealed: Packed[] = []
  #oldest = 0
  #slab = Buffer.alloc(0)
  #slabUsed = 0
  #bytes = 0

  constructor(clock: Clock, options: JournalOptions) {
    this.#clock = clock
    this.#options = options
  }

  get keptBytes(): number {
    return this.#bytes
  }

  get answerCount(): number {
    return this.#live.size + this.#sealed.length - this.#oldest
  }

  begin(answer: AnswerInfo, onKept: (keptCount: number) => void): JournalEntry {
    this.#forgetOld()
    if (!this.#hasRoom(answerOverheadBytes)) throw new Fault('HF_JOURNAL_FULL')
    const entry = new MemoryEntry(this, answer, onKept)
    this.#bytes += answerOverheadBytes
    this.#live.add(entry)
    return entry
  }

  read(ray: Ray): KeptAnswer | null {
    this.#forgetOld()
    for (const { info, whole, lengths } of this.#live) {
      if (info.ray === ray) return { ...info, outcome: null, events: cut(whole, 0, lengths) }
    }
    const packed = this.#sealed.findLast(({ info }, i) => i >= this.#oldest && info.ray === ray)
    return packed
      ? { ...packed.info, outcome: packed.outcome, events: cut(packed.slab, packed.start, packed.lengths) }
      : null
  }

  /** Takes room for an event of a live entry. @throws {Fault} when there is none. */
  claim(entry: MemoryEntry, eventBytes: number): void {
    if (entry.bytes + eventBytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    if (!this.#hasRoom(eventBytes)) throw new Fault('HF_JOURNAL_FULL')
    this.#bytes += eventBytes
  }

  retire(entry: MemoryEntry, outcome: Outcome): void {
    const { info, lengths, bytes } = entry
    this.#live.remove(entry)
    if (this.#options.keepMs === 0) {
      this.#bytes -= bytes
      return
    }
    const sealedMs = this.#clock.monotonicMs()
    this.#sealed.push({ info, outcome, ...this.#pack(entry.whole), lengths, bytes, sealedMs })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#live = new Crowd()
    this.#sealed = []
    this.#oldest = 0
    this.#bytes = 0
  }

  /** A small answer moves in with others, so that none of its memory is left over. */
  #pack(whole: Buffer): { slab: Buffer; start: number } {
    if (whole.length >= slabBytes) return { slab: whole, start: 0 }
    const start = this.#takeStretch(whole.length)
    whole.copy(this.#slab, start)
    return { slab: this.#slab, start }
  }

  /** Room for `bytes` in the slab in hand, or in a new one; where it starts. */
  #takeStretch(bytes: number): number {
    if (this.#slabUsed + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes))
      this.#slabUsed = 0
    }
    const start = this.#slabUsed
    this.#slabUsed += bytes
    return start
  }

  /** True when `bytes` more fit, after letting go of ended answers, oldest first, as far as needed. */
  #hasRoom(bytes: number): boolean {
    while (this.#bytes + bytes > this.#options.totalBytesMax) if (!this.#forgetOldest()) return false
    return true
  }

  #forgetOld(): void {
    const limitMs = this.#clock.monotonicMs() - this.#options.keepMs
    while ((this.#sealed[this.#oldest]?.sealedMs ?? Number.POSITIVE_INFINITY) <= limitMs) this.#forgetOldest()
  }

  /** False when there is none. */
  #forgetOldest(): boolean {
    const packed = this.#sealed[this.#oldest]
    if (!packed) return false
    this.#bytes -= packed.bytes
    this.#oldest++
    if (this.#oldest >= dropsMin && this.#oldest * 2 >= this.#sealed.length) {
      this.#sealed = this.#sealed.slice(this.#oldest)
      this.#oldest = 0
    }
    return true
  }
}

function cut(bytes: Buffer, start: number, lengths: readonly number[]): Buffer[] {
  let at = start
  return lengths.map((length) => bytes.subarray(at, (at += length)))
}
