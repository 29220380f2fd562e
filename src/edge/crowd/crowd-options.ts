/** Settings of what visitors without a good key may do, by address and by network. */
import { count, milliseconds, z } from '../../ground/schema.ts'
import { readNetwork } from '../address/address-list.ts'

const at = { max: 1_000_000 }

const addressSchema = z
  .strictObject({
    connectionsMax: count(256, 'Open connections.', at),
    requestsPerSecond: count(50, 'Requests without a good key.', at),
    requestsBurst: count(200, 'So many of them may come at once.', at),
  })
  .prefault({})
  .meta({ description: 'Of one address; of IPv6 a /64 counts as one.' })

const networkSchema = z
  .strictObject({
    connectionsMax: count(2048, 'Open connections.', at),
    requestsPerSecond: count(500, 'Requests without a good key.', at),
    requestsBurst: count(2000, 'So many of them may come at once.', at),
  })
  .prefault({})
  .meta({ description: 'Of one network: a /24 of IPv4, a /48 of IPv6.' })

const shieldSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Whether the limits tighten by themselves under attack.' }),
    beginPerSecond: count(
      300,
      'Requests and connections a second that are turned away, per worker, for want of a key or for these limits: from here it is an attack.',
      at,
    ),
    easeMs: milliseconds(30_000, 'How long it must be calm before they loosen by one step.'),
  })
  .prefault({})
  .meta({ description: 'Under attack each step divides the rates of requests by five, up to three times.' })

const challengeSchema = z
  .strictObject({
    when: z.enum(['never', 'shield', 'always']).default('shield').meta({
      description:
        '`shield`: of visitors who are met by the shield, from `fromLevel` on. `always`: of every visitor from an address that is not exempt. `never`: of nobody.',
    }),
    fromLevel: count(2, 'Level of the shield, 1 to 3, from which visitors are asked for it.', { min: 1, max: 3 }),
    passMs: milliseconds(86_400_000, 'How long a browser that has done it is let through without another.', {
      min: 60_000,
      max: 7 * 86_400_000,
    }),
  })
  .prefault({})
  .meta({
    description:
      'A proof of work, done by a page in the browser, that visitors without a key are asked for before what `web.routes` serves. Never for `/v1`.',
  })

export const crowdSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Whether visitors are counted by address at all.' }),
    exempt: z
      .array(z.string().refine((text) => readNetwork(text) !== null, 'a network like 10.0.0.0/8, or one address'))
      .max(1000)
      .default([
        ...['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'],
        ...['100.64.0.0/10', 'fc00::/7', 'fe80::/10'],
      ])
      .meta({ description: 'Networks to which none of this applies. Default: those that are private.' }),
    perAddress: addressSchema,
    perNetwork: networkSchema,
    lockoutMs: milliseconds(
      10_000,
      'How long connections are closed at once whose address goes on after many refusals, or floods HTTP/2; doubles up to 16 times as long. Not where a good key came from in the last ten minutes.',
    ),
    shield: shieldSchema,
    challenge: challengeSchema,
  })
  .prefault({})
  .meta({
    description:
      'What visitors may do by address, per worker. Requests with a good key are never refused for it; `HF_ADDRESS_RATE`.',
  })

export type CrowdOptions = z.output<typeof crowdSchema>
