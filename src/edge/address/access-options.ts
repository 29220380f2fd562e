/** Settings of who may come, by address. */
import { z } from '../../ground/schema.ts'
import { readNetwork } from './address-list.ts'

const networksSchema = z
  .array(z.string().refine((text) => readNetwork(text) !== null, 'a network like 10.0.0.0/8, or one address'))
  .max(10_000)

export const accessSchema = z
  .strictObject({
    allow: networksSchema.default([]).meta({
      description: 'Networks that may ask, e.g. `10.0.0.0/8`. Without any: all that are not denied.',
    }),
    deny: networksSchema.default([]).meta({ description: 'Networks that may not; they win over `allow`.' }),
    trustedProxies: networksSchema.default([]).meta({
      description:
        'Networks of proxies and load balancers whose word on a visitor’s address counts: `forwarded`, else `x-forwarded-for`, and the PROXY protocol.',
    }),
  })
  .prefault({})
  .meta({ description: 'Who may come to the listeners, by address.' })

export type AccessOptions = z.output<typeof accessSchema>
