/** Settings of calls that are sent twice. */
import { z } from '../../ground/schema.ts'

export const hedgingSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description:
        'Send a call whose first token is late, later than 95 of 100 like it, to a second upstream as well, or one that is not streamed and takes twice as long; who speaks first gives the answer, the other is cancelled. Only to upstreams without a key of their own, unless they say `hedge: true`.',
    }),
    percentMax: z
      .number()
      .min(0)
      .max(100)
      .default(2)
      .meta({ description: 'Calls that may be sent twice, as a percentage of all.' }),
  })
  .prefault({})
  .meta({ description: 'Sending late calls twice.' })

export type HedgingOptions = z.output<typeof hedgingSchema>
