/**
 * The attempts of a leg that are under way: one, or two while a hedge runs beside it. The first to speak gives the
 * answer; the other is cancelled at that moment, before it has said anything, and nothing is held against its upstream.
 * Keeps the accounts of all: load, what is known of the upstreams, the facts for the log.
 */
import type { Usage } from '../dialect/call.ts'
import type { Translation, WholeAnswer } from '../dialect/translation.ts'
import { Fault } from '../fault/fault.ts'
import { modelAt } from '../fleet/fleet.ts'
import type { Key } from '../fleet/key-ring.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { AttemptFact, AttemptSetting } from '../observe/exchange-fact.ts'
import { newSpanId } from '../observe/trace-context.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import type { ReadSize } from './balance/balancer.ts'
import { hasReachedUpstream, isMoved, isUpstreamsFault } from './failover.ts'
import type { LegOrder, LegParts } from './leg-order.ts'
import { upstreamHeaders } from './upstream-headers.ts'

/** Shorter answers say little about the gap between tokens. */
const gapTokensMin = 8

/** Where the words of the one that speaks go. */
export type Ear = Pick<AttemptListener, 'onEvent' | 'onTurn'>

export interface RaceListener extends Pick<AttemptListener, 'maySwitch'> {
  /** One speaks; from here on there is only this one. `tookMs`: from its sending to its first content. */
  onSpoken(member: PoolMember, tookMs: number): void
  /** `tookMs`: from its sending to its end. */
  onWhole(answer: WholeAnswer, tookMs: number): void
  onStreamEnd(): void
  onFailed(failure: Failure): void
}

export interface Failure {
  readonly member: PoolMember
  readonly fault: Fault
  /** From its sending. */
  readonly tookMs: number
  /** It had begun to speak. */
  readonly isCommitted: boolean
  /** The key was the cause, and the upstream can be shown another one. */
  readonly hasOtherKey: boolean
}

export interface StartOptions {
  /** Until its first token, while another upstream can be asked. */
  readonly switchMs: number
  /** Of the call there: without what of the prompt need not be read again. */
  readonly size: ReadSize
  /** It runs beside another one. */
  readonly isHedge: boolean
  /** What it took of the budget for further attempts. */
  readonly cost: number
}

export class Race {
  usage: Usage | null = null
  finishReason: string | null = null
  /** Tokens, or content events where tokens were not counted. */
  contentCount = 0
  /** Who speaks, or was asked last. */
  member: PoolMember | null = null
  /** Attempts of all kinds, and those that may have reached a model server. */
  startedCount = 0
  sentCount = 0
  readonly parts: LegParts
  readonly order: LegOrder
  readonly listener: RaceListener
  readonly ear: Ear
  #runners: Runner[] = []

  constructor(parts: LegParts, order: LegOrder, listener: RaceListener, ear: Ear) {
    this.parts = parts
    this.order = order
    this.listener = listener
    this.ear = ear
  }

  /** When the longest of those under way began; null while there is none. */
  get sinceMs(): number | null {
    return this.#runners.length === 0 ? null : Math.min(...this.#runners.map(({ attempt }) => attempt.beganMs))
  }

  /** Attempts under way. */
  get runnerCount(): number {
    return this.#runners.length
  }

  start(member: PoolMember, translation: Translation, options: StartOptions): void {
    this.startedCount++
    if (!options.isHedge) this.member = member
    const runner = new Runner(this, member, translation, options)
    this.#runners.push(runner)
    this.parts.poison?.sent(this.order, runner.attempt)
    runner.attempt.start()
  }

  /** An answer has begun. */
  get hasSpoken(): boolean {
    return this.#runners.some(({ attempt }) => attempt.isCommitted)
  }

  /** Who has an attempt of it under way. */
  isAt(upstream: Upstream): boolean {
    return this.#runners.some(({ member }) => member.upstream === upstream)
  }

  /** Takes the call from a server: what is under way there fails now. */
  leaveUpstream(upstream: Upstream, fault: Fault): void {
    for (const { member, attempt } of [...this.#runners]) if (member.upstream === upstream) attempt.breakOff(fault)
  }

  /** Ends all that is under way, and accounts for it under this fault. Nothing is told of it. */
  cancel(fault: Fault): void {
    for (const runner of this.#runners.splice(0)) this.#drop(runner, fault)
  }

  /** It is the one. */
  win(runner: Runner): void {
    this.member = runner.member
    if (this.#runners.length === 1) return
    const others = this.#runners.filter((other) => other !== runner)
    this.#runners = [runner]
    for (const other of others) this.#drop(other, new Fault('HF_OUTRUN'))
  }

  /** It has come to its end by itself. Whether another key of its upstream would do better. */
  leave(runner: Runner, fault: Fault | null): boolean {
    const at = this.#runners.indexOf(runner)
    if (at !== -1) this.#runners.splice(at, 1)
    return this.#settle(runner, fault)
  }

  #drop(runner: Runner, fault: Fault): void {
    runner.attempt.cancel()
    this.#settle(runner, fault)
  }

  #settle(runner: Runner, fault: Fault | null): boolean {
    runner.isOut = true
    const { attempt, member, key, isHedge, cost } = runner
    const { upstream, passage, isStream } = attempt.order
    if (!fault && !isStream) passage.answered(attempt.usage?.outputTokens ?? 0, this.parts.clock.monotonicMs())
    passage.end()
    this.parts.breakers.settle(upstream, modelAt(member, this.order.target), fault, attempt, passage.promptTokens)
    this.parts.poison?.ended(this.order, attempt, upstream, fault)
    runner.learnGap()
    if (attempt.usage) this.parts.balancer.learn(upstream, runner.size, attempt.usage)
    const hasOtherKey = fault !== null && key !== null && upstream.keys.fail(key, fault)
    if (fault && !hasOtherKey) this.#blame(attempt, fault)
    const hasReached = fault === null || hasReachedUpstream(fault)
    // Each key is refused once and rests then: that bounds it.
    if (hasReached && !hasOtherKey && !(fault && isMoved(fault))) this.sentCount++
    if (!hasReached) this.parts.retries.giveBack(cost)
    this.usage = attempt.usage ?? this.usage
    this.finishReason = attempt.finishReason ?? this.finishReason
    this.contentCount += attempt.contentCount
    const fact: AttemptFact = {
      upstream: member.upstream.name,
      code: fault?.code ?? null,
      detail: fault?.detail ?? '',
      afterMs: tenths(attempt.beganMs - this.order.order.beganMs),
      durationMs: tenths(runner.tookMs),
      connectMs: attempt.connectMs === null ? null : tenths(attempt.connectMs),
      firstTokenMs: attempt.firstContentMs === null ? null : tenths(attempt.firstContentMs - attempt.beganMs),
      receivedStatus: attempt.receivedStatus,
    }
    const { span } = runner
    const setting = upstream.isReplica ? settingOf(attempt, this.order) : null
    const more = { ...(isHedge && { isHedge }), ...(setting && { setting }), ...(span && { span }) }
    this.order.account.push(isHedge || setting || span ? { ...fact, ...more } : fact)
    return hasOtherKey
  }

  #blame({ order: { upstream }, progressedMs }: Attempt, fault: Fault): void {
    this.parts.places.noteFault(upstream, fault)
    if (!isUpstreamsFault(fault) || upstream.progress.excuses(fault.code, progressedMs)) return
    // What a caller's own key is given says little of the others.
    upstream.fail(fault.code, upstream.options.key === 'caller' ? undefined : fault.retryAfterMs)
  }
}

/** One attempt in the race. */
class Runner implements AttemptListener {
  readonly member: PoolMember
  readonly isHedge: boolean
  readonly cost: number
  readonly size: ReadSize
  /** The gateway's own that it shows. */
  readonly key: Key | null
  readonly attempt: Attempt
  /** Where the trace is recorded. */
  readonly span: AttemptFact['span'] | null
  /** Nothing that it says counts any more. */
  isOut = false
  #race: Race
  /** When its first token came. */
  #spokenMs = 0

  constructor(race: Race, member: PoolMember, translation: Translation, options: StartOptions) {
    const { parts, order } = race
    const { upstream } = member
    this.#race = race
    this.member = member
    this.isHedge = options.isHedge
    this.cost = options.cost
    this.size = options.size
    this.key = upstream.keys.pick()
    upstream.callCount++
    const model = modelAt(member, order.target)
    parts.breakers.begin(upstream, model)
    this.span = order.order.trace?.isRecorded ? { id: newSpanId(parts.random), model } : null
    this.attempt = new Attempt(
      parts.clock,
      {
        upstream,
        passage: parts.places.enter(upstream, model, options.size, order.order.call.isStream),
        wire: parts.wires.to(upstream),
        translation,
        isStream: order.order.call.isStream,
        headers: upstreamHeaders(
          upstream,
          translation.route,
          order.order,
          this.key?.secret ?? null,
          this.span?.id ?? null,
        ),
        timeouts: order.target.pool.timeouts,
        switchMs: options.switchMs,
        answerBytesMax: parts.answerBytesMax,
      },
      this,
    )
  }

  get tookMs(): number {
    return this.#race.parts.clock.monotonicMs() - this.attempt.beganMs
  }

  onCommit(): void {
    if (this.isOut) return
    const { tookMs, member } = this
    this.#race.win(this)
    this.#succeed()
    this.#race.parts.breakers.speak(member.upstream, modelAt(member, this.#race.order.target))
    this.#spokenMs = this.attempt.beganMs + tookMs
    this.#race.listener.onSpoken(member, tookMs)
  }

  onEvent(event: Buffer, aside?: Buffer): void {
    if (!this.isOut) this.#race.ear.onEvent(event, aside)
  }

  onTurn(): void {
    if (!this.isOut) this.#race.ear.onTurn()
  }

  onWhole(answer: WholeAnswer): void {
    if (this.isOut) return
    const { tookMs } = this
    this.#race.win(this)
    this.#succeed()
    this.#race.leave(this, null)
    this.#race.listener.onWhole(answer, tookMs)
  }

  onStreamEnd(): void {
    if (this.isOut) return
    this.#race.leave(this, null)
    this.#race.listener.onStreamEnd()
  }

  maySwitch(): boolean {
    return this.#race.listener.maySwitch()
  }

  onFault(told: Fault): void {
    if (this.isOut) return
    const { member, tookMs } = this
    const fault = this.#judge(told)
    const { isCommitted } = this.attempt
    const hasOtherKey = this.#race.leave(this, fault)
    this.#race.listener.onFailed({ member, fault, tookMs, isCommitted, hasOtherKey })
  }

  #succeed(): void {
    const { upstream } = this.member
    upstream.succeed()
    if (this.key) upstream.keys.succeed(this.key)
  }

  /** How fast the upstream writes. */
  learnGap(): void {
    const { isCommitted, contentCount, progressedMs } = this.attempt
    if (!isCommitted || contentCount < gapTokensMin) return
    const { upstream } = this.member
    const gapMs = (progressedMs - this.#spokenMs) / (contentCount - 1)
    upstream.speed(modelAt(this.member, this.#race.order.target)).observeGap(upstream.load.calls + 1, gapMs)
  }

  /** The refusal of the caller's own key says nothing against the upstream, and everything to the caller. */
  #judge(fault: Fault): Fault {
    if (this.member.upstream.options.key !== 'caller') return fault
    if (fault.code === 'HF_UPSTREAM_KEY_REFUSED')
      return new Fault('HF_KEY_UNKNOWN', { detail: 'the model server does not take the key that was sent' })
    if (fault.code === 'HF_UPSTREAM_QUOTA_SPENT')
      return new Fault('HF_KEY_UNKNOWN', { detail: 'the quota of the key that was sent is used up' })
    return fault
  }
}

/** What replicas are measured by. */
function settingOf({ order: { passage }, hasBrokenCall }: Attempt, { order: { call } }: LegOrder): AttemptSetting {
  const { callsBefore, promptTokens } = passage
  const setting = { callsInHand: callsBefore, unreadTokens: promptTokens, hasTools: call.body.has('tools') }
  return hasBrokenCall ? { ...setting, isToolCallBroken: true } : setting
}

/** Milliseconds with one decimal: the clock's further ones say nothing. */
function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
