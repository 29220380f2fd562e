/**
 * One stretch of an answer: attempts on one upstream after the other until one of them speaks, and then that one to its
 * end or its break. A call that goes well has one leg; each seam begins another.
 */
import type { Usage } from '../dialect/call.ts'
import type { Translation, WholeAnswer } from '../dialect/translation.ts'
import { Fault, toFault } from '../fault/fault.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import { choose } from './balance/balance.ts'
import {
  firstTokenLimitMs,
  giveUpFault,
  hasReachedUpstream,
  isFleeting,
  isTooLong,
  isUpstreamsFault,
  mayReturnSoon,
} from './failover.ts'
import type { Order } from './order.ts'
import type { Places } from './overload/places.ts'
import { upstreamHeaders } from './upstream-headers.ts'
import type { WireSource } from './wire/wires.ts'

/** Waits between rounds over all upstreams while none of them answers. */
const roundWaitMs = 100
const roundWaitMsMax = 1000
/**
 * Attempts of all kinds for one leg. Those that found nobody at home do not count against the pool's `attemptsMax`.
 */
const knocksMax = 64
/** Shorter answers say little about the gap between tokens. */
const gapTokensMin = 8

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

export interface LegListener {
  /** The first content has come. */
  onCommit(): void
  onEvent(event: Buffer, aside?: Buffer): void
  /** The bytes of one read have been dealt with: time to deliver. */
  onTurn(): void
  onWhole(answer: WholeAnswer): void
  onStreamEnd(): void
  /** The upstream broke off after its first content. */
  onBroken(fault: Fault): void
  /** No upstream could be brought to speak. */
  onGivenUp(fault: Fault): void
}

export class Leg implements AttemptListener {
  usage: Usage | null = null
  finishReason: string | null = null
  /** Tokens, or content events where tokens were not counted. */
  contentCount = 0
  member: PoolMember | null = null
  #parts: LegParts
  #order: LegOrder
  #listener: LegListener
  #tried = new Set<PoolMember>()
  #faults: Fault[] = []
  #attempt: Attempt | null = null
  #timer: Timer | null = null
  #sentCount = 0
  #attemptCount = 0
  #rounds = 0
  #firstRoundOverMs: number | null = null
  #isOver = false
  #hasTriedAgain = false
  /** When its first token came. */
  #spokenMs = 0
  /** Why the call cannot be put into the language of an upstream. */
  #unspeakable: Fault | null = null

  constructor(parts: LegParts, order: LegOrder, listener: LegListener) {
    this.#parts = parts
    this.#order = order
    this.#listener = listener
    const { avoid, target } = order
    if (avoid && target.members.length > 1) this.#tried.add(avoid)
  }

  start(): void {
    this.#next()
  }

  /** Ends the leg; the attempt under way, if any, is accounted for under this fault. */
  cancel(fault: Fault): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#attempt?.cancel()
    this.#endAttempt(fault)
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
    return this.#sentCount < this.#order.target.pool.attemptsMax && this.#attemptCount < knocksMax
  }

  #speak(member: PoolMember): Translation | null {
    try {
      return this.#order.speak(member)
    } catch (thrown) {
      this.#unspeakable = toFault(thrown) // another upstream may speak the caller's own language
      return null
    }
  }

  #try(member: PoolMember, translation: Translation): void {
    const { clock, wires, answerBytesMax } = this.#parts
    const { order, target } = this.#order
    const { upstream } = member
    const hasOthers = this.#mayTry() && target.members.some((other) => !this.#tried.has(other))
    const { timeouts } = target.pool
    const requestBytes = translation.body.reduce((sum, { length }) => sum + length, 0)
    this.member = member
    this.#attemptCount++
    upstream.callCount++
    const attempt = new Attempt(
      clock,
      {
        upstream,
        passage: this.#parts.places.enter(upstream, modelAt(member, target), this.#order.size),
        wire: wires.to(upstream),
        translation,
        isStream: order.call.isStream,
        headers: upstreamHeaders(upstream, translation.route, order),
        timeouts: { ...timeouts, firstTokenMs: firstTokenLimitMs(timeouts, hasOthers, requestBytes) },
        answerBytesMax,
      },
      this,
    )
    this.#attempt = attempt
    attempt.start()
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

  // What an attempt tells.

  onCommit(): void {
    this.member?.upstream.succeed()
    if (this.member) this.#order.onSpoken(this.member)
    this.#spokenMs = this.#parts.clock.monotonicMs()
    this.#listener.onCommit()
  }

  onEvent(event: Buffer, aside?: Buffer): void {
    if (!this.#isOver) this.#listener.onEvent(event, aside)
  }

  onTurn(): void {
    if (!this.#isOver) this.#listener.onTurn()
  }

  onWhole(answer: WholeAnswer): void {
    this.member?.upstream.succeed()
    this.#endAttempt(null)
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.onWhole(answer)
  }

  onStreamEnd(): void {
    this.#endAttempt(null)
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.onStreamEnd()
  }

  onFault(told: Fault): void {
    const fault = this.#judge(told)
    const isCommitted = this.#attempt?.isCommitted ?? false
    const tookMs = this.#parts.clock.monotonicMs() - (this.#attempt?.beganMs ?? 0)
    this.#endAttempt(fault)
    if (this.#isOver) return
    if (isCommitted) {
      this.#isOver = true
      return this.#listener.onBroken(fault)
    }
    const { member } = this
    if (member && this.#order.hasOtherWay(member, fault)) {
      this.#tried.delete(member)
      return this.#next()
    }
    this.#faults.push(fault)
    if (member && this.#isWorthAnother(member, fault, tookMs)) return this.#tryAgain(member)
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
  #skipRank(member: PoolMember | null): boolean {
    const { members } = this.#order.target
    for (const other of members) if (other.priority === member?.priority) this.#tried.add(other)
    return members.some((other) => !this.#tried.has(other))
  }

  /** The refusal of the caller's own key says nothing against the upstream, and everything to the caller. */
  #judge(fault: Fault): Fault {
    const isCallersKey = this.#attempt?.order.upstream.options.key === 'caller'
    if (fault.code !== 'HF_UPSTREAM_KEY_REFUSED' || !isCallersKey) return fault
    return new Fault('HF_KEY_UNKNOWN', { detail: 'the model server does not take the key that was sent' })
  }

  #endAttempt(fault: Fault | null): void {
    const attempt = this.#attempt
    if (!attempt) return
    this.#attempt = null
    const { upstream, passage, isStream } = attempt.order
    if (!fault && !isStream) passage.answered(attempt.usage?.outputTokens ?? 0, this.#parts.clock.monotonicMs())
    passage.end()
    if (fault) this.#parts.places.noteFault(upstream, fault)
    this.#learnGap(attempt)
    if (fault && isUpstreamsFault(fault)) upstream.fail(fault.code, fault.retryAfterMs)
    if (!fault || hasReachedUpstream(fault)) this.#sentCount++
    this.usage = attempt.usage ?? this.usage
    this.finishReason = attempt.finishReason ?? this.finishReason
    this.contentCount += attempt.contentCount
    this.#order.account.push({
      upstream: upstream.name,
      code: fault?.code ?? null,
      detail: fault?.detail ?? '',
      afterMs: Math.round(attempt.beganMs - this.#order.order.beganMs),
      durationMs: Math.round(this.#parts.clock.monotonicMs() - attempt.beganMs),
      receivedStatus: attempt.receivedStatus,
    })
  }

  // How fast the upstream is.

  #learnGap({ isCommitted, order, contentCount, progressedMs }: Attempt): void {
    if (!isCommitted || contentCount < gapTokensMin || !this.member) return
    const gapMs = (progressedMs - this.#spokenMs) / (contentCount - 1)
    const { upstream } = order
    upstream.speed(modelAt(this.member, this.#order.target)).observeGap(upstream.load.calls + 1, gapMs)
  }
}
