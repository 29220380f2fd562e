/**
 * One stretch of an answer: attempts on one upstream after the other until one of them speaks, and then that one to its
 * end or its break. A call that goes well has one leg; each seam begins another.
 */
import type { Translation, WholeAnswer } from '../dialect/translation.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import { choose } from './balance/balance.ts'
import { firstTokenLimitMs, giveUpFault, isFleeting, isTooLong, mayReturnSoon } from './failover.ts'
import type { Order } from './order.ts'
import type { Places } from './overload/places.ts'
import { type Ear, type Failure, Race, type RaceListener } from './race.ts'
import type { WireSource } from './wire/wires.ts'

/** Waits between rounds over all upstreams while none of them answers. */
const roundWaitMs = 100
const roundWaitMsMax = 1000
/**
 * Attempts of all kinds for one leg. Those that found nobody at home do not count against the pool's `attemptsMax`.
 */
const knocksMax = 64

export interface LegParts {
  readonly clock: Clock
  readonly random: Random
  readonly wires: WireSource
  readonly places: Places
  /** Largest answer, bytes. */
  readonly answerBytesMax: number
}

export interface LegOrder {
  readonly order: Order
  readonly target: Target
  /** As expected before the answer. */
  readonly size: CallSize
  /** The upstream that broke the answer: asked again only after all others. */
  readonly avoid: PoolMember | null
  /**
   * How the call is put to this upstream; null when it cannot be. @throws {Fault} when one field of the call is why.
   */
  speak(member: PoolMember): Translation | null
  /** The upstream refused what was put to it: is there another way to put it? */
  hasOtherWay(member: PoolMember, fault: Fault): boolean
  /** No other upstream would answer otherwise. */
  isFinal(fault: Fault): boolean
  /** The upstream has begun to speak. */
  onSpoken(member: PoolMember): void
  /** Where the account of each attempt goes. */
  readonly account: AttemptFact[]
}

export interface LegListener extends Ear {
  /** The first content has come. */
  onCommit(): void
  onWhole(answer: WholeAnswer): void
  onStreamEnd(): void
  /** The upstream broke off after its first content. */
  onBroken(fault: Fault): void
  /** No upstream could be brought to speak. */
  onGivenUp(fault: Fault): void
}

export class Leg implements RaceListener {
  readonly race: Race
  #parts: LegParts
  #order: LegOrder
  #listener: LegListener
  #tried = new Set<PoolMember>()
  #faults: Fault[] = []
  #timer: Timer | null = null
  #rounds = 0
  #firstRoundOverMs: number | null = null
  #isOver = false
  #hasTriedAgain = false
  /** Why the call cannot be put into the language of an upstream. */
  #unspeakable: Fault | null = null

  constructor(parts: LegParts, order: LegOrder, listener: LegListener) {
    this.#parts = parts
    this.#order = order
    this.#listener = listener
    this.race = new Race(parts, order, this, listener)
    const { avoid, target } = order
    if (avoid && target.members.length > 1) this.#tried.add(avoid)
  }

  start(): void {
    this.#next()
  }

  /** Ends the leg; what is under way is accounted for under this fault. */
  cancel(fault: Fault): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.race.cancel(fault)
  }

  #next(): void {
    for (;;) {
      if (this.#isOver) return
      const member = this.#mayTry() ? this.#choose() : null
      if (!member) return this.#wait()
      this.#tried.add(member)
      if (this.#put(member)) return
    }
  }

  /** One that has room; where none has, any: a call that was let in is not sent away again. */
  #choose(): PoolMember | null {
    const { members } = this.#order.target
    const { places, random } = this.#parts
    const roomy = members.filter((member) => places.hasRoom(member))
    return choose(roomy, this.#tried, random) ?? choose(members, this.#tried, random)
  }

  /** Puts the call to this upstream; false when it cannot be put into its language. */
  #put(member: PoolMember): boolean {
    const translation = this.#speak(member)
    if (translation) this.#try(member, translation)
    return translation !== null
  }

  #mayTry(): boolean {
    return this.race.sentCount < this.#order.target.pool.attemptsMax && this.race.startedCount < knocksMax
  }

  #speak(member: PoolMember): Translation | null {
    try {
      return this.#order.speak(member)
    } catch (thrown) {
      this.#unspeakable = toFault(thrown) // another upstream may speak the caller's own language
      return null
    }
  }

  #try(member: PoolMember, translation: Translation, isHedge = false): void {
    const { members, pool } = this.#order.target
    const hasOthers = this.#mayTry() && members.some((other) => !this.#tried.has(other))
    const requestBytes = translation.body.reduce((sum, { length }) => sum + length, 0)
    const firstTokenMs = firstTokenLimitMs(pool.timeouts, hasOthers, requestBytes)
    this.race.start(member, translation, { firstTokenMs, isHedge })
  }

  /**
   * Every upstream has been tried. Those that were up before may be back in a moment: worth a short wait, then once
   * more.
   */
  #wait(): void {
    const { clock, random } = this.#parts
    const { pool, members } = this.#order.target
    const nowMs = clock.monotonicMs()
    this.#firstRoundOverMs ??= nowMs
    const patienceLeftMs = this.#firstRoundOverMs + pool.timeouts.patienceMs - nowMs
    const isWorthIt = this.#mayTry() && mayReturnSoon(this.#faults, members, patienceLeftMs)
    // The one that broke the answer has not been asked again yet.
    const isUnasked = this.#order.avoid !== null && this.#rounds === 0 && patienceLeftMs > 0 && this.#mayTry()
    if (!isWorthIt && !isUnasked) {
      this.#isOver = true
      const isUnspoken = this.#faults.length === 0 && this.#unspeakable !== null
      return this.#listener.onGivenUp(isUnspoken ? (this.#unspeakable as Fault) : giveUpFault(this.#faults))
    }
    const waitMs = Math.min(patienceLeftMs, roundWaitMsMax, roundWaitMs * 2 ** this.#rounds++ * (0.5 + random.unit()))
    this.#tried.clear()
    this.#timer = clock.after(waitMs, () => this.#next())
  }

  // What the race tells.

  onSpoken(member: PoolMember): void {
    this.#order.onSpoken(member)
    this.#listener.onCommit()
  }

  onWhole(answer: WholeAnswer): void {
    this.#isOver = true
    this.#listener.onWhole(answer)
  }

  onStreamEnd(): void {
    this.#isOver = true
    this.#listener.onStreamEnd()
  }

  onFailed({ member, fault, tookMs, isCommitted }: Failure): void {
    if (isCommitted) {
      this.#isOver = true
      return this.#listener.onBroken(fault)
    }
    if (this.#order.hasOtherWay(member, fault)) {
      this.#tried.delete(member)
      return this.#next()
    }
    this.#faults.push(fault)
    if (this.#isWorthAnother(member, fault, tookMs)) return this.#tryAgain(member)
    if (isTooLong(fault) && this.#skipRank(member)) return this.#next()
    if (!this.#order.isFinal(fault)) return this.#next()
    this.#isOver = true
    this.#listener.onGivenUp(fault)
  }

  /** Before upstreams of a lower rank are asked, the last of its own gets a second try, once. */
  #isWorthAnother(member: PoolMember, fault: Fault, tookMs: number): boolean {
    if (this.#hasTriedAgain || !this.#mayTry() || !isFleeting(fault, tookMs)) return false
    const left = this.#order.target.members.filter((other) => !this.#tried.has(other))
    return left.length > 0 && left.every(({ priority }) => priority > member.priority)
  }

  #tryAgain(member: PoolMember): void {
    const { clock, random } = this.#parts
    this.#hasTriedAgain = true
    this.#timer = clock.after(roundWaitMs * (0.5 + random.unit()), () => {
      if (!this.#isOver) this.#put(member)
    })
  }

  /** Passes over all upstreams of this rank; whether one of another is left. */
  #skipRank(member: PoolMember): boolean {
    const { members } = this.#order.target
    for (const other of members) if (other.priority === member.priority) this.#tried.add(other)
    return members.some((other) => !this.#tried.has(other))
  }
}
