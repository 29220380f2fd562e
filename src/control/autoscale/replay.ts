/**
 * A recorded load once more, minute by minute, against a policy: what it would have cost, and what would have found no
 * room. A minute's load is seen when it is over; replicas cost from the order on, are ready `startMin` later, and end
 * only when five minutes wished fewer. Nothing waits: load above the ready capacity counts as overload.
 */
import type { Forecast } from '../../observe/forecast/forecaster.ts'
import type { ScalePolicy } from './scale-policy.ts'
import { SteadyWish } from './steady-wish.ts'

const steadyMinutes = 5

export interface ReplayOrder {
  /** By the minute; NaN is a gap: not paid, not counted. */
  readonly loads: Float64Array
  /** First minute that counts; those before warm up. */
  readonly from: number
  readonly startMin: number
  readonly perReplica: number
  /** By the minute in which they were made, for `startMin` + 1 later. */
  readonly forecasts: readonly (Forecast | undefined)[]
}

export interface ReplayOutcome {
  readonly replicaHours: number
  /** Share of the minutes in which load was above capacity, 0 to 1. */
  readonly shortShare: number
  /** Share of the load above capacity, 0 to 1. */
  readonly overloadShare: number
  readonly overload: number
  readonly minutes: number
  /** Paid replicas, by minute from `from` on. */
  readonly replicas: Int32Array
}

export function replay(
  { loads, from, startMin, perReplica, forecasts }: ReplayOrder,
  policy: ScalePolicy,
): ReplayOutcome {
  const steady = new SteadyWish(steadyMinutes)
  const starting: number[] = []
  const replicas = new Int32Array(loads.length - from)
  let [ready, last] = [1, 0]
  let [paid, short, overload, all, minutes] = [0, 0, 0, 0, 0]
  for (let minute = 1; minute < loads.length; minute++) {
    while (starting.length > 0 && (starting[0] as number) <= minute) ready += Number(starting.shift() !== undefined)
    const seen = loads[minute - 1] as number
    if (!Number.isNaN(seen)) last = seen
    const forecast = forecasts[minute - 1]
    const wish = policy.wish({ minute, load: last, forecast, perReplica, ready, starting: starting.length })
    const keep = steady.keep(wish.replicas)
    let total = ready + starting.length
    for (; total < wish.replicas; total++) starting.push(minute + startMin)
    for (; total > keep; total--) if (starting.pop() === undefined) ready--
    const load = loads[minute] as number
    if (minute >= from) replicas[minute - from] = total
    if (Number.isNaN(load)) continue
    const over = Math.max(0, load - ready * perReplica)
    policy.saw?.(over, load)
    if (minute < from) continue
    minutes++
    paid += total
    all += load
    overload += over
    if (over > 0) short++
  }
  const shortShare = minutes > 0 ? short / minutes : 0
  return {
    replicaHours: paid / 60,
    shortShare,
    overloadShare: all > 0 ? overload / all : 0,
    overload,
    minutes,
    replicas,
  }
}

/** Replica-hours of who knows the future: always just enough, ordered just in time, never none. */
export function oracleReplicaHours({ loads, from, startMin, perReplica }: Omit<ReplayOrder, 'forecasts'>): number {
  let paid = 0
  for (let minute = from; minute < loads.length; minute++) {
    if (Number.isNaN(loads[minute])) continue
    let need = 1
    for (let ahead = 0; ahead <= startMin && minute + ahead < loads.length; ahead++) {
      const load = loads[minute + ahead] as number
      if (!Number.isNaN(load)) need = Math.max(need, Math.ceil(load / perReplica))
    }
    paid += need
  }
  return paid / 60
}

/** Load one replica shall bear, so that the 99.9 % minute of the past needs `replicas`. */
export function perReplicaOf(past: Float64Array, replicas = 20): number {
  const sorted = past.filter((load) => !Number.isNaN(load)).sort()
  if (sorted.length === 0) return 1
  const at = 0.999 * (sorted.length - 1)
  const low = sorted[Math.floor(at)] as number
  const high = sorted[Math.ceil(at)] as number
  return Math.max(Number.MIN_VALUE, low + (at % 1) * (high - low)) / replicas || 1
}
