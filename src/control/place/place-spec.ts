/** The file of `holdfast place`: hosts, replicas, and what the plan is to weigh. Only the command loads it. */
import { z } from '../../ground/schema.ts'

const name = z.string().regex(/^[\w.:@-]{1,64}$/, 'letters, digits, and . : _ @ - only, at most 64')
const money = z.number().min(0).max(1e9)
const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

const memory = z
  .union([
    z.int().min(0),
    z.string().regex(/^\d+(\.\d+)? ?(B|KiB|MiB|GiB|TiB)$/, 'a number of bytes, or text like 80GiB'),
  ])
  .transform((value) => {
    if (typeof value === 'number') return value
    const [, amount = '0', , unit = 'B'] = /^(\d+(\.\d+)?) ?(\w+)$/.exec(value) ?? []
    return Math.round(Number(amount) * (units[unit] ?? 1))
  })

const hostSchema = z.strictObject({
  name: name.meta({ description: 'Its name; with `count`, what their names begin with.' }),
  count: z.int().min(1).max(1000).optional().meta({ description: 'So many alike, named `NAME-1` and so on.' }),
  memory: memory.meta({ description: 'Memory for replicas, like `80GiB`.' }),
  gpus: z.int().min(0).max(10_000).default(0).meta({ description: 'GPUs. Default: 0.' }),
  domain: name.optional().meta({ description: 'What fails together: a rack, a zone. Default: the host itself.' }),
  price: money.default(1).meta({ description: 'What it costs while at least one replica stands on it. Default: 1.' }),
})

const replicaSchema = z.strictObject({
  name: name.meta({ description: 'Its name; with `count`, what their names begin with.' }),
  count: z.int().min(1).max(10_000).optional().meta({ description: 'So many alike, named `NAME-1` and so on.' }),
  model: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: 'Replicas of one model are spread. Default: `name`.' }),
  memory: memory.meta({ description: 'Memory that it takes, like `36GiB`.' }),
  gpus: z.int().min(0).max(10_000).default(0).meta({ description: 'GPUs that it takes. Default: 0.' }),
  affinity: z.array(name).max(16).default([]).meta({ description: 'Names under `affinities` that it belongs to.' }),
  on: z
    .union([name, z.array(name).max(10_000)])
    .optional()
    .meta({ description: 'Host on which it stands now; with `count`, a list for the first of them, or one for all.' }),
  move: money.optional().meta({ description: 'What it costs to move it. Default: `costs.move`.' }),
})

const affinitySchema = z.strictObject({
  kind: z.enum(['together', 'apart']).meta({
    description: '`together`: each pair in two places costs. `apart`: each pair in one place costs.',
  }),
  within: z.enum(['host', 'domain']).default('host').meta({ description: 'What a place is. Default: `host`.' }),
  cost: money.default(0.1).meta({ description: 'What such a pair costs. Default: 0.1.' }),
})

export const placeSchema = z.strictObject({
  hosts: z.array(hostSchema).min(1).max(1000).meta({ description: 'Where replicas may stand, at most 1,000 in all.' }),
  replicas: z.array(replicaSchema).min(1).max(10_000).meta({ description: 'What is to stand, at most 10,000 in all.' }),
  affinities: z
    .record(name, affinitySchema)
    .default({})
    .meta({ description: 'Who belongs together, and who does not.' }),
  costs: z
    .strictObject({
      spread: money.default(0.1).meta({
        description: 'What each pair of replicas of one model within one failure domain costs. Default: 0.1.',
      }),
      move: money.default(0.1).meta({ description: 'What each replica costs that leaves its host. Default: 0.1.' }),
    })
    .prefault({})
    .meta({ description: 'In the unit of `price`.' }),
})

export type PlaceSpec = z.output<typeof placeSchema>
