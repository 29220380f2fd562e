/**
 * The contract of the record: an append-only log of what happened, one for all processes of a machine. Whoever reads it
 * may do so while it is written, or when the gateway is dead.
 */
import type { Fact, FactKind, SumFact } from '../observe/fact.ts'

/** A fact with its place in the record. */
export interface Entry {
  /** Grows with time; unique in the record. */
  readonly id: number
  readonly fact: Fact
}

/** All that is named must be so. */
export interface FactFilter {
  readonly kinds?: readonly FactKind[]
  readonly upstream?: string
  readonly code?: string
  /** Without calls to which nothing happened. */
  readonly isEventful?: boolean
  /** From here on, and before there; milliseconds since 1970. */
  readonly fromMs?: number
  readonly toMs?: number
}

export interface Page {
  /** Newest first. */
  readonly entries: readonly Entry[]
  /** Where the next page begins; null where there is none. */
  readonly next: number | null
}

/** Sums over all calls that were settled in a time, by what they have in common. */
export type CallCount = Omit<SumFact, 'kind' | 'atMs' | 'node' | 'ray' | 'fromMs' | 'recordedCount'>

/** Most entries that one question gives back. */
export const entriesMax = 1000

export interface RecordReader extends Disposable {
  /** All that is known of one call, in order of time. */
  byRay(ray: string): readonly Entry[]
  /** The newest, before `cursor` where there is one. */
  latest(filter: FactFilter, countMax: number, cursor?: number | null): Page
  /** The oldest, in order of time. */
  earliest(filter: FactFilter, countMax: number): readonly Entry[]
  /** The last call that failed; null where there is none. */
  lastFailure(): Entry | null
  /** The kinds of calls that were settled in a time, at most 1000. Sums are told every ten seconds, or sooner. */
  counts(fromMs: number, toMs: number): readonly CallCount[]
}
