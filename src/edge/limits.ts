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
    headersMs: milliseconds(10_000, 'For the headers of a request to be complete.'),
    requestMs: milliseconds(120_000, 'For a request, body included, to be complete.'),
    idleMs: milliseconds(
      75_000,
      'How long an idle connection of a visitor is kept open; longer than the 60 s of common load balancers.',
    ),
    stalledReaderMs: milliseconds(60_000, 'How long a caller may take nothing of an answer that waits for it.'),
    drainMs: milliseconds(30_000, 'At shutdown: how long answers under way are given to finish.', { min: 0 }),
  })
  .prefault({})
  .meta({ description: 'What visitors may use.' })

export type Limits = z.output<typeof limitsSchema>
