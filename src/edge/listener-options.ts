/** Settings of a listening socket. */
import { z } from '../ground/schema.ts'

export const listenerSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').meta({ description: 'Address to listen on; `0.0.0.0` or `::` for all.' }),
    port: z.int().min(0).max(65_535).meta({ description: 'Port to listen on; 0 lets the system choose.' }),
    tls: z.boolean().optional().meta({
      description: 'Whether TLS is spoken here. Left out: yes, once `tls` names a certificate or an authority.',
    }),
    proxyProtocol: z.boolean().optional().meta({
      description:
        'Whether each connection begins with a header of the PROXY protocol (version 1 or 2), by which a load balancer in `access.trustedProxies` says whose it is. Default: no.',
    }),
    h2c: z.boolean().optional().meta({
      description:
        'Without TLS: serve HTTP/2 as well to clients that begin with it (“prior knowledge”), as proxies within a cluster may. Default: no.',
    }),
  })
  .meta({ description: 'Where to listen.' })

export type ListenerOptions = z.output<typeof listenerSchema>
