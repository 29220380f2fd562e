/** Settings of the answer cache. */
import { bytes, milliseconds, z } from '../ground/schema.ts'
import { semanticSchema } from './semantic-options.ts'

const longestMs = 31 * 86_400_000

export const cacheSchema = z
  .strictObject({
    ttlMs: milliseconds(
      600_000,
      'How long an answer serves for the same question, from the beginning of its call on; `journal.keepMaxMs` at most.',
      {
        min: 1000,
        max: longestMs,
      },
    ),
    staleIfErrorMs: milliseconds(
      3_000_000,
      'How much older it may be when no model server gives a new one; it is then marked as stale. 0: never.',
      { min: 0, max: longestMs },
    ),
    answerBytesMax: bytes(
      2 ** 20,
      'The largest answer that is kept for others. All that is kept lies in the journal, within `journal.totalBytesMax`.',
    ),
    shared: z.boolean().default(false).meta({
      description:
        'Whether keys get answers that were given to others. Default: each key has its own, so that none learns what others ask.',
    }),
    byHeader: z.boolean().default(true).meta({
      description:
        'Whether callers may ask for the cache by the header `holdfast-cache`, where their key says nothing.',
    }),
    tools: z.boolean().default(false).meta({
      description:
        'Whether calls that offer tools of the caller may be answered from the cache, calls of these tools included. Tools that run at the provider never are.',
    }),
    pace: z.int().min(0).max(10_000).default(0).meta({
      description: 'Events a second of a streamed answer from the cache. 0: all at once.',
    }),
    semantic: semanticSchema,
  })
  .prefault({})
  .meta({
    description: 'The answer cache: calls that ask the same get the same answer, where they or their keys want that.',
  })

export type CacheOptions = z.output<typeof cacheSchema>
