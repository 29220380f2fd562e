/**
 * What exists now: upstreams in their pools, and which of them can answer for a model. Holds facts, takes no
 * decisions.
 */
import { Fault } from '../fault/fault.ts'
import { type Closed, Closure } from './closure.ts'
import type { Member, Pool } from './pool.ts'
import { LiveTarget, type MemberSource, type Target } from './target.ts'
import type { Upstream } from './upstream.ts'
import type { ModelOptions } from './model-options.ts'

export type { Target } from './target.ts'

export interface ModelEntry {
  readonly id: string
  /** Names of the upstreams that offer it now. */
  readonly upstreams: readonly string[]
}

/** The model's name at one of the target's upstreams. */
export function modelAt(member: Member, { upstreamModel }: Target): string {
  return member.model ?? upstreamModel
}

/** The usual pool, for which no list of its own need be made for each call. */
function isOfferedByAll({ members }: Pool, upstreamModel: string): boolean {
  for (const { upstream, model } of members) if (model !== null || !upstream.models.has(upstreamModel)) return false
  return members.length > 0
}

/** Those that answer with another model than the one asked for. */
function fallbacksOf({ members }: Pool): Member[] {
  return members.filter(({ upstream, model }) => model !== null && (upstream.models.has(model) || !upstream.isKnown))
}

/** A call is held for it where nobody is there. */
function isHolding({ holdMs }: Pool): boolean {
  return holdMs !== undefined && holdMs > 0
}

/** Where a newcomer stands. */
export interface Standing {
  readonly pool: string
  /** Default: 1. Above 0. */
  readonly weight?: number
  /** Default: null. */
  readonly cohort?: string | null
  /** Default: 0. */
  readonly priority?: number
}

/** Who must follow when members come and go. */
export interface FleetFollower {
  onJoined(upstream: Upstream): void
  /** It gets no new calls; what it has in hand is to go on elsewhere from `moveAfterMs` on; null for never. */
  onDraining(upstream: Upstream, moveAfterMs: number | null): void
  /** It is no more: everything that is kept of it is to be forgotten. */
  /** @param wasDraining it went as told; otherwise it died, or is given up */
  onLeft(upstream: Upstream, wasDraining: boolean): void
}

export class Fleet implements MemberSource {
  /** All that are there, those among them that are to go; with each change another list. */
  upstreams: readonly Upstream[]
  readonly pools: ReadonlyMap<string, Pool>
  version = 0
  readonly #models: ReadonlyMap<string, ModelOptions>
  #closure: Closure | null = null
  #closed: Closed = { upstreams: new Map(), models: new Map() }
  #followers: FleetFollower[] = []
  /** Models that the last replica of a pool offered which is empty now, by pool. */
  #lastOffers = new Map<string, ReadonlySet<string>>()

  constructor(
    upstreams: readonly Upstream[],
    pools: ReadonlyMap<string, Pool>,
    models: ReadonlyMap<string, ModelOptions>,
  ) {
    this.upstreams = upstreams
    this.pools = pools
    this.#models = models
    for (const upstream of upstreams) upstream.onKnown = () => void this.version++
  }

  /** From now on it is told of all that come and go. */
  follow(follower: FleetFollower): void {
    this.#followers.push(follower)
  }

  /**
   * A server gets calls from now on. @throws {RangeError} when its name is taken, or there is no such pool.
   */
  join(upstream: Upstream, { pool: poolName, weight = 1, cohort = null, priority = 0 }: Standing): void {
    const pool = this.pools.get(poolName)
    if (!pool) throw new RangeError(`there is no pool named ${poolName}`)
    if (this.find(upstream.name)) throw new RangeError(`there is an upstream named ${upstream.name} already`)
    this.upstreams = [...this.upstreams, upstream]
    pool.members = [...pool.members, { upstream, model: null, weight, cohort, priority }]
    upstream.closedUntilMs = this.#closed.upstreams.get(upstream.name) ?? 0
    upstream.onKnown = () => void this.version++
    this.version++
    for (const follower of this.#followers) follower.onJoined(upstream)
  }

  /** Its share of the calls from now on, in every pool that it is in. */
  weigh(name: string, weight: number, cohort: string | null = null): void {
    for (const { members } of this.pools.values())
      for (const member of members) if (member.upstream.name === name) Object.assign(member, { weight, cohort })
  }

  /** It stands elsewhere from now on: in another pool, or with another priority. What it has in hand goes on. */
  move(name: string, { pool: poolName, weight = 1, cohort = null, priority = 0 }: Standing): void {
    const [upstream, pool] = [this.find(name), this.pools.get(poolName)]
    if (!upstream || upstream.isDraining || !pool) return
    this.#removeMember(upstream)
    pool.members = [...pool.members, { upstream, model: null, weight, cohort, priority }]
  }

  /** It gets no new calls. False when there is none of that name, or it drains already. */
  drain(name: string, moveAfterMs: number | null): boolean {
    const upstream = this.find(name)
    if (!upstream || upstream.isDraining) return false
    upstream.isDraining = true
    this.#removeMember(upstream)
    for (const follower of this.#followers) follower.onDraining(upstream, moveAfterMs)
    return true
  }

  /** One that was to go stays after all. False when there is none that drains. */
  restore(name: string, { pool: poolName, weight = 1, cohort = null, priority = 0 }: Standing): boolean {
    const [upstream, pool] = [this.find(name), this.pools.get(poolName)]
    if (!upstream?.isDraining || !pool) return false
    upstream.isDraining = false
    pool.members = [...pool.members, { upstream, model: null, weight, cohort, priority }]
    this.version++
    return true
  }

  /** They are about to leave, all of them: what one has in hand is not to go on at the next. */
  retire(names: readonly string[]): void {
    for (const name of names) {
      const upstream = this.find(name)
      if (upstream) this.#removeMember(upstream)
    }
  }

  /** It goes; what it still has in hand breaks off, and goes on elsewhere. False when there is none of that name. */
  leave(name: string): boolean {
    const upstream = this.find(name)
    if (!upstream) return false
    const wasDraining = upstream.isDraining
    upstream.isDraining = upstream.hasLeft = true
    this.#removeMember(upstream)
    this.upstreams = this.upstreams.filter((each) => each !== upstream)
    for (const follower of this.#followers) follower.onLeft(upstream, wasDraining)
    return true
  }

  find(name: string): Upstream | null {
    return this.upstreams.find((each) => each.name === name) ?? null
  }

  #removeMember(upstream: Upstream): void {
    for (const pool of this.pools.values()) {
      if (!pool.members.some((member) => member.upstream === upstream)) continue
      pool.members = pool.members.filter((member) => member.upstream !== upstream)
      if (isHolding(pool) && pool.members.length === 0 && upstream.isKnown)
        this.#lastOffers.set(pool.name, upstream.models)
    }
    this.version++
  }

  /** What is under planned maintenance from now on, in place of what was; `nowMs` tells the time. */
  close({ upstreams, models }: Closed, nowMs: () => number): void {
    this.#closed = { upstreams, models }
    for (const upstream of this.upstreams) upstream.closedUntilMs = upstreams.get(upstream.name) ?? 0
    this.#closure = upstreams.size + models.size === 0 ? null : new Closure(models, nowMs)
  }

  /**
   * Where a call for this model goes. `isUnderWay`: the answer has begun, and maintenance does not end it.
   * @throws {Fault} HF_MODEL_UNKNOWN, HF_NO_UPSTREAM while an upstream has yet to say what it offers, HF_MAINTENANCE.
   */
  resolve(model: string, isUnderWay = false): Target {
    const closure = isUnderWay ? null : this.#closure
    if (closure === null) return this.#find(model)
    closure.need(model)
    try {
      return closure.open(this.#find(model))
    } catch (thrown) {
      // One that was not up when we started cannot say what it offers, nor will it before its maintenance is over.
      if (thrown instanceof Fault && thrown.code === 'HF_NO_UPSTREAM') closure.needAny(this.#silent(model))
      throw thrown
    }
  }

  /**
   * As `resolve`. Where nobody is there yet, but a replica may be started, a target that has no members yet: the call
   * is to be held.
   */
  expect(model: string, isUnderWay = false): Target {
    try {
      return this.resolve(model, isUnderWay)
    } catch (thrown) {
      const isNobodyThere = thrown instanceof Fault && thrown.code === 'HF_NO_UPSTREAM'
      const pool = isNobodyThere ? this.holdingPool(model) : null
      if (pool === null) throw thrown
      const alias = this.#models.get(model)
      return new LiveTarget(this, { pool, upstreamModel: alias?.as ?? model, members: [] }, alias !== undefined)
    }
  }

  /** The pool that would hold a call for this model now, since nobody who offers it is there yet; null for none. */
  holdingPool(model: string): Pool | null {
    const alias = this.#models.get(model)
    const upstreamModel = alias?.as ?? model
    for (const pool of this.pools.values()) {
      if (!isHolding(pool) || (alias?.pool !== undefined && alias.pool !== pool.name)) continue
      const isEmpty = pool.members.length === 0
      if (!isEmpty && pool.members.every(({ upstream }) => upstream.isKnown)) continue
      // What nobody has said yet may be offered.
      if (alias || !isEmpty || this.#mayOffer(pool, upstreamModel)) return pool
    }
    return null
  }

  /** Replicas will come to these pools alone: calls for others are held no more. */
  expectOnly(pools: readonly string[]): void {
    for (const pool of this.pools.values())
      if (pool.holdMs !== undefined && !pools.includes(pool.name)) Object.assign(pool, { holdMs: 0, mayBeEmpty: false })
  }

  /** Name of the pool that calls for this model go to now; null where nobody offers it. */
  poolOf(model: string): string | null {
    const alias = this.#models.get(model)
    if (alias?.pool) return alias.pool
    for (const pool of this.pools.values())
      if (this.membersOf(pool, alias?.as ?? model, alias !== undefined).length > 0) return pool.name
    return this.holdingPool(model)?.name ?? null
  }

  /** Some pool has no members and is well: who comes is waited for. */
  get isAsleep(): boolean {
    for (const { mayBeEmpty, members } of this.pools.values()) if (mayBeEmpty && members.length === 0) return true
    return false
  }

  /** Whether the configuration names it, or an upstream offers it, whether it can be had now or not. */
  knows(model: string): boolean {
    if (this.#models.has(model) || this.upstreams.some(({ models }) => models.has(model))) return true
    return [...this.#lastOffers.values()].some((models) => models.has(model))
  }

  #silent(model: string): Upstream[] {
    const pool = this.#models.get(model)?.pool
    const pools = [...this.pools.values()].filter(({ name }) => pool === undefined || name === pool)
    return pools.flatMap(({ members }) => members.map(({ upstream }) => upstream).filter(({ isKnown }) => !isKnown))
  }

  #find(model: string): Target {
    const alias = this.#models.get(model)
    const upstreamModel = alias?.as ?? model
    const pools = alias?.pool ? [this.pools.get(alias.pool)] : this.pools.values()
    let isAnyoneSilent = false
    for (const pool of pools) {
      if (!pool) continue
      const members = this.membersOf(pool, upstreamModel, alias !== undefined)
      if (members.length > 0) return new LiveTarget(this, { pool, upstreamModel, members }, alias !== undefined)
      // Of one without members those that will join have yet to say.
      isAnyoneSilent ||=
        pool.members.length === 0
          ? this.#mayOffer(pool, upstreamModel)
          : pool.members.some(({ upstream, model: other }) => other === null && !upstream.isKnown)
    }
    if (alias)
      throw new Fault('HF_NO_UPSTREAM', {
        detail: `no upstream of the pool offers ${upstreamModel}`,
        retryAfterMs: 5000,
      })
    if (isAnyoneSilent)
      throw new Fault('HF_NO_UPSTREAM', {
        detail: 'an upstream that may offer this model has not come up yet',
        retryAfterMs: 5000,
      })
    throw new Fault('HF_MODEL_UNKNOWN', { param: 'model', detail: this.#offer() })
  }

  /** Whether those that will join an empty pool may do so: as those before did, if there were any. */
  #mayOffer({ name }: Pool, upstreamModel: string): boolean {
    return this.#lastOffers.get(name)?.has(upstreamModel) ?? true
  }

  membersOf(pool: Pool, upstreamModel: string, isNamed: boolean): readonly Member[] {
    if (isOfferedByAll(pool, upstreamModel)) return pool.members
    const own = pool.members.filter(({ model: other }) => other === null)
    const offering = own.filter(({ upstream }) => upstream.models.has(upstreamModel))
    // A model that the configuration names may be sent to a server that has not listed its models.
    const members = offering.length > 0 || !isNamed ? offering : own.filter(({ upstream }) => !upstream.isKnown)
    return members.length > 0 ? [...members, ...fallbacksOf(pool)] : []
  }

  /** Every model that can be asked for now: the configured names first, then what the upstreams say. */
  models(): ModelEntry[] {
    const offers = new Map<string, string[]>()
    for (const upstream of this.upstreams) {
      for (const id of upstream.models) offers.set(id, [...(offers.get(id) ?? []), upstream.name])
    }
    for (const [pool, models] of this.#lastOffers)
      if (this.pools.get(pool)?.members.length === 0) for (const id of models) if (!offers.has(id)) offers.set(id, [])
    const configured = [...this.#models].map(([id, { as }]) => ({ id, upstreams: offers.get(as ?? id) ?? [] }))
    const others = [...offers].filter(([id]) => !this.#models.has(id)).map(([id, upstreams]) => ({ id, upstreams }))
    return [...configured, ...others]
  }

  #offer(): string {
    const names = this.models().map(({ id }) => id)
    if (names.length === 0) return 'no upstream offers any model yet'
    const shown = names.slice(0, 10).join(', ')
    return `offered are ${shown}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
  }
}
