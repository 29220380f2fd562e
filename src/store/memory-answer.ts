/**
 * One answer in the memory journal: a stretch of memory, where its events end in it, and who writes it. Thousands of
 * small buffers that live for seconds would cost more in collections than all else about a stream, and would hold on to
 * the pools that they were cut from.
 */
import type { Member } from '../ground/crowd.ts'
import { Gather } from '../ground/gather.ts'
import type { Adopted, AnswerInfo, EntryListener, JournalCursor, JournalEntry, Outcome } from './journal.ts'
import { answerOverheadBytes, eventOverheadBytes } from './retention.ts'

const nothing: Buffer = Buffer.alloc(0)

/** What an answer needs of its journal. */
export interface Keeper {
  /** Takes room for so many bytes of an answer. @throws {Fault} when there is none. */
  claim(answer: MemoryAnswer, eventBytes: number, chargedBytes: number): void
  /** Takes room that an end needs, whether there is some or not. */
  claimEnd(chargedBytes: number): void
  retire(answer: MemoryAnswer, outcome: Outcome): void
  leave(answer: MemoryAnswer): void
  name(answer: MemoryAnswer, id: string): void
  /** Notes a reading; false when the answer is not there any more. */
  noteRead(answer: MemoryAnswer): boolean
}

/** The holder of the lease; forgotten with it, so that nothing of a call hangs on an ended answer. */
export class MemoryEntry implements JournalEntry {
  readonly epoch: number
  #answer: MemoryAnswer
  #keeper: Keeper
  listener: EntryListener
  #count: number

  constructor(keeper: Keeper, answer: MemoryAnswer, listener: EntryListener) {
    this.#keeper = keeper
    this.#answer = answer
    this.listener = listener
    this.epoch = answer.epoch
    this.#count = answer.count
  }

  get count(): number {
    return this.#count
  }

  append(event: Buffer, aside?: Buffer): void {
    if (!this.#isHeld) return
    const asideBytes = aside?.length ?? 0
    this.#keeper.claim(this.#answer, event.length, event.length + asideBytes + eventOverheadBytes)
    this.#put(event, aside ?? null)
  }

  #put(event: Buffer, aside: Buffer | null): void {
    this.#answer.add(event, aside)
    this.listener.onKept(++this.#count)
  }

  alias(id: string): void {
    if (this.#isHeld) this.#keeper.name(this.#answer, id)
  }

  seal(outcome: Outcome, lastWord?: Buffer): void {
    if (!this.#isHeld) return
    if (lastWord) {
      this.#keeper.claimEnd(lastWord.length + eventOverheadBytes)
      this.#put(lastWord, null)
    }
    this.#keeper.retire(this.#answer, outcome)
  }

  release(): void {
    if (this.#isHeld) this.#keeper.leave(this.#answer)
  }

  get #isHeld(): boolean {
    return this.#answer.writer === this
  }
}

export class MemoryAnswer implements Member {
  place = 0
  /** Its number on the shelf. */
  slot = -1
  readonly info: AnswerInfo
  /** Grows with each answer of the journal. */
  readonly order: number
  /** On the monotonic clock, as all times here. */
  readonly beganMs: number
  sealedMs = 0
  readMs: number | null = null
  /** When it lost its writer. */
  leftMs = 0
  epoch = 1
  writer: MemoryEntry | null = null
  outcome: Outcome | null = null
  isCancelled = false
  request: Buffer | null
  readonly aliases: string[] = []
  /** What it is charged for, and what of that goes at its end. */
  bytes: number
  passingBytes: number
  #gather: Gather | null = new Gather(null, true)
  #packed = nothing
  #start = 0
  /** Where each event ends among their bytes. */
  readonly ends: number[] = []
  #asides: Map<number, Buffer> | null = null

  constructor(info: AnswerInfo, request: Buffer | null, order: number, beganMs: number) {
    this.info = info
    this.order = order
    this.beganMs = beganMs
    this.request = request
    this.passingBytes = request?.length ?? 0
    this.bytes = answerOverheadBytes + this.passingBytes
  }

  get count(): number {
    return this.ends.length
  }

  get isStored(): boolean {
    return this.info.isStored
  }

  get isOrphan(): boolean {
    return this.outcome === null && this.writer === null
  }

  /** Bytes of its events. */
  get eventBytes(): number {
    return this.ends.at(-1) ?? 0
  }

  add(event: Buffer, aside: Buffer | null): void {
    const asideBytes = aside?.length ?? 0
    this.#gather?.add(event, true)
    if (aside) (this.#asides ??= new Map()).set(this.count, aside)
    this.ends.push(this.eventBytes + event.length)
    this.bytes += event.length + asideBytes + eventOverheadBytes
    this.passingBytes += asideBytes
  }

  /** All of its events, one after the other. */
  get whole(): Buffer {
    return this.#gather ? this.#gather.take() : this.#packed.subarray(this.#start, this.#start + this.eventBytes)
  }

  /** Drops what only a successor would need, and lies from now on at `start` of `slab`. Gives the bytes that went. */
  settle(slab: Buffer, start: number): number {
    const gone = this.passingBytes
    this.bytes -= gone
    this.passingBytes = 0
    this.request = null
    this.#asides = null
    this.#gather = null
    this.#packed = slab
    this.#start = start
    return gone
  }

  /** Events from number `from` on, as many as fit into `bytesMax` and at least one. */
  slice(from: number, bytesMax: number): Buffer[] {
    const { whole } = this
    const events: Buffer[] = []
    let start = this.ends[from - 1] ?? 0
    const limit = start + bytesMax
    for (let i = from; i < this.count; i++) {
      const end = this.ends[i] ?? 0
      if (end > limit && events.length > 0) break
      events.push(whole.subarray(start, end))
      start = end
    }
    return events
  }

  get events(): Adopted['events'] {
    return this.slice(0, Number.POSITIVE_INFINITY).map((event, i) => ({ event, aside: this.#asides?.get(i) ?? null }))
  }
}

export class MemoryCursor implements JournalCursor {
  readonly info: AnswerInfo
  outcome: Outcome | null
  count: number
  isCancelled: boolean
  isOrphan: boolean
  #answer: MemoryAnswer
  #keeper: Keeper

  constructor(keeper: Keeper, answer: MemoryAnswer) {
    this.#keeper = keeper
    this.#answer = answer
    this.info = answer.info
    this.outcome = answer.outcome
    this.count = answer.count
    this.isCancelled = answer.isCancelled
    this.isOrphan = answer.isOrphan
  }

  async read(from: number, bytesMax: number): Promise<readonly Buffer[] | null> {
    const answer = this.#answer
    if (!this.#keeper.noteRead(answer)) return null
    this.outcome = answer.outcome
    this.count = answer.count
    this.isCancelled = answer.isCancelled
    this.isOrphan = answer.isOrphan
    return answer.slice(Math.max(0, from), bytesMax)
  }
}
