/**
 * The journal in memory: kept at once, gone with the process. There is one node, so an answer changes hands only when
 * its writer gives it back.
 */
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import type { Adopted, AnswerInfo, EntryListener, Journal, JournalCursor, JournalEntry, Outcome } from './journal.ts'
import type { JournalOptions } from './journal-options.ts'
import { type Keeper, MemoryAnswer, MemoryCursor, MemoryEntry } from './memory-answer.ts'
import { Shelf } from './memory-shelf.ts'
import {
  aliasesMax,
  aliasLengthMax,
  answerOverheadBytes,
  forgetAtMs,
  foundMax,
  type Lifetime,
  orphanPatienceMs,
  orphansMax,
} from './retention.ts'

const sweepPeriodMs = 15_000
export class MemoryJournal implements Journal, Keeper {
  readonly engine = 'memory'
  #clock: Clock
  #options: JournalOptions
  #shelf = new Shelf()
  /** Being written, or waiting to be adopted. */
  #live = new Crowd<MemoryAnswer>()
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
    return this.#live.size + this.#shelf.endedCount
  }

  begin(
    info: AnswerInfo,
    request: Buffer | null,
    listener: EntryListener,
    soleName: string | null = null,
    sinceMs = 0,
  ): JournalEntry {
    const kept = request && request.length <= this.#options.requestBytesMax ? request : null
    const neededBytes = answerOverheadBytes + (kept?.length ?? 0)
    if (!this.#hasRoom(neededBytes)) throw new Fault('HF_JOURNAL_FULL')
    const answer = new MemoryAnswer(info, kept, this.#order++, this.#clock.monotonicMs())
    const bearer = soleName === null ? null : this.#find(soleName)
    const agoMs = this.#clock.nowMs() - sinceMs
    const isRecent = bearer !== null && bearer.sealedMs >= this.#clock.monotonicMs() - agoMs
    if (bearer && (bearer.outcome === null || (bearer.outcome === 'complete' && isRecent))) {
      const fault = new Fault('HF_LEASE_LOST', { detail: 'another answer bears its name' })
      this.#clock.soon(() => listener.onLost(fault))
      return new MemoryEntry(this, answer, listener) // not its writer, so it does nothing
    }
    this.#bytes += neededBytes
    this.#live.add(answer)
    this.#shelf.add(answer)
    if (soleName !== null) this.name(answer, soleName)
    return this.#hand(answer, listener)
  }

  async open(id: string): Promise<JournalCursor | null> {
    const answer = this.#find(id)
    return answer ? new MemoryCursor(this, answer) : null
  }

  async find(caller: string, callKey: string): Promise<readonly JournalCursor[]> {
    return this.#shelf
      .byCall(caller, callKey, foundMax, (answer) => !this.#isPast(answer))
      .map((answer) => new MemoryCursor(this, answer))
  }

  async recall(ray: Ray): Promise<Adopted['events'] | null> {
    const answer = this.#shelf.byId(ray)
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
    const answer = this.#shelf.byId(ray)
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
    answer.writer = null
    this.#forget(answer.slot)
    writer?.listener.onLost(new Fault('HF_LEASE_LOST', { detail: 'the answer was removed' }))
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweeper.cancel()
    for (const answer of this.#live) answer.writer = null
    this.#live = new Crowd()
    this.#shelf = new Shelf()
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
    if (this.#isPast(answer)) this.#forget(answer.slot)
    else this.#bytes -= this.#shelf.end(answer)
  }

  leave(answer: MemoryAnswer): void {
    answer.writer = null
    answer.leftMs = this.#clock.monotonicMs()
  }

  name(answer: MemoryAnswer, id: string): void {
    if (id.length > aliasLengthMax || answer.aliases.length >= aliasesMax || answer.aliases.includes(id)) return
    answer.aliases.push(id)
    this.#shelf.alias(answer, id)
  }

  noteRead(answer: MemoryAnswer): boolean {
    if (!this.#shelf.has(answer)) return false
    if (answer.outcome !== null && this.#isOver(this.#shelf.lifetime(answer.slot))) return false
    this.#shelf.noteRead(answer, this.#clock.monotonicMs())
    return true
  }

  #hand(answer: MemoryAnswer, listener: EntryListener): MemoryEntry {
    answer.writer = new MemoryEntry(this, answer, listener)
    return answer.writer
  }

  #find(id: string): MemoryAnswer | null {
    const answer = this.#shelf.byId(id)
    return answer && !this.#isPast(answer) ? answer : null
  }

  #isPast(answer: MemoryAnswer): boolean {
    return answer.outcome !== null && this.#isOver(answer)
  }

  #isOver(life: Lifetime): boolean {
    return forgetAtMs(life, this.#options) <= this.#clock.monotonicMs()
  }

  /** True when `bytes` more fit, after letting go of ended answers, oldest first, as far as needed. */
  #hasRoom(bytes: number): boolean {
    while (this.#bytes + bytes > this.#options.totalBytesMax) {
      const { oldest } = this.#shelf
      if (oldest === null) return false
      this.#forget(oldest)
    }
    return true
  }

  #forget(slot: number): void {
    this.#bytes -= this.#shelf.remove(slot)
  }

  /** Forgets what is past its time; an answer for which no successor came has failed. */
  #sweep(): void {
    const limitMs = this.#clock.monotonicMs() - orphanPatienceMs(this.#options)
    for (const answer of this.#live) if (answer.isOrphan && answer.leftMs <= limitMs) this.retire(answer, 'failed')
    for (const slot of this.#shelf.ended((life) => this.#isOver(life))) this.#forget(slot)
  }
}
