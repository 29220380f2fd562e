/** What this process tells the supervisor for objectives and early warnings. */
import type { CallCounts } from '../objective/call-counts.ts'
import type { PoolSigns, Signs } from '../objective/signs.ts'
import type { Gauged } from './gauges.ts'

type Told = Pick<Gauged, 'fleet' | 'admission' | 'places' | 'pressure'>

export function signsOf({ fleet, admission, places, pressure }: Told, counts: CallCounts, shieldLevel: number): Signs {
  const waiting = new Map<string, number>()
  for (const line of places.lineFacts()) waiting.set(line.pool, (waiting.get(line.pool) ?? 0) + line.waiting)
  const pools: Record<string, PoolSigns> = {}
  for (const pool of fleet.pools.values()) {
    const share = places.saturation(pool)
    pools[pool.name] = {
      saturation: Number.isFinite(share) ? Math.min(1, share) : null,
      waiting: waiting.get(pool.name) ?? 0,
    }
  }
  const quotasLeft: Record<string, number> = {}
  for (const { name, quota } of fleet.upstreams) {
    const left = quota?.leftShare ?? null
    if (left !== null) quotasLeft[name] = left
  }
  const { heap, memory } = pressure.shares
  const { objectives, firstTokens, quotas } = counts
  return {
    objectives,
    firstTokens: { ...firstTokens },
    callsLive: admission.liveCount,
    heap,
    memory,
    pools,
    quotas,
    quotasLeft,
    shieldLevel,
  }
}
