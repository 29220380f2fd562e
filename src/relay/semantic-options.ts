/** Settings of the semantic part of the answer cache. */
import { milliseconds, z } from '../ground/schema.ts'

export const semanticSchema = z
  .strictObject({
    model: z.string().min(1).max(256).meta({
      description: 'The model that turns questions into vectors (`/v1/embeddings`), as callers would name it.',
    }),
    threshold: z.number().min(0.5).max(1).default(0.95).meta({
      description:
        'How near two questions must be, as the cosine of their vectors. Models differ: some give 0.7 to what has nothing in common. The default rather misses than errs; measure before you lower it.',
    }),
    waitMs: milliseconds(
      250,
      'How long a call waits for the vector of its question. What comes later is a miss, and is not waited for.',
      { min: 1, max: 10_000 },
    ),
    temperatureMax: z.number().min(0).max(2).default(1).meta({
      description: 'Calls with a higher `temperature` are only answered exactly. Where a call says none, it is 1.',
    }),
    lengthMax: z.int().min(1).max(20_000).default(1000).meta({
      description:
        'Longer questions, in characters, are only answered exactly: many embedding models read no more than some hundred tokens, and see no difference behind them.',
    }),
    perScopeMax: z.int().min(1).max(2000).default(1000).meta({
      description: 'Questions of one context that are compared; the newest.',
    }),
    questionsMax: z.int().min(1).max(10_000_000).default(100_000).meta({
      description: 'Questions kept, of all contexts; the oldest make room. One takes 1.5 to 6 KiB on the disk.',
    }),
  })
  .optional()
  .meta({
    description:
      'Answers to questions of the same meaning, for calls and keys that ask for `semantic`. Left out: only the same question gets the same answer.',
  })

export type SemanticOptions = NonNullable<z.output<typeof semanticSchema>>
