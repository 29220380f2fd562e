/** What deployments add to a configuration: their pools, of which the members come later, and their models. */
import type { ModelOptions } from '../fleet/model-options.ts'
import { poolSchema } from '../fleet/pool-options.ts'
import type { Deployments } from './deployment-options.ts'

type PoolOptions = ReturnType<typeof poolSchema.parse>

interface Parts {
  readonly upstreams: Readonly<Record<string, unknown>>
  readonly pools: Record<string, PoolOptions>
  readonly deployments: Deployments
  readonly models: Record<string, ModelOptions>
}

/** The pools that deployments join. */
export function poolsOf(deployments: Deployments): string[] {
  return Object.entries(deployments).map(([name, { pool = name }]) => pool)
}

export interface PoolHold {
  /** A call waits so long for a replica where none is there. */
  readonly holdMs: number
  /** It may have no replicas and be well. */
  readonly mayBeEmpty: boolean
}

const holdMsMax = 120_000

/** By pool. Where nothing is started calls need not wait for it. */
export function holdsOf(deployments: Deployments, { dryRun }: { readonly dryRun: boolean }): Map<string, PoolHold> {
  const holds = new Map<string, PoolHold>()
  for (const [name, { pool = name, replicas, ready }] of Object.entries(dryRun ? {} : deployments)) {
    const before = holds.get(pool)
    const { holdMs = Math.min(holdMsMax, ready.withinMs), min } = replicas
    holds.set(pool, {
      holdMs: Math.max(holdMs, before?.holdMs ?? 0),
      mayBeEmpty: holdMs > 0 && min === 0 && (before?.mayBeEmpty ?? true),
    })
  }
  return holds
}

/** With the pools that need not be written down. */
export function withDeployed({ upstreams, pools, deployments, models }: Parts): Pick<Parts, 'pools' | 'models'> {
  const own = Object.keys(upstreams)
  const all = Object.keys(pools).length === 0 && own.length > 0 ? { all: poolSchema.parse({ upstreams: own }) } : pools
  const empty = poolSchema.parse({ upstreams: [] })
  const offers = Object.entries(deployments).flatMap(([name, { pool = name, models: offered = [] }]) =>
    offered.map((model): [string, ModelOptions] => [model, { pool }]),
  )
  return {
    pools: { ...Object.fromEntries(poolsOf(deployments).map((pool) => [pool, empty])), ...all },
    models: { ...Object.fromEntries(offers), ...models },
  }
}
