/** One policy on one load: its cost against who knows the future, and what found no room. */
import { oracleReplicaHours, replay, type ReplayOrder } from '../../src/control/autoscale/replay.ts'
import type { ScalePolicy } from '../../src/control/autoscale/scale-policy.ts'

export interface Rated {
  readonly trace: string
  readonly startMin: number
  readonly policy: string
  /** Replica-hours as a multiple of the oracle's. */
  readonly multiple: number
  readonly replicaHours: number
  readonly shortShare: number
  readonly overloadShare: number
}

export interface Load {
  readonly trace: string
  readonly order: ReplayOrder
}

export function rate({ trace, order }: Load, policy: ScalePolicy): Rated {
  const { replicaHours, shortShare, overloadShare } = replay(order, policy)
  const multiple = replicaHours / oracleReplicaHours(order)
  return { trace, startMin: order.startMin, policy: policy.name, multiple, replicaHours, shortShare, overloadShare }
}

/**
 * The least multiple with at most `overloadShare` of the load above capacity, the best setting found afterwards;
 * undefined where no setting gets there.
 */
export function costAtQuality(load: Load, policies: readonly ScalePolicy[], overloadShare: number): Rated | undefined {
  const good = policies.map((policy) => rate(load, policy)).filter((rated) => rated.overloadShare <= overloadShare)
  return good.sort((a, b) => a.multiple - b.multiple)[0]
}
