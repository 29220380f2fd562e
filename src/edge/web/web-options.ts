/** Settings of what is served beside the models: pages from folders, applications behind a proxy, and the cache. */
import { bytes, count, milliseconds, z } from '../../ground/schema.ts'

const pathPattern = /^\/(?:[\w.~!$&'()*+,;=:@%-]+(?:\/|$))*$/
const hostPattern = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,252})$/
const ownPath = /^\/(?:v1|errors)(?:\/|$)/

const fieldValue = z
  .string()
  .regex(/^[\t -~]*$/)
  .meta({ description: 'What the field says.' })

const routeSchema = z
  .strictObject({
    path: z
      .string()
      .regex(pathPattern, 'a path such as / or /app')
      .refine((path) => !ownPath.test(path), '/v1 and /errors are the gateway’s own')
      .default('/')
      .meta({
        description: 'Addresses that begin so are meant, by whole segments; of several routes the longest wins.',
      }),
    host: z.string().regex(hostPattern, 'a host name in lower case, or *.example.org').optional().meta({
      description: 'Only for this host name; `*.example.org` for all names below. Left out: for every name.',
    }),
    folder: z.string().min(1).optional().meta({
      description: 'Folder whose files are served. Relative to the working directory. Either this or `app`.',
    }),
    index: z
      .string()
      .regex(/^[\w.-]+$/)
      .default('index.html')
      .meta({ description: 'File that stands for a folder.' }),
    fallback: z.string().min(1).optional().meta({
      description:
        'File that is served for addresses without an ending that are no file, for applications that find their way in the browser: usually `index.html`.',
    }),
    hashedNames: z.boolean().default(true).meta({
      description:
        'Files with a hash in their name, such as `index-DqWb3gP1.js`, are told to be kept for a year; all others to be asked for again.',
    }),
    maxAgeSeconds: count(0, 'How long browsers may keep files without asking again. Seconds.', {
      min: 0,
      max: 31_536_000,
    }),
    app: z
      .url({ protocol: /^https?$/, error: 'a URL like http://127.0.0.1:3000' })
      .refine((url) => new URL(url).pathname === '/', 'only scheme, host and port: the path of the request is kept')
      .optional()
      .meta({ description: 'Application to which requests are passed on. Either this or `folder`.' }),
    stripPath: z.boolean().default(false).meta({ description: 'The application gets addresses without `path`.' }),
    cache: z.boolean().default(true).meta({
      description: 'Keep what the application allows to be kept (`cache-control`), and answer from it.',
    }),
    connectMs: milliseconds(5000, 'For a connection to the application to be up.'),
    headMs: milliseconds(60_000, 'For the application to begin its answer.'),
    idleMs: milliseconds(300_000, 'How long the application may be silent within an answer.'),
    connectionsMax: count(256, 'Connections to the application at once, per worker.'),
    compress: z.boolean().default(true).meta({
      description:
        'Compress text with br, zstd or gzip: files, kept answers, and what an application streams, piece by piece. Files `x.br`, `x.zst` and `x.gz` beside `x` are used as they are.',
    }),
    challenge: z.boolean().default(true).meta({
      description:
        'Visitors without a key are asked for a proof of work here where `guard.challenge` says so. Off for what programs call: webhooks, an API of the application.',
    }),
    headers: z
      .record(z.string().regex(/^[\w-]+$/), fieldValue)
      .default({})
      .meta({
        description: 'Fields for every answer of this route, such as `content-security-policy`.',
      }),
  })
  .refine(({ folder, app }) => (folder === undefined) !== (app === undefined), 'needs a `folder` or an `app`, not both')
  .meta({ description: 'What is served under an address.' })

export const webSchema = z
  .strictObject({
    routes: z.array(routeSchema).max(100).default([]).meta({
      description: 'Folders and applications beside `/v1`. Without any, every other address is refused.',
    }),
    cache: z
      .strictObject({
        engine: z.enum(['sqlite', 'memory']).optional().meta({
          description:
            '`sqlite`: on the disk, in the state folder, shared by all workers. `memory`: in each worker for itself. Default: as `journal.engine`.',
        }),
        diskBytesMax: bytes(2 ** 30, 'All that is kept, on the disk or, with `engine: memory`, in each worker.'),
        memoryBytesMax: bytes(64 * 2 ** 20, 'Bodies held in memory, per worker, whatever the engine.'),
        entryBytesMax: bytes(16 * 2 ** 20, 'Larger answers are passed on and not kept.'),
        fillingBytesMax: bytes(128 * 2 ** 20, 'Answers on their way into the cache together, per worker.'),
        heuristicShare: z.number().min(0).max(1).default(0).meta({
          description:
            'For answers that do not say how long they last: fresh for this share of the time since they were changed, at most a day. 0: never.',
        }),
        staleOnErrorMs: milliseconds(
          86_400_000,
          'How long a stale answer stands in for an application that cannot be reached, where the answer does not say itself (`stale-if-error`, `must-revalidate`).',
          { min: 0, max: 30 * 86_400_000 },
        ),
        collapseMs: milliseconds(
          5000,
          'How long a request waits for the answer to one like it that is on its way, before it is sent, too; a tenth of it where another worker has sent that.',
          { min: 0, max: 60_000 },
        ),
      })
      .prefault({})
      .meta({ description: 'The cache before the applications of `web.routes`.' }),
  })
  .prefault({})
  .meta({ description: 'Pages and applications served beside the models.' })

export type WebOptions = z.output<typeof webSchema>
export type WebRouteOptions = WebOptions['routes'][number]
