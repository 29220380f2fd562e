/**
 * The answers of the memory journal, each at a number of its own: one that is being written is an object, one that has
 * ended is bytes, and is made an object again for who asks for it. A hundred thousand ended answers as objects would be
 * a million things for the collector to walk through, at the cost of those who call now.
 */
import { KeyChains } from '../ground/key-chains.ts'
import type { AnswerInfo, Outcome } from './journal.ts'
import { MemoryAnswer } from './memory-answer.ts'
import type { Lifetime } from './retention.ts'

/** Ended answers lie in pieces of this size; when the last one of a piece is taken off, so is the piece. */
const slabBytes = 2 ** 20
const none = -1

/** What keys are: a ray, a further name, what a repetition of a call is known by. */
const kinds = { ray: 0, alias: 1, call: 2 }

/** What is known of an ended answer without reading it, as numbers, and at which place among them. */
const field = {
  order: 0,
  beganMs: 1,
  sealedMs: 2,
  readMs: 3,
  isStored: 4,
  chargedBytes: 5,
  slab: 6,
  start: 7,
  headBytes: 8,
  older: 9,
  newer: 10,
}
const fieldCount = 11

/** What an answer says of itself, before its events; as JSON. */
type Head = [
  info: AnswerInfo,
  outcome: Outcome | null,
  isCancelled: boolean,
  aliases: readonly string[],
  ends: readonly number[],
]

interface Slab {
  readonly bytes: Buffer
  /** Of an answer so large that the slab is its alone. */
  readonly head: string | null
  used: number
  answerCount: number
}

export class Shelf {
  #keys = new KeyChains()
  #live: (MemoryAnswer | null)[] = []
  #numbers = new Float64Array(64 * fieldCount)
  #free: number[] = []
  #slabs: (Slab | null)[] = []
  #freeSlabs: number[] = []
  /** Those that are being filled: stored answers stay for long, and among others each would hold on to a slab. */
  #open = { stored: none, passing: none }
  #oldest = none
  #newest = none
  endedCount = 0

  /** Puts up an answer that is being written. */
  add(answer: MemoryAnswer): void {
    const slot = this.#free.pop() ?? this.#live.length
    answer.slot = slot
    this.#live[slot] = answer
    if ((slot + 1) * fieldCount > this.#numbers.length) this.#grow()
    this.#set(slot, field.order, answer.order)
    const { ray, caller, callKey } = answer.info
    this.#keys.add(kinds.ray, ray, slot)
    if (callKey !== null) this.#keys.add(kinds.call, callId(caller, callKey), slot)
  }

  /** The newest has the name. */
  alias(answer: MemoryAnswer, id: string): void {
    this.#keys.take(kinds.alias, id, answer.slot)
  }

  /** Lays it down as bytes. Gives how many it is charged for less. */
  end(answer: MemoryAnswer): number {
    const { slot, info, outcome, whole } = answer
    const head = JSON.stringify([info, outcome, answer.isCancelled, answer.aliases, answer.ends] satisfies Head)
    const isLarge = whole.length >= slabBytes
    const headBytes = isLarge ? 0 : Buffer.byteLength(head)
    const at = isLarge ? this.#newSlab(whole, head) : this.#slabFor(info.isStored, headBytes + whole.length)
    const slab = this.#slabs[at] as Slab
    const start = slab.used
    if (!isLarge) {
      slab.bytes.write(head, start)
      whole.copy(slab.bytes, start + headBytes)
    }
    slab.used += headBytes + whole.length
    slab.answerCount++
    const gone = answer.settle(slab.bytes, start + headBytes)
    this.#set(slot, field.beganMs, answer.beganMs)
    this.#set(slot, field.sealedMs, answer.sealedMs)
    this.#set(slot, field.readMs, answer.readMs ?? Number.NaN)
    this.#set(slot, field.isStored, Number(info.isStored))
    this.#set(slot, field.chargedBytes, answer.bytes)
    this.#set(slot, field.slab, at)
    this.#set(slot, field.start, start)
    this.#set(slot, field.headBytes, headBytes)
    this.#live[slot] = null
    this.#queue(slot)
    return gone
  }

  /** Whether the answer is still there. */
  has({ slot, order }: MemoryAnswer): boolean {
    return this.#get(slot, field.order) === order
  }

  noteRead(answer: MemoryAnswer, atMs: number): void {
    answer.readMs = atMs
    this.#set(answer.slot, field.readMs, atMs)
  }

  /** By its ray, or by a further name. */
  byId(id: string): MemoryAnswer | null {
    const [byRay] = this.#find(kinds.ray, id, 1, ({ info }) => info.ray === id)
    return byRay ?? this.#find(kinds.alias, id, 1, ({ aliases }) => aliases.includes(id))[0] ?? null
  }

  /** Those of the same call for which `isWanted`, newest first. */
  byCall(
    caller: string,
    callKey: string,
    countMax: number,
    isWanted: (answer: MemoryAnswer) => boolean,
  ): MemoryAnswer[] {
    return this.#find(kinds.call, callId(caller, callKey), countMax, (answer) => {
      return answer.info.callKey === callKey && answer.info.caller === caller && isWanted(answer)
    })
  }

  /** Takes it off. Gives the bytes that it was charged for. */
  remove(slot: number): number {
    const live = this.#live[slot] ?? null
    this.#keys.remove(slot)
    this.#live[slot] = null
    this.#free.push(slot)
    this.#set(slot, field.order, none)
    if (live) return live.bytes
    this.#unqueue(slot)
    this.#leaveSlab(this.#get(slot, field.slab))
    return this.#get(slot, field.chargedBytes)
  }

  /** The ended answer that was sealed first; null when there is none. */
  get oldest(): number | null {
    return this.#oldest === none ? null : this.#oldest
  }

  /** The ended answers for which `isIt`; taken together before the first is given, so that they may be removed. */
  ended(isIt: (life: Lifetime) => boolean): number[] {
    const found: number[] = []
    for (let slot = this.#oldest; slot !== none; slot = this.#get(slot, field.newer)) {
      if (isIt(this.lifetime(slot))) found.push(slot)
    }
    return found
  }

  #find(kind: number, key: string, countMax: number, isIt: (answer: MemoryAnswer) => boolean): MemoryAnswer[] {
    const found: MemoryAnswer[] = []
    this.#keys.newest(kind, key, countMax, (slot) => {
      const answer = this.#take(slot)
      return isIt(answer) && found.push(answer) > 0
    })
    return found
  }

  lifetime(slot: number): Lifetime {
    const readMs = this.#get(slot, field.readMs)
    return {
      beganMs: this.#get(slot, field.beganMs),
      sealedMs: this.#get(slot, field.sealedMs),
      readMs: Number.isNaN(readMs) ? null : readMs,
      isStored: this.#get(slot, field.isStored) === 1,
    }
  }

  #take(slot: number): MemoryAnswer {
    const live = this.#live[slot]
    if (live) return live
    const slab = this.#slabs[this.#get(slot, field.slab)] as Slab
    const start = this.#get(slot, field.start)
    const eventsStart = start + this.#get(slot, field.headBytes)
    const head: Head = JSON.parse(slab.head ?? slab.bytes.toString('utf8', start, eventsStart))
    const [info, outcome, isCancelled, aliases, ends] = head
    const { beganMs, sealedMs, readMs } = this.lifetime(slot)
    const answer = new MemoryAnswer(info, null, this.#get(slot, field.order), beganMs)
    answer.slot = slot
    answer.outcome = outcome
    answer.isCancelled = isCancelled
    answer.sealedMs = sealedMs
    answer.readMs = readMs
    answer.aliases.push(...aliases)
    for (const end of ends) answer.ends.push(end)
    answer.settle(slab.bytes, eventsStart)
    answer.bytes = this.#get(slot, field.chargedBytes)
    return answer
  }

  #slabFor(isStored: boolean, bytes: number): number {
    const kind = isStored ? 'stored' : 'passing'
    const open = this.#slabs[this.#open[kind]]
    if (open && open.used + bytes <= open.bytes.length) return this.#open[kind]
    this.#open[kind] = this.#newSlab(Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes)), null)
    return this.#open[kind]
  }

  #newSlab(bytes: Buffer, head: string | null): number {
    const at = this.#freeSlabs.pop() ?? this.#slabs.length
    this.#slabs[at] = { bytes, head, used: 0, answerCount: 0 }
    return at
  }

  /** Readers may still have pieces of it on their way: its memory goes when they do. */
  #leaveSlab(at: number): void {
    const slab = this.#slabs[at] as Slab
    if (--slab.answerCount > 0) return
    this.#slabs[at] = null
    this.#freeSlabs.push(at)
    if (this.#open.stored === at) this.#open.stored = none
    if (this.#open.passing === at) this.#open.passing = none
  }

  #queue(slot: number): void {
    this.#set(slot, field.older, this.#newest)
    this.#set(slot, field.newer, none)
    if (this.#newest === none) this.#oldest = slot
    else this.#set(this.#newest, field.newer, slot)
    this.#newest = slot
    this.endedCount++
  }

  #unqueue(slot: number): void {
    const older = this.#get(slot, field.older)
    const newer = this.#get(slot, field.newer)
    if (older === none) this.#oldest = newer
    else this.#set(older, field.newer, newer)
    if (newer === none) this.#newest = older
    else this.#set(newer, field.older, older)
    this.endedCount--
  }

  #get(slot: number, at: number): number {
    return this.#numbers[slot * fieldCount + at] as number
  }

  #set(slot: number, at: number, value: number): void {
    this.#numbers[slot * fieldCount + at] = value
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 2)
    larger.set(this.#numbers)
    this.#numbers = larger
  }
}

/** A call key has no blank in it. */
const callId = (caller: string, callKey: string): string => `${callKey} ${caller}`
