/** A call's turn in the line of its pool: what the line has to know of it, and when its time runs out. */
import type { Fault } from '../fault/fault.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import { type InTime, type Need, whoIsInTime } from './in-time.ts'
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

type TurnParts = Pick<Relay, 'places' | 'breakers' | 'sizes' | 'clock'>

export class Turn implements LineCall {
  readonly tier: Tier
  readonly tenant: string
  readonly work: number
  readonly startByMs: number
  readonly placeKey: string
  /** As expected before the answer. */
  readonly size: CallSize
  /** Of the pool those whose answer can be in time; null for all. */
  readonly inTime: readonly PoolMember[] | null
  readonly #relay: TurnParts
  readonly #target: Target
  readonly #listener: TurnListener
  readonly #isUnknown: boolean
  #state: 'waiting' | 'come' | 'over' = 'over'
  #askedMs: number | null = null
  #waitedMs: number | null = null

  get #line(): Line {
    return this.#relay.places.lineOf(this.#target.pool)
  }

  constructor(relay: TurnParts, order: Order, target: Target, listener: TurnListener) {
    this.#relay = relay
    this.#target = target
    this.#listener = listener
    this.#isUnknown = !order.isStored && order.idempotencyKey === null
    this.tier = order.tier
    this.tenant = order.caller
    const size = (this.size = sizeOf(relay, order))
    const first = target.members[0]
    this.work = first ? relay.places.gateOf(first.upstream).workOf(size) : size.outputTokens
    const { members, startByMs } = whoCan(relay, order, target, size)
    this.inTime = members
    this.startByMs = startByMs
    const { upstreamModel } = target
    this.placeKey = members ? [upstreamModel, ...members.map(({ upstream }) => upstream.name)].join(' ') : upstreamModel
  }

  /** How long it has waited for its place. */
  get waitedMs(): number {
    if (this.#waitedMs !== null || this.#askedMs === null) return this.#waitedMs ?? 0
    return this.#relay.clock.monotonicMs() - this.#askedMs
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

  /** `isAdopted`: another node has counted its arrival. Takes a place at once, or waits for one, or is told why neither is possible. */
  take(isAdopted = false): void {
    const { demand } = this.#relay.places
    if (!isAdopted) demand?.arrived(this.#target.pool.name, this.size)
    this.#state = 'waiting'
    const fault = this.#line.offer(this)
    if (this.isWaiting) this.#askedMs = this.#relay.clock.monotonicMs()
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
    return places.hasPlace(this.inTime ?? members, isResting, this.#line.insideOf(this.placeKey))
  }

  admit(): void {
    this.#state = 'come'
    this.#waitedMs = this.waitedMs
    this.#listener.onTurnCome()
  }

  refuse(fault: Fault): void {
    this.#relay.places.demand?.refused(this.#target.pool.name)
    this.#state = 'over'
    this.#waitedMs ??= this.waitedMs
    this.#listener.onSentAway(fault)
  }
}

function whoCan({ clock, breakers }: TurnParts, order: Order, target: Target, size: CallSize): InTime<PoolMember> {
  const { firstTokenMs, wholeMs } = order.timeLimits
  const { beganMs } = order
  const totalMs = Math.min(wholeMs ?? Number.POSITIVE_INFINITY, target.pool.timeouts.totalMs)
  if (firstTokenMs === null && wholeMs === null) return { members: null, startByMs: beganMs + totalMs }
  return whoIsInTime(
    target.members,
    { beganMs, firstTokenMs, totalMs },
    {
      needOf: (member) => needAt(member, target, size),
      isOut: (member) => breakers.standing(member, target.upstreamModel).restMs > 0,
      nowMs: clock.monotonicMs(),
    },
  )
}

/** By what the server usually needs. */
function needAt(member: PoolMember, target: Target, { promptTokens, outputTokens }: CallSize): Need {
  const { upstream } = member
  const speed = upstream.speed(modelAt(member, target))
  return {
    readMs: speed.firstTokenMs(promptTokens) ?? 0,
    writeMs: outputTokens * (speed.gapMs(upstream.load.calls + 1) ?? 0),
  }
}
