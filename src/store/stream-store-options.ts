/** Settings of the store of durable streams. */
import { bytes, count, z } from '../ground/schema.ts'

export const streamStoreFields = {
  engine: z.enum(['memory', 'sqlite']).default('sqlite').meta({
    description:
      'Where streams are kept: `sqlite` survives the death of the gateway and is shared by all workers; `memory` does not, and goes with one worker only.',
  }),
  sync: z.enum(['normal', 'full']).default('normal').meta({
    description:
      'When SQLite waits for the disk. `normal`: nothing is lost when the gateway dies, the last moments may be when the power fails. `full`: nothing is lost then either, each commit waits for the disk.',
  }),
  streamBytesMax: bytes(64 * 2 ** 20, 'The largest stream; what would make it larger is refused.'),
  totalBytesMax: bytes(256 * 2 ** 20, 'Size of all streams together; when they fill it, appends are refused.'),
  streamsMax: count(100_000, 'Streams that exist at once; beyond it new ones are refused.'),
  producersMax: count(1000, 'Idempotent producers known to a stream; beyond it new ones are refused.', {
    max: 100_000,
  }),
}

export type StreamStoreOptions = z.output<z.ZodObject<typeof streamStoreFields>>
