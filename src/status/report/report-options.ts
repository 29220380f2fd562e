/** Settings of the monthly report: what an outage costs, and what is owed to callers who were promised something. */
import { z } from '../../ground/schema.ts'

const money = (description: string) => z.number().min(0).max(1e12).default(0).meta({ description })
const share = z.number().gt(0).max(100)

export const costsSchema = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'three letters, such as EUR')
      .default('USD')
      .meta({ description: 'Of all amounts, by ISO 4217.' }),
    perMinute: money('What a minute costs in which any component has an outage, partial or major.'),
    perFailedCall: money('What a call costs that failed through no fault of its caller.'),
    perFailedPremiumCall: z.number().min(0).max(1e12).optional().meta({
      description: 'The same for calls of keys of the tier `premium`. Left out: as for others.',
    }),
  })
  .prefault({})
  .meta({
    description:
      'What outages cost, for `holdfast report`: the operator’s own figures. Left out: nothing is estimated.',
  })

export type CostOptions = z.output<typeof costsSchema>

const rungSchema = z.strictObject({
  below: share.meta({ description: 'Uptime of the month in percent, below which this is owed.' }),
  credit: share.meta({ description: 'Share of the month’s fee in percent.' }),
})

export const slaSchema = z
  .strictObject({
    target: z.number().min(50).max(99.999).default(99.9).meta({
      description: 'Uptime in percent that is promised for each component: the rest is its error budget.',
    }),
    measure: z.enum(['minutes', 'calls']).default('minutes').meta({
      description:
        'Of what uptime is a share. `minutes`: of the minutes that were watched, those without an outage; `calls`: of the calls, those that did not fail.',
    }),
    ladder: z
      .array(rungSchema)
      .max(10)
      .refine((rungs) => new Set(rungs.map(({ below }) => below)).size === rungs.length, {
        error: 'two steps with the same uptime',
      })
      .default([])
      .meta({ description: 'What is credited to keys of the tier `premium`, by their uptime. None: nothing.' }),
    fees: z
      .record(z.string().max(64), z.number().min(0).max(1e12).meta({ description: 'A month’s fee.' }))
      .default({})
      .meta({
        description: 'What a key pays a month, by its name, to turn a share into an amount.',
      }),
  })
  .prefault({})
  .meta({ description: 'What was promised to callers, for `holdfast report`.' })

export type SlaOptions = z.output<typeof slaSchema>
