/** What early warnings know of pools: how full they are, and how many wait, over half an hour. */
import { keepOnly } from '../ground/keep-only.ts'
import type { Condition } from '../alert/condition.ts'
import type { PoolSigns, Signs } from './signs.ts'
import { Bins } from './warning/bins.ts'
import { conditionsOf, OncePerBin } from './warning/once-per-bin.ts'
import { queueGrowth } from './warning/queue-growth.ts'
import { saturationTrend } from './warning/saturation-trend.ts'

const binMs = 60_000
const saturationBins = 30
const queueBins = 15
const poolsMax = 1000

class Watched {
  readonly saturation = new Bins(binMs, saturationBins, 'mean')
  readonly waiting = new Bins(binMs, queueBins, 'mean')
  readonly full = new OncePerBin()
  readonly growth = new OncePerBin()
}

export class PoolWatch {
  #told = new Map<string, Signs['pools']>()
  #watched = new Map<string, Watched>()

  hear(worker: string, pools: Signs['pools']): void {
    this.#told.set(worker, pools)
  }

  forget(worker: string): void {
    this.#told.delete(worker)
  }

  look(nowMs: number): Condition[] {
    const pools = this.#together()
    keepOnly(this.#watched, pools)
    return [...pools].flatMap(([pool, { saturation, waiting }]) => {
      let watched = this.#watched.get(pool)
      if (!watched) {
        if (this.#watched.size >= poolsMax) return []
        this.#watched.set(pool, (watched = new Watched()))
      }
      if (saturation !== null) watched.saturation.add(nowMs, saturation)
      watched.waiting.add(nowMs, waiting)
      return conditionsFor(pool, watched)
    })
  }

  /** The fullest worker's share, and all that wait. */
  #together(): Map<string, PoolSigns> {
    const pools = new Map<string, PoolSigns>()
    for (const told of this.#told.values())
      for (const [name, { saturation, waiting }] of Object.entries(told)) {
        const before = pools.get(name)
        const worst = saturation === null ? null : Math.max(saturation, before?.saturation ?? 0)
        pools.set(name, { saturation: worst ?? before?.saturation ?? null, waiting: waiting + (before?.waiting ?? 0) })
      }
    return pools
  }
}

function conditionsFor(pool: string, { saturation, waiting, full, growth }: Watched): Condition[] {
  const taken = saturation.series
  const line = waiting.series
  const subject = `the pool ${pool}`
  const cure = 'Add a model server to the pool, or give batch callers the tier `batch` so that they wait first.'
  return [
    ...conditionsOf(
      full.ask(taken.x.at(-1), () => saturationTrend(taken)),
      'PoolSaturation',
      { pool },
      subject,
      cure,
    ),
    ...conditionsOf(
      growth.ask(line.x.at(-1), () => queueGrowth(line)),
      'QueueGrowth',
      { pool },
      subject,
      cure,
    ),
  ]
}
