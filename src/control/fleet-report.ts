/** What the workers tell of replicas and of what is asked for, gathered by the supervisor once a second; plain JSON. */
import type { DemandTold, Trouble } from './autoscale/demand.ts'
import type { TallyCounts } from './deploy/replica-tally.ts'

export interface ReplicaTold {
  /** In hand now, at all workers. */
  readonly calls: number
  /** Milliseconds since 1970 when any of its answers last got on; null where none ever did. */
  readonly progressedMs: number | null
  /** One of each worker at which an attempt there has ended since the last word. */
  readonly tallies: readonly TallyCounts[]
}

export interface FleetReport {
  /** By name; those alone that have something in hand, or of which something is new. */
  readonly replicas: Readonly<Record<string, ReplicaTold>>
  /** Replicas to which a worker gives no calls, by name: silent on all answers, or out for what it answered. */
  readonly out?: Readonly<Record<string, { readonly isHung: boolean; readonly reason: string }>>
  /** By pool. */
  readonly demand: Readonly<Record<string, DemandTold>>
  /** By deployment; left out: all is as usual. */
  readonly troubles?: Readonly<Record<string, Trouble>>
  /** Deployments that are under planned maintenance now. Left out: none is. */
  readonly windows?: readonly string[]
}
