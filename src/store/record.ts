/**
 * The contract of the record: an append-only log of what happened, one for all processes of a machine. Whoever reads it
 * may do so while it is written, or when the gateway is dead.
 */
import { bytes, count, milliseconds, z } from '../ground/schema.ts'
import type { Fact, FactKind, SumFact } from '../observe/fact.ts'

const dayMs = 86_400_000

export const recordSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Take down what happens.' }),
    engine: z.enum(['memory', 'sqlite']).optional().meta({
      description:
        'Where it is kept: `sqlite` in `record.db` in the state folder; `memory` the last 10 000 facts, as long as the gateway lives. Default: as the journal.',
    }),
    keepMs: milliseconds(7 * dayMs, 'How long a fact is kept.', { min: 60_000, max: 366 * dayMs }),
    keepUneventfulMs: milliseconds(3_600_000, 'The same for calls to which nothing happened.', { max: 366 * dayMs }),
    totalBytesMax: bytes(
      512 * 2 ** 20,
      'Size of the file. When it is full, calls to which nothing happened are forgotten first, then other calls, the oldest first, then the rest.',
    ),
    uneventfulPerSecond: count(
      20,
      'Calls to which nothing happened that are kept one by one, per worker and second. All are counted.',
      { min: 0 },
    ),
    eventfulPerSecond: count(
      1000,
      'The same for calls that failed, were retried, continued, sent twice, slow or cancelled. Beyond it ten of each fault are kept.',
    ),
    slowMs: milliseconds(
      10_000,
      'A call whose first token takes so long (in one piece: the whole of it) is kept as one to which something happened.',
      { min: 1 },
    ),
    refusalWords: z.boolean().default(false).meta({
      description:
        'Keep what a model server says of a call that it refuses. It may quote the call: off, only the status is kept.',
    }),
  })
  .prefault({})
  .meta({ description: 'The record: what happened, for `holdfast tail`, `holdfast explain` and the operators’ port.' })

export type RecordOptions = z.output<typeof recordSchema>

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
  /** What happened in a time, in order of time; the newest where there is more than `countMax`. */
  around(fromMs: number, toMs: number, kinds: readonly FactKind[] | null, countMax?: number): readonly Entry[]
  /** The newest, before `cursor` where there is one. */
  latest(filter: FactFilter, countMax: number, cursor?: number | null): Page
  /** The last call that failed; null where there is none. */
  lastFailure(): Entry | null
  /** The kinds of calls that were settled in a time, at most 1000. Sums are told every ten seconds. */
  counts(fromMs: number, toMs: number): readonly CallCount[]
}
