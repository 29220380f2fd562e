/** What a visitor may use of us. Every one of these is a limit that holds from the first byte. */
import { bytes, count, milliseconds, z } from '../ground/schema.ts'

export const limitsSchema = z
  .strictObject({
    bodyBytesMax: bytes(64 * 2 ** 20, 'Largest body of a request.'),
    bodiesBytesMax: bytes(
      512 * 2 ** 20,
      'Bodies of all requests under way together, per worker; beyond it new ones are told to come back.',
    ),
    headerBytesMax: bytes(32 * 2 ** 10, 'All headers of a request together.'),
    connectionsMax: count(10_000, 'Open connections of visitors, per worker.'),
    callsLiveMax: count(5000, 'Calls under way at once, per worker.'),
    realtimeMax: count(500, 'WebSockets at once, of the realtime API and of applications, per worker.', { min: 0 }),
    realtimePerCallerMax: count(100, 'WebSockets at once of one key, or of one address without a key, per worker.', {
      min: 0,
    }),
    detachedMax: count(
      1000,
      'Answers that go on without a reader, per worker; beyond it those that lose theirs are cancelled.',
      {
        min: 0,
      },
    ),
    detachedMs: milliseconds(600_000, 'How long an answer may go on without a reader, unless it is to be stored.'),
    headersMs: milliseconds(10_000, 'For the headers of a request to be complete.'),
    requestMs: milliseconds(120_000, 'For a request, body included, to be complete.'),
    idleMs: milliseconds(
      75_000,
      'How long an idle connection of a visitor is kept open; longer than the 60 s of common load balancers.',
    ),
    stalledReaderMs: milliseconds(60_000, 'How long a caller may take nothing of an answer that waits for it.'),
    drainMs: milliseconds(
      30_000,
      'At shutdown: how long answers under way are given to finish. What is left then stays in the journal, and the next start goes on with it.',
      { min: 0 },
    ),
    retireMs: milliseconds(
      900_000,
      'At a restart without a gap: how long the old processes are given to finish their answers.',
      { min: 0 },
    ),
  })
  .prefault({})
  .meta({ description: 'What visitors may use.' })

export type Limits = z.output<typeof limitsSchema>
