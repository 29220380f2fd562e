/** What the workers told of replicas, kept for the looks that follow. */
import type { DemandTold, FleetReport, ReplicaTold } from './fleet-report.ts'

/** Replicas, and pools, of which something is known; more are not kept. */
const keptMax = 5000

export interface ReplicaHeard {
  calls: number
  progressedMs: number | null
  /** Attempts there that ended since it was first heard of, and those that it failed. */
  ended: number
  failed: number
}

const nothing: Readonly<ReplicaHeard> = { calls: 0, progressedMs: null, ended: 0, failed: 0 }
const noDemand: DemandTold = { requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 }

export class Heard {
  /** Of the last word, by the wall clock; 0 before the first. */
  toldMs = 0
  #replicas = new Map<string, ReplicaHeard>()
  #demand = new Map<string, DemandTold>()

  hear({ replicas, demand }: FleetReport, nowMs: number): void {
    this.toldMs = nowMs
    for (const [name, heard] of this.#replicas) if (!Object.hasOwn(replicas, name)) heard.calls = 0
    for (const [name, told] of Object.entries(replicas)) this.#hearReplica(name, told)
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
    for (const name of this.#replicas.keys()) if (!names.has(name)) this.#replicas.delete(name)
  }

  #hearReplica(name: string, { calls, progressedMs, tallies }: ReplicaTold): void {
    let heard = this.#replicas.get(name)
    if (!heard) {
      if (this.#replicas.size >= keptMax) return
      this.#replicas.set(name, (heard = { ...nothing }))
    }
    heard.calls = calls
    if (progressedMs !== null) heard.progressedMs = Math.max(heard.progressedMs ?? 0, progressedMs)
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
