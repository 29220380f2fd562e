/** What the workers told of replicas, kept for the looks that follow. */
import { keepOnly } from '../ground/keep-only.ts'
import type { DemandTold } from './autoscale/demand.ts'
import type { FleetReport, ReplicaTold } from './fleet-report.ts'

/** Replicas, and pools, of which something is known; more are not kept. */
const keptMax = 5000

export interface ReplicaHeard {
  calls: number
  progressedMs: number | null
  /** When that was last heard to have changed, monotonic. */
  movedMs: number | null
  /** Why workers give it no calls. */
  out: { readonly isHung: boolean; readonly reason: string } | null
  /** Attempts there that ended since it was first heard of, and those that it failed. */
  ended: number
  failed: number
}

const nothing: Readonly<ReplicaHeard> = {
  ...{ calls: 0, progressedMs: null, movedMs: null, out: null, ended: 0, failed: 0 },
}
const noDemand: DemandTold = { requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 }

export class Heard {
  /** Of the last word, monotonic: a wall clock that is set back would make a silence look like news. */
  toldMs = Number.NEGATIVE_INFINITY
  #replicas = new Map<string, ReplicaHeard>()
  #demand = new Map<string, DemandTold>()

  /** @param nowMs monotonic */
  hear({ replicas, demand, out = {} }: FleetReport, nowMs: number): void {
    this.toldMs = nowMs
    for (const heard of this.#replicas.values()) {
      heard.calls = 0
      heard.out = null
    }
    for (const name of Object.keys(replicas)) this.#hearReplica(name, replicas[name] as ReplicaTold, nowMs)
    for (const [name, why] of Object.entries(out)) {
      const heard = this.#ofNew(name)
      if (heard) heard.out = why
    }
    for (const [pool, told] of Object.entries(demand)) {
      const before = this.#demand.get(pool)
      if (before || this.#demand.size < keptMax) this.#demand.set(pool, plus(before ?? noDemand, told))
    }
  }

  of(name: string): Readonly<ReplicaHeard> {
    return this.#replicas.get(name) ?? nothing
  }

  /** What was asked of a pool since this was asked last; `waiting` as it was told last. */
  takeDemand(pool: string): DemandTold {
    const demand = this.#demand.get(pool) ?? noDemand
    this.#demand.delete(pool)
    return demand
  }

  /** Those alone are kept. */
  keep(names: ReadonlySet<string>): void {
    keepOnly(this.#replicas, names)
  }

  #ofNew(name: string): ReplicaHeard | null {
    let heard = this.#replicas.get(name)
    if (heard) return heard
    if (this.#replicas.size >= keptMax) return null
    this.#replicas.set(name, (heard = { ...nothing }))
    return heard
  }

  #hearReplica(name: string, { calls, progressedMs, tallies }: ReplicaTold, nowMs: number): void {
    const heard = this.#ofNew(name)
    if (!heard) return
    heard.calls = calls
    // Any change is progress: a clock that was set back makes it less.
    if (progressedMs !== null && progressedMs !== heard.progressedMs) {
      heard.progressedMs = progressedMs
      heard.movedMs = nowMs
    }
    for (const tally of tallies) {
      heard.ended += tally.calls
      for (const count of Object.values(tally.failures)) heard.failed += count
    }
  }
}

function plus(one: DemandTold, other: DemandTold): DemandTold {
  return {
    requests: one.requests + other.requests,
    promptTokens: one.promptTokens + other.promptTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    waiting: other.waiting,
    refused: one.refused + other.refused,
  }
}
