/** Settings of replicas that run in containers. */
import { z } from '../../ground/schema.ts'

/** A size as Docker takes it, in bytes; no default. */
function size(description: string) {
  return z
    .union([
      z.int().min(1),
      z.string().regex(/^\d+(\.\d+)? ?(B|KiB|MiB|GiB)$/, 'a number of bytes, or text like 64MiB'),
    ])
    .transform((value) => {
      if (typeof value === 'number') return value
      const [, amount = '0', , unit = 'B'] = /^(\d+(\.\d+)?) ?(\w+)$/.exec(value) ?? []
      return Math.round(
        Number(amount) * (({ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as Record<string, number>)[unit] ?? 1),
      )
    })
    .optional()
    .meta({ description: `${description} Bytes, or text like \`64MiB\`.` })
}

/** Fields that containers have under Docker and under Kubernetes. */
export const containerFields = {
  image: z.string().min(1).max(1000).meta({ description: 'The image, with tag or digest.' }),
  command: z.array(z.string()).min(1).max(1000).optional().meta({
    description:
      'What is run in it, in place of what the image says; the first is the program. `${PORT}` and `${HOST}` stand for where it has to listen, `${NAME}` for its name.',
  }),
  args: z.array(z.string()).max(1000).optional().meta({
    description: 'Arguments for the image’s own program. `${PORT}` and `${HOST}` as in `command`.',
  }),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable'), z.string())
    .default({})
    .meta({ description: 'Its environment. `PORT`, `HOST` and `NAME` are set as well, unless they are given here.' }),
  port: z.int().min(1).max(65_535).default(8000).meta({ description: 'Where it listens inside the container.' }),
  gpus: z.int().min(0).max(64).default(0).meta({ description: 'How many GPUs it gets.' }),
  memory: size('The most memory that it may take; it is killed above it. Left out: no limit.'),
  cpus: z
    .number()
    .positive()
    .max(4096)
    .optional()
    .meta({ description: 'The most processors that it may use; 0.5 is half a one.' }),
  shm: size('Size of `/dev/shm`, which servers of several GPUs need.'),
} as const

export const dockerSpecSchema = z
  .strictObject({
    ...containerFields,
    gpus: z
      .union([z.int().min(0).max(64), z.literal('all'), z.array(z.string().min(1)).min(1).max(64)])
      .default(0)
      .meta({ description: 'How many GPUs it gets, `all`, or a list of device ids.' }),
    volumes: z
      .array(z.string().regex(/^[^:]+:\/[^:]*(:(ro|rw))?$/, 'like `models:/models:ro` or `/srv/models:/models:ro`'))
      .max(64)
      .default([])
      .meta({ description: 'Folders or named volumes and where they are seen inside, as `docker run -v` takes them.' }),
    network: z.string().min(1).max(200).default('bridge').meta({
      description:
        'The network it is in: `bridge`, `host`, or one of your own. With `host` it listens on 127.0.0.1 at a port that is chosen for it.',
    }),
    reach: z.enum(['published', 'network']).default('published').meta({
      description:
        'How the gateway gets there: at a `published` port of the machine, or at the container’s own address in its `network`, for a gateway that is in that network itself.',
    }),
    publishOn: z.string().min(1).max(200).default('127.0.0.1').meta({
      description: 'Address of the machine at which the port is published, and at which the gateway asks for it.',
    }),
    pull: z.enum(['missing', 'always', 'never']).default('missing').meta({
      description: 'When the image is fetched: if it is not there, before each start, or never.',
    }),
    user: z.string().min(1).max(100).optional().meta({ description: 'User or `user:group` inside the container.' }),
    workdir: z.string().startsWith('/').optional().meta({ description: 'Working folder inside the container.' }),
    ulimits: z
      .record(z.string().regex(/^[a-z]+$/), z.int().min(-1))
      .default({})
      .meta({ description: 'Limits of the system, such as `nofile: 65536`.' }),
  })
  .meta({ description: 'How a replica is run as a container.' })

export type DockerSpec = z.output<typeof dockerSpecSchema>

export const dockerSettingsSchema = z
  .strictObject({
    host: z
      .string()
      .regex(
        /^(unix:\/\/\/|npipe:\/\/|tcp:\/\/|http:\/\/|https:\/\/|ssh:\/\/)./,
        'like unix:///var/run/docker.sock or tcp://host:2375',
      )
      .optional()
      .meta({
        description:
          'Where the engine is asked. Left out, `DOCKER_HOST` says, and without it the socket of this machine. Podman’s API serves too.',
      }),
    certs: z.string().min(1).optional().meta({
      description:
        'Folder with `ca.pem`, `cert.pem` and `key.pem` for an engine behind TLS. Left out, `DOCKER_CERT_PATH` says.',
    }),
  })
  .prefault({})
  .meta({ description: 'The container engine, for deployments with `driver: docker`.' })
