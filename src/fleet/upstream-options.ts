/** Settings of a model server. */
import { routeNames, type Route } from '../dialect/call.ts'
import { rungNames, type RungName } from '../dialect/seam/rung.ts'
import { count, z } from '../ground/schema.ts'
import { kinds } from './upstream-kind.ts'

const hasName = /^https?:\/\/[^/?#]*@/i

export const upstreamSchema = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'a URL like http://gpu1:8000/v1' })
      // It is shown in /readyz and in the log.
      .refine((url) => !hasName.test(url), 'a URL without a name and password; use `key`')
      .meta({ description: 'Base URL of the model server, as one would give it to a client; usually ends in `/v1`.' }),
    kind: z.enum(kinds).optional().meta({
      description: 'What kind of server it is. Left out, it is asked, and taken for `compatible` if it does not say.',
    }),
    key: z.string().min(1).optional().meta({
      description:
        'The key that the gateway shows to this server: `env:NAME`, `file:PATH`, or `caller` to pass on the caller’s own.',
    }),
    keys: z
      .array(
        z
          .string()
          .min(1)
          .refine((key) => key !== 'caller', 'keys of the gateway’s own; `caller` goes into `key`'),
      )
      .min(1)
      .max(100)
      .optional()
      .meta({
        description:
          'Several keys in place of `key`, the first to be used first: one that is refused or out of quota rests for an hour, one over its rate as long as the server says, and the next is used.',
      }),
    models: z
      .array(z.string().min(1))
      .max(1000)
      .optional()
      .meta({ description: 'Models it offers. Left out, it is asked (`/v1/models`).' }),
    speaks: z
      .array(z.enum(routeNames as [Route, ...Route[]]))
      .optional()
      .meta({ description: 'APIs it offers. Left out, its kind says.' }),
    continues: z
      .array(z.enum(rungNames.filter((name) => name !== 'regenerate') as [RungName, ...RungName[]]))
      .optional()
      .meta({
        description:
          'How it can go on with an answer that broke off elsewhere. Left out, its kind says, and what it refuses is remembered; an empty list: not at all.',
      }),
    realtime: z.boolean().optional().meta({
      description:
        'Whether it offers the realtime API by WebSocket (`/v1/realtime`). Left out: yes for the kind `openai`, no for others.',
    }),
    streamUsage: z.boolean().default(true).meta({
      description:
        'Ask it for token counts at the end of a stream (`stream_options`); the caller sees them only if it asked too. `false` for servers that refuse the field.',
    }),
    hedge: z.boolean().optional().meta({
      description:
        'Whether a call that is late elsewhere may be sent here for a second time (`hedging`). Left out: yes, unless it has a key, since a provider is paid for both.',
    }),
    weight: count(1, 'Share of the calls among upstreams of the same priority.', { max: 1000 }),
    priority: count(
      0,
      'Upstreams with the lowest number are used first; the others only when none of those can answer.',
      { min: 0, max: 100 },
    ),
    probe: z.enum(['token', 'call']).optional().meta({
      description:
        'How it shows that it generates again after its calls failed: `token`, it is asked for eight tokens behind the scenes; `call`, the next call is its trial, one at a time. Left out, `token`, and `call` for providers and wherever a key is set, since a prompt may cost money there.',
    }),
    metrics: z
      .union([
        z.literal(false),
        z
          .url({ protocol: /^https?$/, error: 'a URL like http://gpu1:8000/metrics, or false' })
          .refine((url) => !hasName.test(url), 'a URL without a name and password: none would be sent'),
      ])
      .optional()
      .meta({
        description:
          'Where its engine tells how much it has in hand (Prometheus text), asked once a second. Left out: `/metrics` at the root of its server, if there is one. `false`: it is not asked.',
      }),
    tls: z
      .strictObject({
        ca: z.string().min(1).optional().meta({
          description: 'File with the authorities to trust in place of the well-known ones, PEM.',
        }),
        cert: z.string().min(1).optional().meta({
          description: 'File with a certificate of ours, for servers that ask for one (mutual TLS), PEM.',
        }),
        key: z.string().min(1).optional().meta({ description: 'File with its private key, PEM.' }),
        servername: z.string().min(1).optional().meta({
          description: 'Name to ask for and to check its certificate against. Left out, that of its URL.',
        }),
      })
      .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
        path: ['key'],
        error: '`cert` and `key` go together',
      })
      .optional()
      .meta({
        description: 'What a server at an `https:` URL is met with. The files are read anew when they have changed.',
      }),
    connectionsMax: count(1024, 'Connections to this server at once, per worker.'),
  })
  .refine(({ url, tls }) => tls === undefined || /^https:/i.test(url), {
    path: ['tls'],
    error: 'there is no TLS at an `http:` URL',
  })
  .refine(({ key, keys }) => key === undefined || keys === undefined, {
    path: ['keys'],
    error: 'either `key` or `keys`',
  })
  .meta({ description: 'A model server, or a provider of models.' })

export type UpstreamOptions = z.output<typeof upstreamSchema>
