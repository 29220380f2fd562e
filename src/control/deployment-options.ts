/** Settings of deployments: which model servers the gateway runs by itself. */
import { processSpecSchema } from '../fleet/driver/process-options.ts'
import { count, milliseconds, z } from '../ground/schema.ts'
import { autoscaleSchema } from './autoscale/autoscale-options.ts'
import { healSchema } from './heal/heal-options.ts'
import { rolloutSchema } from './deploy/rollout-settings.ts'
import { checkReleases, imageReleaseSchema } from './release-options.ts'

const name = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, '1 to 40 of a-z, 0-9 and -')
const release = z.string().regex(/^[A-Za-z0-9][\w.]{0,39}$/, '1 to 40 letters, digits, and . _')

const replicasSchema = z
  .strictObject({
    min: count(1, 'So many run at least.', { min: 0, max: 1000 }),
    max: count(1, 'So many run at most, beside those that are being replaced. At least `min`.', { max: 1000 }),
    warm: count(0, 'With `autoscale`: so many are ready beyond what the load needs, up to `max`.', {
      min: 0,
      max: 1000,
    }),
    holdMs: z.int().min(0).max(3_600_000).optional().meta({
      description:
        'A call that comes while no replica is there waits for one so long; 0: it is refused at once. Default: `ready.withinMs`, at most 120000. Milliseconds.',
    }),
  })
  .prefault({})
  .meta({ description: 'How many replicas run.' })

const readySchema = z
  .strictObject({
    path: z.string().regex(/^\//, 'a path, as /health').default('/health').meta({
      description:
        'What is asked at a new replica until it answers with a status from 200 to 299; only then it gets calls.',
    }),
    withinMs: milliseconds(120_000, 'One that is not ready by then is ended and started anew.', { min: 100 }),
  })
  .prefault({})
  .meta({ description: 'When a replica is ready.' })

const drainSchema = z
  .strictObject({
    moveAfterMs: milliseconds(
      10_000,
      'A replica that is to go gets no new calls, and finishes what it has; what it still has after this goes on at another one, where that is possible without a trace.',
      { min: 0 },
    ),
    endAfterMs: milliseconds(600_000, 'After this it is ended, whatever it still has.', { min: 0 }),
    graceMs: milliseconds(10_000, 'From asking it to end until it is killed.', { min: 0, max: 600_000 }),
  })
  .prefault({})
  .meta({ description: 'How a replica goes.' })

export const deploymentSchema = z
  .strictObject({
    pool: z.string().optional().meta({
      description:
        'Pool that its replicas join. Default: one with the name of the deployment, made when there is none.',
    }),
    models: z.array(z.string().min(1).max(256)).max(1000).optional().meta({
      description: 'Models that it offers. Left out, its replicas are asked once they run.',
    }),
    driver: z.enum(['process', 'docker', 'kubernetes']).default('process').meta({
      description:
        'Where its replicas run: `process`, on this machine; `docker`, as containers of an engine; `kubernetes`, in a cluster.',
    }),
    releases: z
      .record(
        release,
        z.union([processSpecSchema, imageReleaseSchema]).meta({ description: 'A command, or an image: what is run.' }),
      )
      .refine((releases) => Object.keys(releases).length > 0, 'at least one release')
      .meta({ description: 'Versions of it, by name: what is run.' }),
    release: release.optional().meta({
      description:
        'The release that runs, until another one is deployed; when this is changed, it runs from then on. Default: the first one.',
    }),
    apiPath: z
      .string()
      .regex(/^(\/[\w.~-]+)*$/, 'a path, as /v1')
      .default('/v1')
      .meta({ description: 'Where the API is at a replica.' }),
    weight: count(1, 'Share of the calls of each replica, beside other upstreams of the pool.', { max: 1000 }),
    priority: count(0, 'Upstreams with the lowest number are used first.', { min: 0, max: 100 }),
    replicas: replicasSchema,
    autoscale: autoscaleSchema.optional(),
    ready: readySchema,
    drain: drainSchema,
    heal: z
      .strictObject({
        enabled: z.boolean().default(true).meta({ description: 'Whether its sick replicas are replaced.' }),
      })
      .prefault({})
      .meta({ description: 'Healing of this deployment; the rules for all are at `control.heal`.' }),
    rollout: rolloutSchema,
    onStop: z.enum(['stop', 'keep']).default('stop').meta({
      description:
        'When the gateway is told to stop: `stop` ends its replicas behind the last answer, `keep` leaves them for the next start. A gateway that dies always leaves them.',
    }),
  })
  .superRefine(checkReleases)
  .meta({ description: 'A model that the gateway runs by itself.' })

export const deploymentsSchema = z
  .record(name, deploymentSchema)
  .default({})
  .meta({ description: 'Model servers that the gateway starts, watches and replaces, by name.' })

export const controlSchema = z
  .strictObject({
    dryRun: z.boolean().default(false).meta({
      description: 'What would be done to replicas is told in the log, and not done.',
    }),
    actionsPerMinuteMax: count(60, 'Starts, drains and stops that are begun within a minute, for all deployments.', {
      max: 10_000,
    }),
    heal: healSchema,
  })
  .prefault({})
  .meta({ description: 'How far the gateway acts by itself.' })

export type DeploymentOptions = z.output<typeof deploymentSchema>
export type ControlOptions = z.output<typeof controlSchema>
export type Deployments = Readonly<Record<string, DeploymentOptions>>
