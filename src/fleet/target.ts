/** Where calls for one model go. */
import type { Member, Pool } from './pool.ts'

export interface Target {
  readonly pool: Pool
  /** The model's name at the upstreams. */
  readonly upstreamModel: string
  /** Upstreams of the pool that offer it, or may offer it since they have not said yet. Never empty. */
  readonly members: readonly Member[]
}
