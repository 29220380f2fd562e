/** What one look of the control loop saw, for whoever decides by it. */
import type { SeenReplica } from '../fleet/driver.ts'
import type { Deployments } from './deployment-options.ts'
import type { DemandTold } from './autoscale/demand.ts'
import type { Deaths } from './heal/deaths.ts'
import type { HealOptions } from './heal/heal-options.ts'

export interface ReplicaSight extends SeenReplica {
  readonly isReady: boolean
  /** It gets calls, and may. */
  readonly isServing: boolean
  readonly membership: 'out' | 'in' | 'draining'
  /** Of ours, in hand there. */
  readonly calls: number
  /** Milliseconds since 1970 when any of its answers last got on; null where none did. */
  readonly progressedMs: number | null
  /** When that was last seen to have changed, monotonic: it is right also where clocks jump. */
  readonly movedMs: number | null
  /** Why workers give it no calls now; null where they do. */
  readonly out: { readonly isHung: boolean; readonly reason: string } | null
  /** Since when its health page has not answered, monotonic; null while it does. */
  readonly silentSinceMs: number | null
  /** Monotonic. */
  readonly seenAtMs: number
  /** In a row, with monotonic times; null for none. */
  readonly deaths: Deaths | null
  /** Attempts that ended there, and those that it failed, since the control process began. */
  readonly ended: number
  readonly failed: number
  /** From its start until it was ready, milliseconds; null before, and where nobody saw it. */
  readonly readyAfterMs: number | null
}

export interface Sight {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly monotonicMs: number
  /** Those whose replicas can be seen now. */
  readonly deployments: Deployments
  readonly replicas: readonly ReplicaSight[]
  /** When the workers were last heard, monotonic; `-Infinity` for never. */
  readonly toldMs: number
  /** What was asked of a deployment's pool since the last look at it. */
  readonly takeDemand: (deployment: string) => DemandTold
  readonly heal: HealOptions
  /** Nothing is done, all is told. */
  readonly dryRun: boolean
}
