/** Policies side by side on one recorded load, by what they cost and what they let through; and which to choose. */
import { oracleReplicaHours, replay, type ReplayOrder } from './replay.ts'
import type { Prices } from './risk.ts'
import type { ScalePolicy } from './scale-policy.ts'

export interface PolicyOutcome {
  readonly policy: string
  readonly replicaHours: number
  /** Of who knows the future. */
  readonly multiple: number
  /** Paid, on the mean of the minutes. */
  readonly replicasMean: number
  readonly replicasMax: number
  readonly shortShare: number
  readonly overloadShare: number
  readonly overload: number
  /** By the prices, of all that was replayed; null without prices. */
  readonly price: number | null
  readonly replicas: Int32Array
}

export function comparePolicies(
  order: ReplayOrder,
  policies: readonly ScalePolicy[],
  prices: Prices | null,
): PolicyOutcome[] {
  const oracle = oracleReplicaHours(order)
  return policies.map((policy) => {
    const { replicaHours, shortShare, overloadShare, overload, minutes, replicas } = replay(order, policy)
    return {
      policy: policy.name,
      replicaHours,
      multiple: oracle > 0 ? replicaHours / oracle : 0,
      replicasMean: minutes > 0 ? (60 * replicaHours) / minutes : 0,
      replicasMax: replicas.reduce((a, b) => Math.max(a, b), 0),
      shortShare,
      overloadShare,
      overload,
      price: prices && replicaHours * prices.replicaHour + overload * prices.lostRequest,
      replicas,
    }
  })
}

/** By the price; without prices, the cheapest within the overload allowed, else the one that lets least through. */
export function choosePolicy(outcomes: readonly PolicyOutcome[], overloadMax: number): PolicyOutcome | undefined {
  const by = (rank: (outcome: PolicyOutcome) => number, from = outcomes): PolicyOutcome | undefined =>
    from.toSorted((a, b) => rank(a) - rank(b))[0]
  if (outcomes.every(({ price }) => price !== null)) return by(({ price }) => price ?? 0)
  const good = outcomes.filter(({ overloadShare }) => overloadShare <= overloadMax)
  return by(({ replicaHours }) => replicaHours, good) ?? by(({ overloadShare }) => overloadShare)
}
