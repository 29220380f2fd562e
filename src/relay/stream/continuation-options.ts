/** Settings of going on with broken answers. */
import { count, z } from '../../ground/schema.ts'

export const continuationSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Go on with an answer on another upstream when its own breaks off in the middle.',
    }),
    perAnswerMax: count(16, 'How often one answer may be continued.', { min: 0, max: 100 }),
    livePercentMax: count(
      1000,
      'Continuations begun within ten seconds, as a percentage of the most answers that were under way at once in that time; 20 are always allowed.',
      { min: 0, max: 10_000 },
    ),
    sameModelOnly: z.boolean().default(false).meta({
      description:
        'Strict: never continue an answer on a model of another name. A caller can ask for it with `holdfast-continue: same-model`.',
    }),
    probes: z.boolean().default(true).meta({
      description:
        'When an answer broke that an upstream of unknown kind may be able to go on with, ask that once, by a call of eight tokens, whether it can.',
    }),
    tokenIds: z.boolean().default(true).meta({
      description:
        'Ask upstreams that can tell them for the ids of tokens, so that an answer can be continued token by token.',
    }),
  })
  .prefault({})
  .meta({ description: 'Going on with broken answers.' })

export type ContinuationOptions = z.output<typeof continuationSchema>
