/** Settings of the operators' port. */
import { z } from '../ground/schema.ts'
import { listenerSchema } from './listener-options.ts'

export const adminSchema = listenerSchema
  .pick({ host: true, port: true })
  .extend({
    token: z.string().min(1).optional().meta({
      description:
        'Secret that operators show as `authorization: Bearer …`: `env:NAME`, `file:PATH`, at least 16 characters. Needed where `host` is not a loopback address. `/livez` and `/readyz` answer without it, and then say no more than yes or no.',
    }),
  })
  .prefault({ port: 5021 })
  .meta({
    description:
      'Where operators and probes connect: `/livez`, `/readyz`, `/metrics`, `/record`. Keep it off the public network.',
  })
