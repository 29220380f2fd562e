/**
 * What is asked of pools that replicas join: by it replicas are started and ended. Counted once a call, when it
 * arrives; told and begun anew every second.
 */
import type { CallSize } from '../../fleet/load.ts'

export interface PoolDemand {
  requests: number
  /** As expected of the calls that arrived. */
  promptTokens: number
  outputTokens: number
  /** Calls that are at no server yet, now. */
  waiting: number
  /** Turned away for want of room. */
  refused: number
}

const none = (): PoolDemand => ({ requests: 0, promptTokens: 0, outputTokens: 0, waiting: 0, refused: 0 })

export class Demand {
  #pools: Map<string, PoolDemand>

  /** Of these pools; calls for others are not counted. */
  constructor(pools: Iterable<string>) {
    this.#pools = new Map(Array.from(pools, (name) => [name, none()]))
  }

  arrived(pool: string, { promptTokens, outputTokens }: CallSize): void {
    const counts = this.#pools.get(pool)
    if (!counts) return
    counts.requests++
    counts.promptTokens += promptTokens
    counts.outputTokens += outputTokens
  }

  refused(pool: string): void {
    const counts = this.#pools.get(pool)
    if (counts) counts.refused++
  }

  /** Since this was asked last. */
  take(waitingOf: (pool: string) => number): Record<string, PoolDemand> {
    const told: Record<string, PoolDemand> = {}
    for (const [name, counts] of this.#pools) {
      const { promptTokens, outputTokens } = counts
      const tokens = { promptTokens: Math.round(promptTokens), outputTokens: Math.round(outputTokens) }
      told[name] = { ...counts, ...tokens, waiting: waitingOf(name) }
      this.#pools.set(name, none())
    }
    return told
  }
}
