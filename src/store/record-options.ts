/** Settings of the record. */
import { bytes, count, milliseconds, z } from '../ground/schema.ts'

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
      'Size of the file. When it is full, calls to which nothing happened are forgotten first, then of the most frequent fault the oldest calls, then the rest.',
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
        'Keep what a model server says of a call that it refuses, here and in the log. It may quote the call: off, only the status is kept.',
    }),
  })
  .prefault({})
  .meta({ description: 'The record: what happened, for `holdfast tail`, `holdfast explain` and the operators’ port.' })

export type RecordOptions = z.output<typeof recordSchema>
