/** Settings of the operators' port. */
import { z } from '../ground/schema.ts'
import { listenerSchema } from './listener-options.ts'

const remoteSchema = listenerSchema.pick({ host: true, port: true }).extend({
  clientCa: z.string().min(1).optional().meta({
    description:
      'File with the authorities of operators’ certificates, PEM: who shows one that they signed may ask, in place of the token, and nobody else gets through the handshake.',
  }),
})

export const adminSchema = listenerSchema
  .pick({ host: true, port: true })
  .extend({
    token: z.string().min(1).optional().meta({
      description:
        'Secret that operators show as `authorization: Bearer …`: `env:NAME`, `file:PATH`, at least 16 characters. Needed where `host` is not a loopback address. `/livez` and `/readyz` answer without it, and then say no more than yes or no.',
    }),
  })
  .extend({
    remote: remoteSchema.optional().meta({
      description:
        'A second port for operators on other machines, by TLS with the certificates of `tls`. Needs `clientCa`, or `admin.token`.',
    }),
  })
  .prefault({ port: 5021 })
  .meta({
    description:
      'Where operators and probes connect: `/livez`, `/readyz`, `/metrics`, `/record`. Keep it off the public network.',
  })
