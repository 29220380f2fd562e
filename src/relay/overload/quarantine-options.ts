/** The settings of the quarantine for requests that kill model servers. */
import { milliseconds, z } from '../../ground/schema.ts'

export const quarantineSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description:
        'Refuse a request that two model servers died of, within 30 seconds of its sending, instead of sending it to a third.',
    }),
    keepMs: milliseconds(3_600_000, 'How long it is refused.', { min: 1000 }),
  })
  .prefault({})
  .meta({ description: 'Requests that kill model servers.' })

export type QuarantineOptions = z.output<typeof quarantineSchema>
