/** What one worker tells of replicas, and of what is asked of their pools, since it told last; plain JSON. */
import type { TallyCounts } from './deploy/replica-tally.ts'
import type { SampledCall } from './deploy/shadow-sample.ts'
import type { DemandTold } from './autoscale/demand.ts'

export interface ReplicaReport {
  /** In hand now. */
  readonly calls: number
  /** Milliseconds since 1970 when any of its answers last got on; null where none ever did. */
  readonly progressedMs: number | null
  /** Null where no attempt there has ended. */
  readonly tally: TallyCounts | null
}

export interface ReplicasWord {
  /** By name; those alone that have something in hand, or of which something is new. */
  readonly replicas: Readonly<Record<string, ReplicaReport>>
  /** By pool: all that replicas join. */
  readonly demand: Readonly<Record<string, DemandTold>>
  /** Real calls for the gate of a release, by the replica that answered. Left out where there are none. */
  readonly samples?: Readonly<Record<string, SampledCall>>
}
