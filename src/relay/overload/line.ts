/**
 * The line in front of a pool: calls wait here, and not inside the model servers, where nobody could choose among them.
 * Tiers in their order, with a floor for the last; within a tier tenants take turns; of a tenant the call whose time
 * runs out first. Whoever cannot be served in time is told so at once, with the time after which it makes sense to come
 * back. Decisions only: time and chance come in, and places are asked for.
 */
import { Fault } from '../../fault/fault.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { type Forecast, Forecasts } from './forecasts.ts'
import type { OverloadOptions } from './overload-options.ts'
import { serveLines } from './serve-lines.ts'
import { shedChance } from './shedding.ts'
import { Throughput } from './throughput.ts'
import { rankOf, type Tier, tiers } from './tier.ts'
import { TierQueue, type Waiting } from './tier-queue.ts'

export interface LineCall extends Waiting {
  readonly tier: Tier
  /** It is given a place: to be taken before this returns, and given back with `leavePlace`. */
  admit(): void
  refuse(fault: Fault): void
}

interface Place {
  readonly call: LineCall
  readonly sinceMs: number
  readonly forecast: Forecast | null
}

/** While calls wait, it is looked at this often whether one's time is over, or a server has come back. */
const lookMs = 100
const retryAfterMsMax = 60_000
const retryAfterMsMin = 1000
/** Told to who is sent away while nothing is known of the pace. */
const retryAfterMsUnknown = 2000
/** What is given at first is little: all places have just been taken. */
const paceKnownMs = 2000
/** They are told up to so much more, by chance: not all are to come back at once. */
const spreadShare = 0.3

export interface Neighbour {
  readonly line: Line
  /** Share of the servers of one's own pool that are also its; 1 for oneself. */
  readonly share: number
}

/** The lines of other pools, which may share servers with this one. */
export interface OtherLines {
  readonly isAnyWaiting: boolean
  /** All in which somebody waits, this one among them. */
  inTurn(): readonly Line[]
  /** Those that share servers with this one, and itself. */
  neighbours(): readonly Neighbour[]
}

export class Line {
  readonly forecasts: readonly Forecasts[] = tiers.map(() => new Forecasts())
  #clock: Clock
  #random: Random
  #options: OverloadOptions
  #queues = tiers.map(() => new TierQueue<LineCall>())
  #places = new Map<LineCall, Place>()
  /** Calls that were given a place and have not left it, by the servers that could take them. */
  #inside = new Map<string, number>()
  /** Work given a place, over the time in which calls waited: what the pool can do. */
  #served = new Throughput(paceKnownMs)
  #waitingSinceMs: number | null = null
  /** What the last tier is owed of the floor. */
  #floorCredit = 0
  #timer: Timer | null = null
  #isServing = false
  #others: OtherLines

  /** `others`: left out, there are none. */
  constructor(clock: Clock, random: Random, options: OverloadOptions, others?: OtherLines) {
    this.#others = others ?? {
      isAnyWaiting: false,
      inTurn: () => [this],
      neighbours: () => [{ line: this, share: 1 }],
    }
    this.#clock = clock
    this.#random = random
    this.#options = options
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }

  get waitingCount(): number {
    return this.#places.size
  }

  waitingOf(tier: Tier): number {
    return this.#queueOf(tier).count
  }

  /** Calls that were given a place at these servers and have not left it. */
  insideOf(placeKey: string): number {
    return this.#inside.get(placeKey) ?? 0
  }

  /** A call that was given a place needs it no more. */
  leavePlace({ placeKey }: LineCall): void {
    const count = this.insideOf(placeKey) - 1
    if (count > 0) this.#inside.set(placeKey, count)
    else this.#inside.delete(placeKey)
  }

  /** Gives the call a place at once, or lets it wait; returns why it is sent away instead. */
  offer(call: LineCall): Fault | null {
    const nowMs = this.#clock.monotonicMs()
    const rank = rankOf(call.tier)
    if (this.#isFirst(call, rank)) {
      this.#queueOf(call.tier).noteArrival(call, nowMs)
      this.#queueOf(call.tier).charge(call)
      this.#give(call, rank, nowMs)
      return null
    }
    const forecast = this.#forecast(call, rank, nowMs)
    const fault = this.#refusal(call, rank, forecast, nowMs)
    if (fault) return fault
    this.#queueOf(call.tier).noteArrival(call, nowMs)
    this.#places.set(call, { call, sinceMs: nowMs, forecast })
    this.#queueOf(call.tier).add(call)
    this.#waitingSinceMs ??= nowMs
    this.#served.run(nowMs)
    this.#timer ??= this.#clock.after(lookMs, () => this.#look())
    this.#sendAwaySurplus()
    return null
  }

  /** The call does not want to wait any more. */
  leave(call: LineCall): void {
    if (!this.#drop(call)) return
    // Those behind it move up.
    this.forecasts[rankOf(call.tier)]?.passed(call.tenant, call.work, this.#clock.monotonicMs())
    this.#rest()
  }

  /** The time of a call that waits is over. */
  expire(call: LineCall): void {
    this.#sendAway(call, 'HF_QUEUE_TIMEOUT', this.#clock.monotonicMs())
    this.#rest()
  }

  /** A place may have become free. */
  serve(): void {
    // A call that is given a place may fail at once, and free it within this very loop.
    if (this.#isServing || this.#places.size === 0) return
    this.#isServing = true
    try {
      serveLines(this.#others.inTurn())
    } finally {
      this.#isServing = false
    }
  }

  /** Tier by tier, but first the last one where the floor owes it a call. */
  next(spent: ReadonlySet<number>): { rank: number; urgency: number } | null {
    const last = tiers.length - 1
    const lowest = this.#queues[last]
    if (lowest && lowest.count > 0 && !spent.has(last) && this.#floorCredit >= lowest.work / lowest.count)
      return { rank: last, urgency: -1 }
    const rank = this.#queues.findIndex(({ count }, each) => count > 0 && !spent.has(each))
    return rank === -1 ? null : { rank, urgency: rank }
  }

  serveOne(rank: number, full: Set<string>): boolean {
    const call = this.#queues[rank]?.take(full)
    if (!call) return false
    const nowMs = this.#clock.monotonicMs()
    const place = this.#places.get(call)
    this.#places.delete(call)
    if (place?.forecast) this.forecasts[rank]?.note(place.forecast, nowMs - place.sinceMs, nowMs)
    this.#give(call, rank, nowMs)
    this.#rest()
    return true
  }

  #give(call: LineCall, rank: number, nowMs: number): void {
    this.#served.add(call.work, nowMs)
    this.forecasts[rank]?.passed(call.tenant, call.work, nowMs)
    const last = tiers.length - 1
    if (rank === last) this.#floorCredit = Math.max(0, this.#floorCredit - call.work)
    else this.#oweFloor(call.work)
    this.#inside.set(call.placeKey, this.insideOf(call.placeKey) + 1)
    call.admit()
  }

  /** For work of a higher tier the last one is owed a part, in whatever line it waits for the same servers. */
  #oweFloor(work: number): void {
    const neighbours = this.#others.neighbours()
    let waiting = 0
    for (const { line } of neighbours) if (line.waitingOf('batch') > 0) waiting++
    if (waiting === 0) return
    const owed = (work * this.#options.floorPercent) / 100 / waiting
    for (const { line, share } of neighbours) line.#owe(share * owed)
  }

  /** What the last tier cannot take, since its servers are full, is not saved up: others would wait for all of it. */
  #owe(work: number): void {
    const lowest = this.#queues[tiers.length - 1]
    if (!lowest || lowest.count === 0) return
    this.#floorCredit = Math.min(this.#floorCredit + work, Math.max(work, (2 * lowest.work) / lowest.count))
  }

  /** Whether there is a place for a call that comes now, and nobody waits who comes before it. */
  #isFirst(call: LineCall, rank: number): boolean {
    for (let each = 0; each <= rank; each++) if (this.#queues[each]?.waitsFor(call.placeKey)) return false
    if (!call.hasPlace()) return false
    if (!this.#others.isAnyWaiting) return true
    // The place may have become free just now, and be that of another pool's call.
    serveLines(this.#others.inTurn())
    return call.hasPlace()
  }

  #refusal(call: LineCall, rank: number, forecast: Forecast | null, nowMs: number): Fault | null {
    const waitMs = this.#waitMsMax(call.tier, nowMs)
    // Where nobody waits the pace is that of another time, of a server that hung, say: one has to find out.
    if (this.#places.size === 0 && this.#options.waitingMax > 0 && waitMs > 0) return null
    const leftMs = call.startByMs - nowMs
    const waited = forecast?.toldMs ?? 0
    // Of the two limits the nearer one is told of.
    if (waited > leftMs && leftMs <= waitMs) return this.#away('HF_DEADLINE_TOO_SHORT', call, rank, forecast, nowMs)
    const isFull = this.#places.size >= this.#options.waitingMax && !this.#hasLower(rank)
    if (isFull || waited > waitMs || this.#random.unit() < shedChance(call.tier, waited / Math.max(1, waitMs)))
      return this.#away('HF_OVERLOADED', call, rank, forecast, nowMs)
    return null
  }

  /** @param forecast until a call in its place would be served. */
  #away(
    code: 'HF_OVERLOADED' | 'HF_DEADLINE_TOO_SHORT' | 'HF_QUEUE_TIMEOUT',
    call: LineCall,
    rank: number,
    forecast: Forecast | null,
    nowMs: number,
  ): Fault {
    if (forecast) this.forecasts[rank]?.watch(forecast, call.tenant, this.#queueOf(call.tier).ownWork(call), nowMs)
    const etaMs = forecast?.toldMs ?? retryAfterMsUnknown
    const leastMs = Math.min(retryAfterMsMax / (1 + spreadShare), Math.max(retryAfterMsMin, etaMs))
    const detail = `about ${Math.ceil(etaMs / 1000)} s of work of this tier or a better one come before it`
    return new Fault(code, { retryAfterMs: leastMs * (1 + spreadShare * this.#random.unit()), detail })
  }

  #hasLower(rank: number): boolean {
    return this.#queues.some((queue, each) => each > rank && queue.count > 0)
  }

  /** When too many wait, one of the lowest tier goes. */
  #sendAwaySurplus(): void {
    if (this.#places.size <= this.#options.waitingMax) return
    const rank = this.#queues.findLastIndex(({ count }) => count > 0)
    const call = this.#queues[rank]?.last
    if (!call) return
    this.#sendAway(call, 'HF_OVERLOADED', this.#clock.monotonicMs())
  }

  #sendAway(call: LineCall, code: 'HF_OVERLOADED' | 'HF_QUEUE_TIMEOUT', nowMs: number): void {
    this.#drop(call)
    const rank = rankOf(call.tier)
    this.forecasts[rank]?.passed(call.tenant, call.work, nowMs) // those behind it move up
    call.refuse(this.#away(code, call, rank, this.#forecast(call, rank, nowMs), nowMs))
  }

  #drop(call: LineCall): boolean {
    const place = this.#places.get(call)
    if (!place) return false
    this.#places.delete(call)
    this.#queueOf(call.tier).remove(call)
    return true
  }

  #look(): void {
    this.#timer = null
    const nowMs = this.#clock.monotonicMs()
    for (const call of this.#places.keys())
      if (this.#isLate(call, nowMs)) this.#sendAway(call, 'HF_QUEUE_TIMEOUT', nowMs)
    this.serve()
    this.#rest()
    if (this.#places.size > 0) this.#timer ??= this.#clock.after(lookMs, () => this.#look())
  }

  #isLate(call: LineCall, nowMs: number): boolean {
    const waitedMs = nowMs - (this.#places.get(call)?.sinceMs ?? nowMs)
    return call.startByMs <= nowMs || waitedMs > this.#options.waitMs[call.tier]
  }

  /** Nobody waits: the time in which the pool was short ends. */
  #rest(): void {
    if (this.#places.size > 0) return
    this.#waitingSinceMs = null
    this.#served.pause(this.#clock.monotonicMs())
    this.#timer?.cancel()
    this.#timer = null
  }

  /**
   * Under a standing line (Nichols & Jacobson's CoDel in the form of Facebook's controlled delay): it only adds delay,
   * and a shorter one serves as many.
   */
  #waitMsMax(tier: Tier, nowMs: number): number {
    const { waitMs, standingMs, standingWaitMs } = this.#options
    const isStanding = this.#waitingSinceMs !== null && nowMs - this.#waitingSinceMs > standingMs
    return tier === 'standard' && isStanding ? Math.min(waitMs.standard, standingWaitMs) : waitMs[tier]
  }

  /**
   * Until a call that comes now is given a place; null while the pace is not known. The time T in which the pool does
   * all that comes before it, and what of that will come within T: a fixed point, found by going round a few times.
   */
  #forecast(call: LineCall, rank: number, nowMs: number): Forecast | null {
    const served = this.#served.perSecond(nowMs)
    if (served === null || served <= 0) return null
    const last = tiers.length - 1
    const floor = (served * this.#options.floorPercent) / 100
    const isFloorTaken = rank !== last && (this.#queues[last]?.count ?? 0) > 0
    const pace = isFloorTaken ? served - floor : served
    const own = this.#queueOf(call.tier)
    let waitMs = 0
    for (let round = 0; round < forecastRounds; round++) {
      const ofTier = own.workBefore(call, waitMs, nowMs)
      let before = ofTier
      for (let higher = 0; higher < rank; higher++) before += this.#queues[higher]?.workWithin(waitMs, nowMs) ?? 0
      const nextMs = (1000 * before) / pace
      waitMs = Math.min(forecastMsMax, rank === last ? Math.min(nextMs, (1000 * ofTier) / floor) : nextMs)
    }
    return this.forecasts[rank]?.correct(waitMs) ?? null
  }

  #queueOf(tier: Tier): TierQueue<LineCall> {
    return this.#queues[rankOf(tier)] as TierQueue<LineCall>
  }
}

/** Times that the forecast is refined. */
const forecastRounds = 8
const forecastMsMax = 3_600_000
