/** A call's turn in the line of its pool: what the line has to know of it, and when its time runs out. */
import type { Fault } from '../fault/fault.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Clock } from '../ground/clock.ts'
import { sizeOf } from './order-size.ts'
import type { Order } from './order.ts'
import type { Line, LineCall } from './overload/line.ts'
import type { Tier } from './overload/tier.ts'
import type { Relay } from './relay-parts.ts'

export interface TurnListener {
  /** A place is there, to be taken at once. */
  onTurnCome(): void
  onSentAway(fault: Fault): void
}

/** Answers differ in length from what was expected: so many times the expected time is kept free for one. */
const answerTimeFactor = 1.5

export class Turn implements LineCall {
  readonly tier: Tier
  readonly tenant: string
  readonly work: number
  readonly startByMs: number
  readonly placeKey: string
  /** As expected before the answer. */
  readonly size: CallSize
  readonly #relay: Pick<Relay, 'places' | 'breakers'>
  readonly #target: Target
  readonly #listener: TurnListener
  readonly #isUnknown: boolean
  #state: 'waiting' | 'come' | 'over' = 'over'

  get #line(): Line {
    return this.#relay.places.lineOf(this.#target.pool)
  }

  constructor(
    relay: Pick<Relay, 'places' | 'breakers' | 'sizes' | 'clock'>,
    order: Order,
    target: Target,
    listener: TurnListener,
  ) {
    this.#relay = relay
    this.#target = target
    this.#listener = listener
    this.#isUnknown = !order.isStored && order.idempotencyKey === null
    this.tier = order.tier
    this.tenant = order.caller
    this.placeKey = target.upstreamModel
    const size = (this.size = sizeOf(relay, order))
    const first = target.members[0]
    this.work = first ? relay.places.gateOf(first.upstream).workOf(size) : size.outputTokens
    this.startByMs = startBy(relay.clock, order, target, size)
  }

  /** It waits for a place. */
  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  /** It waits, and but for its caller nobody can know of an answer that has not begun. */
  get isForgotten(): boolean {
    return this.isWaiting && this.#isUnknown
  }

  /** It was given a place, in `take` or since. */
  get hasCome(): boolean {
    return this.#state === 'come'
  }

  /** Takes a place at once, or waits for one, or is told why neither is possible. */
  take(): void {
    this.#state = 'waiting'
    const fault = this.#line.offer(this)
    if (fault) this.refuse(fault)
  }

  /** Its time is over while it waits. */
  expire(): void {
    this.#line.expire(this)
  }

  /** The call has ended. */
  leave(): void {
    if (this.isWaiting) this.#line.leave(this)
    else if (this.hasCome) this.#line.leavePlace(this)
    this.#state = 'over'
  }

  hasPlace(): boolean {
    const { members, upstreamModel } = this.#target
    const { places, breakers } = this.#relay
    const isResting = (member: PoolMember): boolean => breakers.standing(member, upstreamModel).restMs > 0
    return places.hasPlace(members, isResting, this.#line.insideOf(this.placeKey))
  }

  admit(): void {
    this.#state = 'come'
    this.#listener.onTurnCome()
  }

  refuse(fault: Fault): void {
    this.#state = 'over'
    this.#listener.onSentAway(fault)
  }
}

/** The last moment at which it may be begun and still be in time, by what its servers usually need. */
function startBy(clock: Clock, order: Order, target: Target, size: CallSize): number {
  const { firstTokenMs, wholeMs } = order.timeLimits
  const totalMs = Math.min(wholeMs ?? Number.POSITIVE_INFINITY, target.pool.timeouts.totalMs)
  if (firstTokenMs === null && wholeMs === null) return order.beganMs + totalMs
  let readMs = 0
  let writeMs = 0
  for (const member of target.members) {
    const speed = member.upstream.speed(modelAt(member, target))
    readMs = Math.max(readMs, speed.firstTokenMs(size.promptTokens) ?? 0)
    writeMs = Math.max(writeMs, size.outputTokens * (speed.gapMs(member.upstream.load.calls + 1) ?? 0))
  }
  const byFirst = firstTokenMs === null ? Number.POSITIVE_INFINITY : order.beganMs + firstTokenMs - readMs
  const whole = order.beganMs + totalMs - answerTimeFactor * (readMs + writeMs)
  // What was never enough is tried at once, or not at all: it may be shorter than expected.
  return Math.max(Math.min(byFirst, whole), clock.monotonicMs())
}
