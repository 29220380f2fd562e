/**
 * One stretch of an answer: attempts on one upstream after the other until one of them speaks, and then that one to its
 * end or its break. A call that goes well has one leg; each seam begins another.
 */
import type { Translation, WholeAnswer } from '../dialect/translation.ts'
import { Fault, toFault } from '../fault/fault.ts'
import { modelAt } from '../fleet/fleet.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import { prefillWeightDefault } from '../fleet/speed.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Timer } from '../ground/clock.ts'
import type { Ask } from './balance/balancer.ts'
import {
  backOff,
  firstTokenLimitMs,
  giveUpFault,
  isFleeting,
  isSwitched,
  isTooLong,
  mayReturnSoon,
  retryCost,
} from './failover.ts'
import type { LegOrder, LegParts } from './leg-order.ts'
import type { WaitKind } from './overload/first-token-times.ts'
import { mayHedge } from './overload/hedge.ts'
import { type Ear, type Failure, Race, type RaceListener } from './race.ts'
import { Rounds } from './rounds.ts'

/**
 * Attempts of all kinds for one leg. Those that found nobody at home do not count against the pool's `attemptsMax`.
 */
const knocksMax = 64
/** A suspect looks so often whether a server has no other one. */
const aloneMs = 25

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

/** Where nobody is left, the next replica is waited for as it is by calls that come now. */
function patienceOf({ pool, members }: LegOrder['target']): number {
  const { patienceMs } = pool.timeouts
  return members.length === 0 ? Math.max(patienceMs, pool.holdMs ?? 0) : patienceMs
}

export class Leg implements RaceListener {
  readonly race: Race
  #parts: LegParts
  #order: LegOrder
  #ask: Ask
  #listener: LegListener
  #rounds: Rounds
  #faults: Fault[] = []
  /** What the next attempt costs of the budget for further ones. */
  #owed = 0
  #timer: Timer | null = null
  #firstRoundOverMs: number | null = null
  /** Where this suspect would not be alone. */
  #crowded = new Set<PoolMember>()
  #isOver = false
  #hasTriedAgain = false
  /** Why the call cannot be put into the language of an upstream. */
  #unspeakable: Fault | null = null
  #hedgeTimer: Timer | null = null
  /** When the attempt beside which the hedge runs was sent; null while there is none. */
  #hedgedMs: number | null = null

  constructor(parts: LegParts, order: LegOrder, listener: LegListener) {
    this.#parts = parts
    this.#order = order
    this.#listener = listener
    const { target, size } = order
    const { call, caller, session } = order.order
    this.#ask = parts.balancer.ask({ target, size, call, caller, session })
    this.#rounds = new Rounds(order.target, order.avoid)
    this.race = new Race(parts, order, this, listener)
  }

  start(): void {
    if (this.#order.isBeginning) {
      this.#parts.retries.countCall()
      this.#parts.hedging.countCall()
    }
    this.#next()
  }

  /** Ends the leg; what is under way is accounted for under this fault. */
  cancel(fault: Fault): void {
    this.#end()
    this.race.cancel(fault)
  }

  get target(): LegOrder['target'] {
    return this.#order.target
  }

  /** Whether another server could be asked at once, in place of this one which has not begun to speak. */
  hasOther(upstream: Upstream): boolean {
    const { out } = this.#rounds
    return this.#order.target.members.some(
      (other) => other.upstream !== upstream && !out.has(other) && this.#isFit(other) && this.#speak(other) !== null,
    )
  }

  #end(): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#hedgeTimer?.cancel()
  }

  #next(): void {
    for (;;) {
      if (this.#isOver || this.#isHeld()) return
      const member = this.#mayTry() && this.#rounds.hasRoom ? this.#choose() : null
      if (!member) return this.#crowded.size > 0 ? this.#lookAgain() : this.#wait()
      if (this.#parts.poison?.mayEnter(this.#order, member.upstream) === false) {
        this.#crowded.add(member)
        continue
      }
      this.#rounds.ask(member)
      if (!member.upstream.hasLeft && this.#put(member)) return
    }
  }

  /** It may be what kills servers: it waits until more is known, or is not sent any more. */
  #isHeld(): boolean {
    const hold = this.#parts.poison?.hold(this.#order) ?? null
    if (hold === null) return false
    if (!(hold instanceof Fault)) void hold.then(() => this.#next())
    else {
      this.#end()
      this.#listener.onGivenUp(hold)
    }
    return true
  }

  /** Everywhere is another suspect, and this one is to be alone. */
  #lookAgain(): void {
    this.#crowded.clear()
    this.#timer = this.#parts.clock.after(aloneMs, () => this.#next())
  }

  #choose(): PoolMember | null {
    const out = this.#crowded.size === 0 ? this.#rounds.out : this.#rounds.out.union(this.#crowded)
    const inTime = this.#order.inTime?.filter((member) => !out.has(member) && this.#isFit(member)) ?? []
    return this.#ask.choose(out, inTime.length > 0 ? inTime : this.#order.target.members)
  }

  /** It may be used, and has room. */
  #isFit(member: PoolMember): boolean {
    return this.#ask.standing(member).restMs === 0 && this.#parts.places.hasRoom(member)
  }

  /** Puts the call to this upstream, if it may be tried further; false when it cannot be put into its language. */
  #put(member: PoolMember): boolean {
    const translation = this.#speak(member)
    if (!translation) return false
    if (!this.#parts.retries.take(this.#owed)) this.#giveUp()
    else this.#try(member, translation)
    return true
  }

  /** @param running attempts under way, which count when they have failed. */
  #mayTry(running = 0): boolean {
    const { sentCount, startedCount } = this.race
    return sentCount + running < this.#order.target.pool.attemptsMax && startedCount < knocksMax
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
    const { timeouts } = this.#order.target.pool
    const { runnerCount } = this.race
    // Behind a seam whether there are others is asked when it is late: those that were tried may be well again.
    const hasOthers = this.#mayTry(runnerCount + 1) && (this.#rounds.isAnyLeft || !this.#order.isBeginning)
    const requestBytes = translation.body.reduce((sum, { length }) => sum + length, 0)
    // From round to round twice as long: maybe all are as slow.
    const patience = this.#order.isBeginning ? 1 : 2 ** this.#rounds.count
    const limitMs = firstTokenLimitMs(timeouts, hasOthers, requestBytes)
    const switchMs = Math.min(timeouts.firstTokenMs, patience * limitMs)
    if (!isHedge) this.#awaitHedge(member)
    const size = this.#ask.send(member)
    this.race.start(member, translation, { switchMs, size, isHedge, cost: isHedge ? 0 : this.#owed })
  }

  /**
   * Every upstream has been tried. Those that were up before may be back in a moment: worth a short wait, then once
   * more.
   */
  #wait(): void {
    const { clock, random } = this.#parts
    const { members } = this.#order.target
    const nowMs = clock.monotonicMs()
    this.#firstRoundOverMs ??= nowMs
    const patienceLeftMs = this.#firstRoundOverMs + patienceOf(this.#order.target) - nowMs
    const nextInMs = this.#rounds.nextInMs(nowMs)
    // The one that broke the answer has not been asked again yet.
    const isUnasked = this.#order.avoid !== null && this.#rounds.count === 0
    const isOnlyLate = !this.#order.isBeginning && this.#rounds.isAnyLate
    // Between one that has gone and the next that comes there may be nobody for a moment.
    const isNobodyThere = members.length === 0
    const isWorthIt = isUnasked || isOnlyLate || isNobodyThere || mayReturnSoon(this.#faults, members, patienceLeftMs)
    if (!isWorthIt || patienceLeftMs <= 0 || nextInMs > patienceLeftMs || !this.#mayTry()) return this.#giveUp()
    const backOffMs = backOff(this.#rounds.count, this.race.sentCount > 0, random.unit())
    this.#timer = clock.after(Math.max(nextInMs, Math.min(patienceLeftMs, backOffMs)), () => {
      this.#rounds.begin(clock.monotonicMs())
      this.#next()
    })
  }

  #giveUp(): void {
    this.#end()
    this.#listener.onGivenUp(this.#whyGivenUp())
  }

  #whyGivenUp(): Fault {
    if (this.#faults.length > 0) return giveUpFault(this.#faults)
    if (this.#order.target.members.length === 0) return new Fault('HF_NO_UPSTREAM', { retryAfterMs: 5000 })
    return this.#unspeakable ?? giveUpFault([])
  }

  // What the race tells.

  onSpoken(member: PoolMember, tookMs: number): void {
    this.#hedgeTimer?.cancel()
    this.#learnWait(tookMs)
    this.#order.onSpoken(member)
    this.#listener.onCommit()
  }

  onWhole(answer: WholeAnswer, tookMs: number): void {
    this.#end()
    this.#learnWait(tookMs)
    this.#listener.onWhole(answer)
  }

  onStreamEnd(): void {
    this.#end()
    this.#listener.onStreamEnd()
  }

  maySwitch(): boolean {
    if (!this.#mayTry(this.race.runnerCount)) return false
    if (!this.#order.isBeginning) return this.#rounds.isAnyLeft || this.#isAnyBack()
    return this.#rounds.isAnyLeft && this.#parts.retries.left >= retryCost(new Fault('HF_FIRST_TOKEN_TIMEOUT'))
  }

  /** Somebody whom this leg has tried, or who broke the answer, is fit to be asked in place of the one that is late. */
  #isAnyBack(): boolean {
    const nowMs = this.#parts.clock.monotonicMs()
    return this.#order.target.members.some(
      (other) =>
        other !== this.race.member &&
        this.#rounds.mayReturn(other, nowMs) &&
        this.#isFit(other) &&
        this.#speak(other) !== null,
    )
  }

  onFailed({ member, fault, tookMs, isCommitted, hasOtherKey }: Failure): void {
    this.#hedgeTimer?.cancel()
    if (isCommitted) {
      this.#end()
      return this.#listener.onBroken(fault)
    }
    if (hasOtherKey && this.#mayTry() && this.race.runnerCount === 0 && this.#put(member)) return
    if (this.#order.hasOtherWay(member, fault)) {
      this.#rounds.out.delete(member)
      return this.#next()
    }
    this.#note(member, fault, tookMs)
    const isFinal = this.#order.isFinal(fault)
    if (this.race.runnerCount > 0 && !isFinal) return // the other one may do better
    this.race.cancel(new Fault('HF_OUTRUN'))
    if (this.#isWorthAnother(member, fault, tookMs)) return this.#tryAgain(member)
    if (isTooLong(fault) && this.#skipRank(member)) return this.#next()
    if (!isFinal) return this.#next()
    this.#end()
    this.#listener.onGivenUp(fault)
  }

  #note(member: PoolMember, fault: Fault, tookMs: number): void {
    this.#faults.push(fault)
    const wasSwitched = isSwitched(fault, tookMs, this.#order.target.pool.timeouts)
    const nowMs = this.#parts.clock.monotonicMs()
    this.#rounds.fail(member, fault, nowMs, wasSwitched)
    if (wasSwitched && !this.#order.isBeginning && !this.#rounds.isAnyLeft) this.#rounds.goBack(member, nowMs)
    // One that reached nobody has cost nothing, and what was owed before it is owed still.
    if (this.#order.isBeginning) this.#owed = retryCost(fault) || this.#owed
  }

  /** Before upstreams of a lower rank are asked, the last of its own gets a second try, once. */
  #isWorthAnother(member: PoolMember, fault: Fault, tookMs: number): boolean {
    if (
      this.#hasTriedAgain ||
      !this.#mayTry() ||
      this.#parts.poison?.isSuspect(this.#order.order) ||
      !isFleeting(fault, tookMs)
    )
      return false
    if (this.#parts.breakers.find(member.upstream, modelAt(member, this.#order.target))?.breaker.isOut) return false
    const left = this.#order.target.members.filter((other) => !this.#rounds.out.has(other))
    return left.length > 0 && left.every(({ priority }) => priority > member.priority)
  }

  #tryAgain(member: PoolMember): void {
    const { clock, random } = this.#parts
    this.#hasTriedAgain = true
    this.#timer = clock.after(backOff(1, true, random.unit()), () => {
      if (!this.#isOver) this.#put(member)
    })
  }

  /** Passes over all upstreams of this rank; whether one of another is left. */
  #skipRank(member: PoolMember): boolean {
    this.#rounds.skipRank(member)
    return this.#rounds.isAnyLeft
  }

  // A second attempt beside one that is late.

  get #waitKind(): WaitKind {
    const { target, size, order } = this.#order
    const { route, isStream } = order.call
    const tokens = isStream ? size.promptTokens : size.outputTokens + size.promptTokens * prefillWeightDefault
    return { pool: target.pool.name, model: target.upstreamModel, route, isStream, tokens }
  }

  #learnWait(tookMs: number): void {
    // With one upstream there is nobody whom a late call could be sent to as well.
    if (!this.#order.isBeginning || this.#order.target.pool.members.length === 1) return
    const { clock, hedging } = this.#parts
    // What the call has waited, and not the hedge alone: else the measure would know only waits that were cut short.
    const waitedMs = this.#hedgedMs === null ? tookMs : clock.monotonicMs() - this.#hedgedMs
    hedging.times.observe(this.#waitKind, waitedMs)
  }

  #awaitHedge(slow: PoolMember): void {
    const { members } = this.#order.target
    if (!this.#order.isBeginning || this.#hedgedMs !== null || !members.some((other) => mayHedge(other, slow))) return
    const waitMs = this.#parts.hedging.waitMs(this.#waitKind)
    if (waitMs !== null) this.#hedgeIn(waitMs, slow, this.#parts.clock.monotonicMs())
  }

  /** Where none may be sent at that moment, the call has its chance later, the later the longer it has waited. */
  #hedgeIn(waitMs: number, slow: PoolMember, beganMs: number): void {
    this.#hedgeTimer = this.#parts.clock.after(waitMs, () => {
      if (!this.#hedge(slow, beganMs)) this.#hedgeIn(2 * waitMs, slow, beganMs)
    })
  }

  #hedge(slow: PoolMember, beganMs: number): boolean {
    const { pool, members } = this.#order.target
    const others = members.filter((other) => mayHedge(other, slow) && this.#isFit(other))
    const maySend = this.#mayTry() && !this.#parts.poison?.isSuspect(this.#order.order)
    const member = maySend ? this.#ask.choose(this.#rounds.out, others) : null
    const translation = member && this.#speak(member)
    if (!member || !translation || !this.#parts.hedging.take(pool)) return false
    this.#hedgedMs = beganMs
    this.#rounds.ask(member)
    this.#try(member, translation, true)
    return true
  }
}
