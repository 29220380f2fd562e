/** Settings of incidents and of the public page. Each part of it has its own settings beside its own code. */
import { z } from '../ground/schema.ts'
import { ledgerSchema } from '../store/ledger-options.ts'
import { maintenanceSchema } from './maintenance/maintenance-options.ts'
import { isTimeZone } from './maintenance/window-rule.ts'
import { costsSchema, slaSchema } from './report/report-options.ts'
import { subscriptionSchema } from './subscription/subscription-options.ts'
import { pageSchema } from './page/page-options.ts'

const componentSchema = z.strictObject({
  name: z.string().min(1).max(80).meta({ description: 'As the public knows it.' }),
  description: z.string().max(300).default('').meta({ description: 'One sentence below the name.' }),
  models: z.array(z.string()).default([]).meta({ description: 'Models, as callers name them. None: any.' }),
  routes: z
    .array(z.string())
    .default([])
    .meta({ description: 'Routes, such as `chat`, `messages`, `embeddings`. None: any.' }),
  tiers: z.array(z.string()).default([]).meta({ description: 'Tiers of callers, such as `premium`. None: any.' }),
  site: z.array(z.string().startsWith('/')).max(100).default([]).meta({
    description:
      'Paths of `web.routes`: then it is of visits of these, and of no calls. Those answered with 500 or more count as failed.',
  }),
})

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

export const statusSchema = z
  .strictObject({
    incidents: z.boolean().default(true).meta({
      description: 'Open, update and resolve incidents by what calls meet.',
    }),
    name: z.string().min(1).max(80).default('AI gateway').meta({ description: 'Whose page it is.' }),
    url: z.string().max(500).overwrite(withoutSlash).default('').meta({
      description: 'Where the public finds the page, such as `https://status.example.org`; for links to it.',
    }),
    timeZone: z
      .string()
      .refine(isTimeZone, 'a time zone such as Europe/Berlin')
      .default('UTC')
      .meta({ description: 'For times in texts, such as `Europe/Berlin`.' }),
    components: z.array(componentSchema).max(100).default([]).meta({
      description: 'What the public knows by name. None: one for each model that was called.',
    }),
    maintenance: maintenanceSchema,
    ledger: ledgerSchema,
    costs: costsSchema,
    sla: slaSchema,
    page: pageSchema,
    subscriptions: subscriptionSchema,
  })
  .refine(({ url, subscriptions }) => url !== '' || subscriptions.mail === undefined, {
    path: ['url'],
    error: 'is needed for links in the mail to subscribers',
  })
  .prefault({})
  .meta({ description: 'Incidents and the public status page.' })

export type StatusOptions = z.output<typeof statusSchema>
