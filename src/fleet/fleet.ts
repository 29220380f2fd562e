/**
 * What exists now: upstreams in their pools, and which of them can answer for a model. Holds facts, takes no
 * decisions.
 */
import { Fault } from '../fault/fault.ts'
import type { Member, Pool } from './pool.ts'
import type { Upstream } from './upstream.ts'
import type { ModelOptions } from './model-options.ts'

/** Where calls for one model go. */
export interface Target {
  readonly pool: Pool
  /** The model's name at the upstreams. */
  readonly upstreamModel: string
  /** Upstreams of the pool that offer it, or may offer it since they have not said yet. Never empty. */
  readonly members: readonly Member[]
}

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

export class Fleet {
  readonly upstreams: readonly Upstream[]
  readonly pools: ReadonlyMap<string, Pool>
  readonly #models: ReadonlyMap<string, ModelOptions>

  constructor(
    upstreams: readonly Upstream[],
    pools: ReadonlyMap<string, Pool>,
    models: ReadonlyMap<string, ModelOptions>,
  ) {
    this.upstreams = upstreams
    this.pools = pools
    this.#models = models
  }

  /** @throws {Fault} HF_MODEL_UNKNOWN, or HF_NO_UPSTREAM while an upstream has yet to say what it offers. */
  resolve(model: string): Target {
    const alias = this.#models.get(model)
    const upstreamModel = alias?.as ?? model
    const pools = alias?.pool ? [this.pools.get(alias.pool)] : this.pools.values()
    let isAnyoneSilent = false
    for (const pool of pools) {
      if (!pool) continue
      if (isOfferedByAll(pool, upstreamModel)) return { pool, upstreamModel, members: pool.members }
      const own = pool.members.filter(({ model: other }) => other === null)
      const offering = own.filter(({ upstream }) => upstream.models.has(upstreamModel))
      const silent = own.filter(({ upstream }) => !upstream.isKnown)
      // A model that the configuration names may be sent to a server that has not listed its models.
      const members = offering.length > 0 || !alias ? offering : silent
      if (members.length > 0) return { pool, upstreamModel, members: [...members, ...fallbacksOf(pool)] }
      isAnyoneSilent ||= silent.length > 0
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

  /** Every model that can be asked for now: the configured names first, then what the upstreams say. */
  models(): ModelEntry[] {
    const offers = new Map<string, string[]>()
    for (const upstream of this.upstreams) {
      for (const id of upstream.models) offers.set(id, [...(offers.get(id) ?? []), upstream.name])
    }
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
