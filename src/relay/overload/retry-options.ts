/** Settings of further attempts. */
import { count, z } from '../../ground/schema.ts'

export const retriesSchema = z
  .strictObject({
    percentMax: count(
      20,
      'Further attempts within ten seconds, as a percentage of the calls that began in that time or are under way; one after a broken connection counts as a fifth of an attempt, one after a refused connection not at all.',
      { min: 0, max: 1000 },
    ),
    perSecondMin: count(10, 'Further attempts a second that are allowed in any case.', { min: 0, max: 100_000 }),
  })
  .prefault({})
  .meta({ description: 'How much work attempts beyond the first may make, over all calls of a worker.' })

export type RetryOptions = z.output<typeof retriesSchema>
