/**
 * A call's turn in the line of its pool: what the line has to know of it, and when its time runs out. Where nobody is
 * in the pool yet, it is held before it comes to the line.
 */
import { type Fault, toFault } from '../fault/fault.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import { type InTime, type Need, whoIsInTime } from './in-time.ts'
import { sizeOf } from './order-size.ts'
import type { Order } from './order.ts'
import type { HeldCall, Hold } from './overload/hold.ts'
import type { Line, LineCall } from './overload/line.ts'
import type { Tier } from './overload/tier.ts'
import type { Relay } from './relay-parts.ts'

export interface TurnListener {
  /** A place is there, to be taken at once. */
  onTurnCome(): void
  onSentAway(fault: Fault): void
}

type TurnParts = Pick<Relay, 'places' | 'breakers' | 'sizes' | 'clock' | 'fleet'>

export class Turn implements LineCall, HeldCall {
  readonly tier: Tier
  readonly tenant: string
  work = 0
  startByMs = 0
  placeKey = ''
  /** As expected before the answer. */
  readonly size: CallSize
  /** Of the pool those whose answer can be in time; null for all. */
  inTime: readonly PoolMember[] | null = null
  readonly #order: Order
  readonly #relay: TurnParts
  readonly #target: Target
  readonly #listener: TurnListener
  readonly #isUnknown: boolean
  #state: 'waiting' | 'come' | 'over' = 'over'
  #hold: Hold | null = null
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
    this.#order = order
    this.size = sizeOf(relay, order)
    this.#measure()
  }

  /** By who is there now. */
  #measure(): void {
    const [relay, order, target, size] = [this.#relay, this.#order, this.#target, this.size]
    const first = target.members[0]
    this.work = first ? relay.places.gateOf(first.upstream).workOf(size) : size.outputTokens
    const { members, startByMs } = whoCan(relay, order, target, size)
    this.inTime = members
    this.startByMs = startByMs
    const { upstreamModel } = target
    this.placeKey = members ? [upstreamModel, ...members.map(({ upstream }) => upstream.name)].join(' ') : upstreamModel
  }

  /** Nobody is there, or nobody has said yet whether it offers the model. */
  get isHeld(): boolean {
    const { pool, members } = this.#target
    return members.length === 0 && pool.holdMs !== 0 && pool.members.every(({ upstream }) => !upstream.isKnown)
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

  /**
   * Takes a place at once, or waits for one, or is told why neither is possible. `isAdopted`: another node has counted
   * its arrival.
   */
  take(isAdopted = false): void {
    const { places, clock } = this.#relay
    const { pool, members } = this.#target
    if (!isAdopted) places.demand?.arrived(pool.name, this.size)
    this.#state = 'waiting'
    if (members.length === 0 && this.isHeld) this.#hold = places.holdOf(pool)
    const fault = this.#hold ? this.#hold.add(this) : this.#line.offer(this)
    if (this.isWaiting) this.#askedMs = clock.monotonicMs()
    if (fault) this.refuse(fault)
  }

  /** It is held no more: to the line, if somebody offers the model. */
  goOn(): void {
    this.#hold = null
    try {
      if (this.#target.members.length === 0) this.#relay.fleet.resolve(this.#order.call.model)
    } catch (thrown) {
      return this.refuse(toFault(thrown))
    }
    this.#measure()
    const fault = this.#line.offer(this)
    if (fault) this.refuse(fault)
  }

  /** Its time is over while it waits. */
  expire(): void {
    if (this.#hold) this.#hold.expire(this)
    else this.#line.expire(this)
  }

  /** The call has ended. */
  leave(): void {
    if (this.#hold) this.#hold.leave(this)
    else if (this.isWaiting) this.#line.leave(this)
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
    this.#hold = null
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
