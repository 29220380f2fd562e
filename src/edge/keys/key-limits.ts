/** Settings of how much a key may use. */
import { z } from '../../ground/schema.ts'

const whole = z.int().min(1).max(1e12)
const money = z.number().positive().max(1e12)

export const keyLimitsSchema = z
  .strictObject({
    requestsPerMinute: whole.optional().meta({ description: 'Calls a minute; as many may come at once.' }),
    tokensPerMinute: whole.optional().meta({
      description:
        'Tokens of prompts and answers a minute. A call takes what it may come to, and gives back what it did not use.',
    }),
    callsLiveMax: z.int().min(1).max(100_000).optional().meta({ description: 'Calls under way at once.' }),
    tokensPerDay: whole.optional().meta({ description: 'Tokens a day, which begins at 00:00 UTC.' }),
    tokensPerMonth: whole.optional().meta({ description: 'Tokens a month, by UTC.' }),
    moneyPerDay: money.optional().meta({
      description:
        'What its calls may cost a day, in the unit of the prices of models; one without a price costs nothing.',
    }),
    moneyPerMonth: money.optional().meta({ description: 'The same for a month.' }),
  })
  .meta({ description: 'How much a key may use; what is left out is not limited. All workers count together.' })

export type KeyLimits = z.output<typeof keyLimitsSchema>
