/** Settings of the journal. */
import { bytes, milliseconds, z } from '../ground/schema.ts'

export const journalSchema = z
  .strictObject({
    engine: z.enum(['memory', 'sqlite']).default('sqlite').meta({
      description:
        'Where answers are kept: `sqlite` survives the death of the gateway and is shared by all workers; `memory` does not, and each worker has its own.',
    }),
    sync: z.enum(['normal', 'full']).default('normal').meta({
      description:
        'When SQLite waits for the disk. `normal`: nothing is lost when the gateway dies, the last moments may be when the power fails. `full`: nothing is lost then either, each commit waits for the disk.',
    }),
    delivery: z.enum(['ahead', 'behind']).default('ahead').meta({
      description:
        '`ahead`: an event goes to its readers once it is kept. `behind`: at once, and it is kept a moment later; when the gateway dies in that moment, its successor does not know what was read last, and says it again or otherwise.',
    }),
    commitWindowMs: milliseconds(
      2,
      'Events that arrive within this time are committed together; the first after a pause goes at once. Where several processes write one journal it is that many times as long, up to four times.',
      { min: 0, max: 1000 },
    ),
    leaseMs: milliseconds(
      2500,
      'A node that has not shown a sign of life for this long has lost its answers: another goes on with them.',
      { min: 200, max: 60_000 },
    ),
    keepMs: milliseconds(3_600_000, 'How long an answer is kept after it ended.', { min: 0 }),
    keepReadMs: milliseconds(600_000, 'How long an ended answer is kept after it was last read.', { min: 0 }),
    keepMaxMs: milliseconds(
      86_400_000,
      'No answer is kept longer than this after it began. Those that the caller asked to store are kept so long.',
      { min: 0, max: 31 * 86_400_000 },
    ),
    requestBytesMax: bytes(
      2 ** 20,
      'The largest request that is kept while its answer is under way, so that another node can go on with it. Larger ones are answered too, but do not survive the death of the gateway.',
    ),
    answerBytesMax: bytes(64 * 2 ** 20, 'The largest answer; a larger one is refused.'),
    totalBytesMax: bytes(
      256 * 2 ** 20,
      'Size of all answers kept. Ended ones make room, oldest first; when live ones alone fill it, new work is refused.',
    ),
  })
  .prefault({})
  .meta({ description: 'The journal of answers.' })

export type JournalOptions = z.output<typeof journalSchema>
