/**
 * The journal in memory: kept at once, gone with the process. There is one node, so an answer changes hands only when
 * its writer gives it back.
 */
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import type {
  Adopted,
  AnswerInfo,
  EntryListener,
  Journal,
  JournalCursor,
  JournalEntry,
  JournalOptions,
  Outcome,
} from './journal.ts'
import { AnswerIndex, type Keeper, MemoryAnswer, MemoryCursor, MemoryEntry } from './memory-answer.ts'
import {
  aliasesMax,
  aliasLengthMax,
  answerOverheadBytes,
  forgetAtMs,
  foundMax,
  orphanPatienceMs,
  orphansMax,
} from './retention.ts'

const sweepPeriodMs = 15_000
/** Ended answers are packed into pieces of this size; when the last answer of one is forgotten, so is the piece. */
const slabBytes = 2 ** 20

/** Small answers move in with others, so that none of their memory is left over. */
class Packer {
  #slab = Buffer.alloc(0)
  #used = 0

  pack(whole: Buffer): { slab: Buffer; start: number } {
    if (whole.length >= slabBytes) return { slab: whole, start: 0 }
    if (this.#used + whole.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    whole.copy(this.#slab, start)
    this.#used += whole.length
    return { slab: this.#slab, start }
  }
}

export class MemoryJournal implements Journal, Keeper {
  readonly engine = 'memory'
  #clock: Clock
  #options: JournalOptions
  #index = new AnswerIndex()
  /** Being written, or waiting to be adopted. */
  #live = new Crowd<MemoryAnswer>()
  /** In order of sealing; those before `#oldest` have left, and so may have others. */
  #ended: MemoryAnswer[] = []
  #oldest = 0
  #endedCount = 0
  /** Stored answers stay for long: among others, each would hold on to a slab. */
  #packers = { stored: new Packer(), passing: new Packer() }
  #bytes = 0
  #order = 0
  #sweeper: Timer

  constructor(clock: Clock, options: JournalOptions) {
    this.#clock = clock
    this.#options = options
    this.#sweeper = clock.every(sweepPeriodMs, () => this.#sweep())
  }

  get keptBytes(): number {
    return this.#bytes
  }

  get liveBytes(): number {
    let bytes = 0
    for (const answer of this.#live) bytes += answer.bytes
    return bytes
  }

  get answerCount(): number {
    return this.#live.size + this.#endedCount
  }

  begin(
    info: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName: string | null = null,
  ): JournalEntry {
    const kept = request && request.length <= this.#options.requestBytesMax ? request : null
    const neededBytes = answerOverheadBytes + (kept?.length ?? 0)
    if (!this.#hasRoom(neededBytes)) throw new Fault('HF_JOURNAL_FULL')
    const answer = new MemoryAnswer(info, kept, this.#order++, this.#clock.monotonicMs())
    const bearer = soleName === null ? null : this.#find(soleName)
    if (bearer && (bearer.outcome === null || bearer.outcome === 'complete')) {
      const fault = new Fault('HF_LEASE_LOST', { detail: 'another answer bears its name' })
      this.#clock.soon(() => listener.onLost(fault))
      return new MemoryEntry(this, answer, listener) // not its writer, so it does nothing
    }
    this.#bytes += neededBytes
    this.#live.add(answer)
    this.#index.add(answer)
    if (soleName !== null) this.name(answer, soleName)
    return this.#hand(answer, listener)
  }

  async open(id: string): Promise<JournalCursor | null> {
    const answer = this.#find(id)
    return answer ? new MemoryCursor(this, answer) : null
  }

  async find(caller: string, callKey: string): Promise<readonly JournalCursor[]> {
    return this.#index
      .byCall(caller, callKey)
      .filter((answer) => !this.#isPast(answer))
      .slice(-foundMax)
      .toReversed()
      .map((answer) => new MemoryCursor(this, answer))
  }

  async recall(ray: Ray): Promise<Adopted['events'] | null> {
    const answer = this.#index.byRay(ray)
    return answer?.writer ? answer.events : null
  }

  /** There is no other node. */
  async isReadElsewhere(): Promise<boolean> {
    return false
  }

  async orphans(): Promise<readonly Ray[]> {
    return [...this.#live]
      .filter(({ isOrphan }) => isOrphan)
      .toSorted((a, b) => a.order - b.order)
      .slice(0, orphansMax)
      .map(({ info }) => info.ray)
  }

  async adopt(ray: Ray, listener: EntryListener): Promise<Adopted | null> {
    const answer = this.#index.byRay(ray)
    if (!answer?.isOrphan) return null
    answer.epoch++
    const entry = this.#hand(answer, listener)
    const { info, request, events, isCancelled } = answer
    return { info, entry, request, events, isCancelled }
  }

  /** Nothing to do: what is forgotten is gone from memory. */
  compact(): void {}

  /** Nothing to do: a node that dies takes its journal along. */
  async bury(): Promise<void> {}

  async cancel(id: string): Promise<boolean> {
    const answer = this.#find(id)
    if (!answer || answer.outcome) return false
    if (answer.isCancelled) return true
    answer.isCancelled = true
    answer.writer?.listener.onCancel()
    return true
  }

  async remove(id: string): Promise<boolean> {
    const answer = this.#find(id)
    if (!answer) return false
    const { writer } = answer
    if (answer.outcome === null) this.#live.remove(answer)
    else this.#endedCount--
    this.#forget(answer)
    writer?.listener.onLost(new Fault('HF_LEASE_LOST', { detail: 'the answer was removed' }))
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweeper.cancel()
    for (const answer of this.#live) answer.forget()
    for (const answer of this.#ended) answer.forget()
    this.#live = new Crowd()
    this.#index = new AnswerIndex()
    this.#ended = []
    this.#oldest = 0
    this.#endedCount = 0
    this.#bytes = 0
  }

  claim(answer: MemoryAnswer, eventBytes: number, chargedBytes: number): void {
    if (answer.eventBytes + eventBytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    if (!this.#hasRoom(chargedBytes)) throw new Fault('HF_JOURNAL_FULL')
    this.#bytes += chargedBytes
  }

  claimEnd(chargedBytes: number): void {
    this.#bytes += chargedBytes
  }

  retire(answer: MemoryAnswer, outcome: Outcome): void {
    answer.outcome = outcome
    answer.writer = null
    answer.sealedMs = this.#clock.monotonicMs()
    this.#live.remove(answer)
    if (this.#isPast(answer)) return this.#forget(answer)
    const { slab, start } = this.#packers[answer.info.isStored ? 'stored' : 'passing'].pack(answer.whole)
    this.#bytes -= answer.settle(slab, start)
    this.#ended.push(answer)
    this.#endedCount++
  }

  leave(answer: MemoryAnswer): void {
    answer.writer = null
    answer.leftMs = this.#clock.monotonicMs()
  }

  name(answer: MemoryAnswer, id: string): void {
    if (id.length > aliasLengthMax || answer.aliases.length >= aliasesMax || answer.aliases.includes(id)) return
    answer.aliases.push(id)
    this.#index.alias(id, answer)
  }

  noteRead(answer: MemoryAnswer): boolean {
    if (answer.isForgotten || this.#isPast(answer)) return false
    answer.readMs = this.#clock.monotonicMs()
    return true
  }

  #hand(answer: MemoryAnswer, listener: EntryListener): MemoryEntry {
    answer.writer = new MemoryEntry(this, answer, listener)
    return answer.writer
  }

  #find(id: string): MemoryAnswer | null {
    const answer = this.#index.byId(id)
    return answer && !this.#isPast(answer) ? answer : null
  }

  #isPast(answer: MemoryAnswer): boolean {
    if (answer.outcome === null) return false
    const { beganMs, sealedMs, readMs, info } = answer
    return (
      forgetAtMs({ beganMs, sealedMs, readMs, isStored: info.isStored }, this.#options) <= this.#clock.monotonicMs()
    )
  }

  /** True when `bytes` more fit, after letting go of ended answers, oldest first, as far as needed. */
  #hasRoom(bytes: number): boolean {
    while (this.#bytes + bytes > this.#options.totalBytesMax) if (!this.#forgetOldest()) return false
    return true
  }

  /** False when there is none. */
  #forgetOldest(): boolean {
    for (;;) {
      const answer = this.#ended[this.#oldest]
      if (!answer) return false
      this.#oldest++
      if (answer.isForgotten) continue
      this.#endedCount--
      this.#forget(answer)
      if (this.#oldest >= 256 && this.#oldest * 2 >= this.#ended.length) this.#drawTogether()
      return true
    }
  }

  #drawTogether(): void {
    this.#ended = this.#ended.filter(({ isForgotten }) => !isForgotten)
    this.#oldest = 0
  }

  #forget(answer: MemoryAnswer): void {
    this.#bytes -= answer.bytes
    this.#index.remove(answer)
    answer.forget()
  }

  /** Forgets what is past its time; an answer for which no successor came has failed. */
  #sweep(): void {
    const limitMs = this.#clock.monotonicMs() - orphanPatienceMs(this.#options)
    for (const answer of this.#live) if (answer.isOrphan && answer.leftMs <= limitMs) this.retire(answer, 'failed')
    for (const answer of this.#ended) {
      if (answer.isForgotten || !this.#isPast(answer)) continue
      this.#endedCount--
      this.#forget(answer)
    }
    this.#drawTogether()
  }
}
