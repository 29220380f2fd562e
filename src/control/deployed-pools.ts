/** What deployments add to a configuration: their pools, of which the members come later, and their models. */
import type { ModelOptions } from '../fleet/model-options.ts'
import { poolSchema } from '../fleet/pool-options.ts'
import type { Deployments } from './deployment-options.ts'
import { poolsOf } from './joined-pools.ts'

type PoolOptions = ReturnType<typeof poolSchema.parse>

interface Parts {
  readonly upstreams: Readonly<Record<string, unknown>>
  readonly pools: Record<string, PoolOptions>
  readonly deployments: Deployments
  readonly models: Record<string, ModelOptions>
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
