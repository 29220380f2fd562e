/** Settings of the ledger. */
import { bytes, count, z } from '../ground/schema.ts'

export const ledgerSchema = z
  .strictObject({
    keepDays: count(400, 'How long it is kept.', { min: 31, max: 3660 }),
    minutesDays: count(90, 'After so many days only the sums of each day are kept, and the minutes with an outage.', {
      min: 1,
      max: 400,
    }),
    totalBytesMax: bytes(
      256 * 2 ** 20,
      'Size of the file. When it is full, the oldest days are added up earlier, then forgotten.',
    ),
  })
  .prefault({})
  .meta({ description: 'The ledger: minute by minute how each component did, for bars of days, uptime and reports.' })

export type LedgerOptions = z.output<typeof ledgerSchema>
