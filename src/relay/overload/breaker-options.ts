/** The settings of circuit breakers and of the comparison among peers. */
import { count, milliseconds, z } from '../../ground/schema.ts'

export const breakerSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Take a model of an upstream out of use when its calls fail, until it has generated a token again.',
    }),
    failuresInRow: count(
      5,
      'Failures in a row after which it is out. More than half of at least 20 calls within a minute are enough as well.',
      { min: 1, max: 1000 },
    ),
    openMs: milliseconds(30_000, 'How long it is out; doubles each time that it fails again.', { min: 100 }),
    openMsMax: milliseconds(300_000, 'The longest that it is out.', { min: 100 }),
    outliers: z.boolean().default(true).meta({
      description:
        'Compare upstreams that offer the same model in the same pool and priority, every 10 seconds, and take out those that fail far more often or are far slower than the others. Never the last one.',
    }),
  })
  .prefault({})
  .meta({ description: 'When an upstream that answers, but fails its calls, is taken out of use.' })

export type BreakerOptions = z.output<typeof breakerSchema>
