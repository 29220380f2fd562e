/**
 * THE STORY of one call: admit → choose → attempt → journal → deliver → settle.
 *
 * Until the first content of an answer nothing has been sent to the caller, and any failure of an upstream is only a
 * reason to try another. From then on every event goes through the journal, and a failure ends in an honest error.
 */
import type { Usage } from '../dialect/call.ts'
import { errorEvent } from '../dialect/error-body.ts'
import { translate } from '../dialect/translate.ts'
import type { Translation, WholeAnswer } from '../dialect/translation.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { Fleet, Target } from '../fleet/fleet.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Member } from '../ground/crowd.ts'
import type { Random } from '../ground/random.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { Observer } from '../observe/observer.ts'
import type { Journal, JournalEntry, Outcome } from '../store/journal.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import { choose } from './balance/balance.ts'
import { giveUpFault, hasReachedUpstream, isUpstreamsFault, mayReturnSoon } from './failover.ts'
import type { Order } from './order.ts'
import type { Admission } from './overload/admission.ts'
import type { Reply } from './reply.ts'
import { Tail } from './stream/tail.ts'
import { upstreamHeaders } from './upstream-headers.ts'
import type { Wires } from './wire/wires.ts'

/** What every exchange works with. */
export interface Relay {
  readonly clock: Clock
  readonly random: Random
  readonly fleet: Fleet
  readonly wires: Wires
  readonly journal: Journal
  readonly admission: Admission
  readonly observer: Observer
  /** Largest answer, bytes. */
  readonly answerBytesMax: number
}

/** Waits between rounds over all upstreams while none of them answers. */
const roundWaitMs = 100
const roundWaitMsMax = 1000
/**
 * Attempts of all kinds for one call. Those that found nobody at home do not count against the pool's `attemptsMax`.
 */
const knocksMax = 64

export class Exchange implements AttemptListener, Member {
  place = 0
  #relay: Relay
  #order: Order
  #reply: Reply
  #tail: Tail
  #entry: JournalEntry | null = null
  #target: Target | null = null
  #translations = new Map<string, Translation | null>()
  #tried = new Set<PoolMember>()
  #attempt: Attempt | null = null
  #attempts: AttemptFact[] = []
  #faults: Fault[] = []
  #member: PoolMember | null = null
  #sentCount = 0
  #rounds = 0
  #firstRoundOverMs: number | null = null
  #firstTokenMs: number | null = null
  #timers: Timer[] = []
  #isReading = false
  /** The journal refuses even the last word: the caller is told all the same. */
  #isJournalGone = false
  /** A whole answer whose head waits until the journal has kept it. */
  #whole: WholeAnswer | null = null
  #isSettled = false
  #isAdmitted = false
  #outcome: Outcome | null = null
  #fault: Fault | null = null
  /** Why the call cannot be put into the language of an upstream. */
  #unspeakable: Fault | null = null
  #usage: Usage | null = null
  #finishReason: string | null = null
  #contentCount = 0

  #onSettled: () => void

  constructor(relay: Relay, order: Order, reply: Reply, onSettled: () => void) {
    this.#relay = relay
    this.#onSettled = onSettled
    this.#order = order
    this.#reply = reply
    this.#tail = new Tail(reply, {
      onEnded: () => this.#settle(),
      onLag: (isLagging) => this.#attempt?.pause(isLagging),
    })
    reply.onGone = () => this.#callerLeft()
  }

  start(): void {
    const { admission, fleet, journal, clock } = this.#relay
    const { call, ray, caller } = this.#order
    try {
      admission.enter()
      this.#isAdmitted = true
      this.#target = fleet.resolve(call.model)
      this.#entry = journal.begin(
        { ray, route: call.route, model: call.model, caller, beganMs: clock.nowMs() },
        (keptCount) => this.#kept(keptCount),
        (cause) => this.#lost(cause),
      )
      this.#timers.push(clock.after(this.#target.pool.timeouts.totalMs, () => this.#fail(new Fault('HF_DEADLINE'))))
      this.#next()
    } catch (thrown) {
      this.#fail(toFault(thrown))
    }
  }

  /** The house closes: an answer that is still under way ends with a word, not with silence. */
  close(): void {
    this.#fail(new Fault('HF_CLOSING', { retryAfterMs: 1000 }))
  }

  /** The house closes now: what a slow caller has not taken is left, and its connection will break. */
  abandon(): void {
    if (this.#isSettled) return
    this.#fault ??= new Fault('HF_CLOSING')
    this.#outcome = 'failed'
    this.#tail.finish('breakOff')
    this.#tail.detach()
  }

  // Choose, and try.

  #next(): void {
    const target = this.#target
    if (!target || this.#outcome) return
    for (;;) {
      const member = this.#mayTry(target) ? choose(target.members, this.#tried, this.#relay.random) : null
      if (!member) return this.#wait(target)
      this.#tried.add(member)
      const translation = this.#translationFor(member, target)
      if (translation) return this.#try(member, translation, target)
    }
  }

  #mayTry(target: Target): boolean {
    return this.#sentCount < target.pool.attemptsMax && this.#attempts.length < knocksMax
  }

  /** How the call is spoken to this upstream; null when it cannot be, which may say something against the call. */
  #translationFor({ upstream }: PoolMember, target: Target): Translation | null {
    const isOfItsKind = !upstream.options.speaks && upstream.options.streamUsage
    const key = isOfItsKind ? upstream.kind : upstream.name
    const known = this.#translations.get(key)
    if (known !== undefined) return known
    const options = { wantsUsage: upstream.options.streamUsage, nowMs: this.#relay.clock.nowMs() }
    let translation: Translation | null = null
    try {
      translation = translate(this.#order.call, upstream.speaks, target.upstreamModel, options)
    } catch (thrown) {
      this.#unspeakable = toFault(thrown) // another upstream may speak the caller's own language
    }
    this.#translations.set(key, translation)
    return translation
  }

  #try(member: PoolMember, translation: Translation, target: Target): void {
    const { clock, wires, answerBytesMax } = this.#relay
    const { upstream } = member
    this.#member = member
    upstream.inFlight++
    upstream.callCount++
    const attempt = new Attempt(
      clock,
      {
        upstream,
        wire: wires.to(upstream),
        translation,
        isStream: this.#order.call.isStream,
        headers: upstreamHeaders(upstream, translation.route, this.#order),
        timeouts: target.pool.timeouts,
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
  #wait(target: Target): void {
    const { clock, random } = this.#relay
    const nowMs = clock.monotonicMs()
    this.#firstRoundOverMs ??= nowMs
    const patienceLeftMs = this.#firstRoundOverMs + target.pool.timeouts.patienceMs - nowMs
    const isWorthIt = this.#mayTry(target) && mayReturnSoon(this.#faults, target.members, patienceLeftMs)
    if (!isWorthIt)
      return this.#fail(this.#faults.length === 0 && this.#unspeakable ? this.#unspeakable : giveUpFault(this.#faults))
    const waitMs = Math.min(patienceLeftMs, roundWaitMsMax, roundWaitMs * 2 ** this.#rounds++ * (0.5 + random.unit()))
    this.#tried.clear()
    this.#timers.push(clock.after(waitMs, () => this.#next()))
  }

  // What an attempt tells.

  onCommit(): void {
    this.#member?.upstream.succeed()
    this.#isReading = true
    this.#firstTokenMs = this.#relay.clock.monotonicMs() - this.#order.beganMs
    if (this.#order.call.isStream) this.#reply.begin({ lengthBytes: null, headers: {} })
  }

  onEvent(event: Buffer): void {
    if (this.#outcome) return // an earlier event of the same read ended the call
    this.#isReading = true
    this.#journal(event)
  }

  onTurn(): void {
    this.#isReading = false
    this.#tail.flush()
  }

  onWhole(answer: WholeAnswer): void {
    this.#member?.upstream.succeed()
    this.#endAttempt(null)
    if (this.#outcome) return
    this.#isReading = true
    this.#whole = answer
    this.#journal(answer.body)
    if (!this.#outcome) this.#finish('complete')
  }

  onStreamEnd(): void {
    this.#endAttempt(null)
    this.#finish('complete')
  }

  onFault(told: Fault): void {
    const fault = this.#judge(told)
    const isCommitted = this.#attempt?.isCommitted ?? false
    this.#endAttempt(fault)
    if (this.#outcome) return
    this.#faults.push(fault)
    if (fault.kind.retry === 'no' || isCommitted) return this.#fail(fault)
    this.#next()
  }

  /** The refusal of the caller's own key says nothing against the upstream, and everything to the caller. */
  #judge(fault: Fault): Fault {
    const isCallersKey = this.#attempt?.order.upstream.options.key === 'caller'
    if (fault.code !== 'HF_UPSTREAM_KEY_REFUSED' || !isCallersKey) return fault
    return new Fault('HF_KEY_UNKNOWN', { detail: 'the model server does not take the key that was sent' })
  }

  // Journal, deliver, settle.

  /** Only what the journal has taken is put into the tail, so that both count the same events. */
  #journal(event: Buffer): void {
    try {
      this.#entry?.append(event)
    } catch (thrown) {
      return this.#fail(toFault(thrown))
    }
    this.#tail.push(event)
  }

  #kept(keptCount: number): void {
    this.#tail.kept(this.#isJournalGone ? Number.POSITIVE_INFINITY : keptCount)
    if (this.#whole) this.#beginWhole(this.#whole)
    if (!this.#isReading) this.#tail.flush()
  }

  #beginWhole({ body }: WholeAnswer): void {
    this.#whole = null
    this.#firstTokenMs = this.#relay.clock.monotonicMs() - this.#order.beganMs
    this.#reply.begin({ lengthBytes: body.length, headers: { 'content-type': 'application/json' } })
  }

  /** What the journal could not keep is not delivered, its end least of all; the caller is told so instead. */
  #lost(cause: unknown): void {
    if (this.#isSettled) return
    this.#isJournalGone = true
    this.#tail.dropUnkept()
    const hadFailed = this.#outcome === 'failed'
    this.#outcome = null
    this.#fail((hadFailed && this.#fault) || new Fault('HF_JOURNAL_FULL', { cause }))
  }

  #finish(outcome: Outcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    this.#isReading = false
    this.#entry?.seal(outcome)
    this.#tail.finish(outcome === 'complete' ? 'end' : 'breakOff')
  }

  /**
   * The call fails: with an error answer while none has begun, with an error event and a broken connection
   * afterwards.
   */
  #fail(fault: Fault): void {
    if (this.#outcome) return
    this.#fault = fault
    this.#attempt?.cancel()
    this.#endAttempt(fault)
    if (this.#firstTokenMs === null) {
      this.#outcome = 'failed'
      this.#entry?.seal('failed')
      this.#reply.fail(fault)
      return this.#settle()
    }
    this.#breakOff(fault)
  }

  #breakOff(fault: Fault): void {
    const event = errorEvent(fault, this.#order.ray, this.#order.call.route)
    this.#tail.push(event)
    try {
      this.#entry?.append(event)
    } catch {
      this.#isJournalGone = true
    }
    if (this.#isJournalGone) this.#tail.kept(Number.POSITIVE_INFINITY)
    this.#finish('failed')
  }

  #callerLeft(): void {
    if (this.#isSettled) return
    const isDetached = this.#order.onDisconnect === 'detach' && this.#outcome === null
    if (!isDetached && this.#outcome === null) {
      this.#fault = new Fault('HF_CLIENT_GONE')
      this.#attempt?.cancel()
      this.#endAttempt(this.#fault)
      this.#outcome = 'cancelled'
      this.#entry?.seal('cancelled')
      this.#tail.finish('breakOff')
    }
    this.#tail.detach()
  }

  #endAttempt(fault: Fault | null): void {
    const attempt = this.#attempt
    if (!attempt) return
    this.#attempt = null
    const { upstream } = attempt.order
    upstream.inFlight--
    if (fault && isUpstreamsFault(fault)) upstream.fail(fault.code, fault.retryAfterMs)
    if (!fault || hasReachedUpstream(fault)) this.#sentCount++
    this.#usage = attempt.usage ?? this.#usage
    this.#finishReason = attempt.finishReason ?? this.#finishReason
    this.#contentCount += attempt.contentCount
    this.#attempts.push({
      upstream: upstream.name,
      code: fault?.code ?? null,
      detail: fault?.detail ?? '',
      afterMs: Math.round(attempt.beganMs - this.#order.beganMs),
      durationMs: Math.round(this.#relay.clock.monotonicMs() - attempt.beganMs),
      receivedStatus: attempt.receivedStatus,
    })
  }

  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#onSettled()
    for (const timer of this.#timers) timer.cancel()
    if (this.#isAdmitted) this.#relay.admission.leave()
    const { call, ray, caller, beganMs } = this.#order
    const fault = this.#fault
    const hasBegun = this.#firstTokenMs !== null
    this.#relay.observer.settled({
      atMs: this.#relay.clock.nowMs(),
      ray,
      route: call.route,
      model: call.model,
      isModelKnown: this.#target !== null,
      caller,
      isStream: call.isStream,
      outcome: this.#outcome ?? 'failed',
      status: fault && (!hasBegun || fault.code === 'HF_CLIENT_GONE') ? fault.status : 200,
      code: fault?.code ?? null,
      detail: fault?.detail ?? '',
      attempts: this.#attempts,
      durationMs: this.#relay.clock.monotonicMs() - beganMs,
      firstTokenMs: this.#firstTokenMs,
      inputTokens: this.#usage?.inputTokens ?? null,
      outputTokens: this.#usage?.outputTokens ?? (this.#contentCount || null),
      finishReason: this.#finishReason,
      requestBytes: call.body.bytes.length,
      sentBytes: this.#tail.sentBytes,
      eventCount: this.#entry?.count ?? 0,
    })
  }
}
