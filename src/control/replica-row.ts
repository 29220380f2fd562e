/** One replica as operators see it. */
import type { SeenReplica } from '../fleet/driver.ts'
import type { KnownReplica } from './known-replica.ts'

/**
 * `starting`: it runs, and is not ready yet; `serving`: it gets calls; `resting`: it died, and is started again after a
 * while; `dead`: it ended, and is about to be started or forgotten.
 */
export type ReplicaRowState = 'starting' | 'ready' | 'serving' | 'draining' | 'stopping' | 'resting' | 'dead'

export interface ReplicaRow {
  readonly name: string
  readonly deployment: string
  readonly release: string
  readonly state: ReplicaRowState
  readonly url: string | null
  readonly host: string
  readonly ageMs: number
  readonly calls: number
  readonly memoryBytes: number | null
  /** In a row. */
  readonly deaths: number
  /** Until it is started again; 0 where that is not awaited. */
  readonly restMs: number
  /** Of its last end. */
  readonly lastWords: string
}

export interface RowFacts {
  readonly calls: number
  readonly nowMs: number
  readonly monotonicMs: number
}

export function rowOf(seen: SeenReplica, known: KnownReplica, { calls, nowMs, monotonicMs }: RowFacts): ReplicaRow {
  const { name, deployment, release, url, host, memoryBytes, startedMs } = seen
  const restMs = seen.phase === 'gone' ? Math.max(0, known.restUntilMs - monotonicMs) : 0
  const ageMs = Math.max(0, nowMs - startedMs)
  const { deaths, lastWords } = known
  const state = stateOf(seen, known, restMs)
  return { name, deployment, release, state, url, host, ageMs, calls, memoryBytes, deaths, restMs, lastWords }
}

/** Of one of which its driver knows nothing. */
export function restingRow(
  named: Pick<SeenReplica, 'name' | 'deployment' | 'release'>,
  known: KnownReplica,
  times: Omit<RowFacts, 'calls'>,
): ReplicaRow {
  const nothing = { url: null, host: '', memoryBytes: null, exit: null }
  return rowOf({ ...named, ...nothing, phase: 'gone', startedMs: times.nowMs }, known, { calls: 0, ...times })
}

function stateOf({ phase }: SeenReplica, { membership, isReady }: KnownReplica, restMs: number): ReplicaRowState {
  if (phase === 'gone') return restMs > 0 ? 'resting' : 'dead'
  if (phase === 'stopping') return 'stopping'
  if (membership === 'draining') return 'draining'
  if (!isReady) return 'starting'
  return membership === 'in' ? 'serving' : 'ready'
}
