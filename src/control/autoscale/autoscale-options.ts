/** Settings of `deployments.<name>.autoscale`: what a replica bears, and what headroom may cost. */
import { count, milliseconds, z } from '../../ground/schema.ts'

const amount = (description: string): z.ZodOptional<z.ZodNumber> =>
  z.number().positive().max(1e9).optional().meta({ description })

const perReplicaSchema = z
  .strictObject({
    requestsPerMinute: amount('Calls that one replica bears in a minute.'),
    outputTokensPerMinute: amount('Tokens of answers that one replica bears in a minute.'),
    promptTokensPerMinute: amount('Tokens of prompts that one replica bears in a minute.'),
    callsInHand: amount('Calls that one replica bears at once.'),
  })
  .refine((units) => Object.values(units).some((each) => each !== undefined), 'at least one of them')
  .prefault({ callsInHand: 8 })
  .meta({
    description:
      'What one replica bears; of several the one that asks for most replicas counts. Default: 8 calls at once, which is a guess: measure yours.',
  })

export const autoscaleSchema = z
  .strictObject({
    perReplica: perReplicaSchema,
    lostRequestPrice: amount('What a call that finds no room costs; with `replicaHourPrice`, in the same money.'),
    replicaHourPrice: amount('What a replica costs an hour. Both prices say how much headroom pays.'),
    overloadMax: z.number().min(0.00001).max(0.5).default(0.0008).meta({
      description: 'Share of the load that may find no room: above it there is more headroom, far below it less.',
    }),
    replicaHoursPerDayMax: amount(
      'Replica-hours within a day that may be spent on what is only forecast; measured load is served up to `replicas.max`.',
    ),
    idleMs: milliseconds(900_000, 'With `replicas.min` 0: after so long without a call the last replica ends.', {
      min: 1000,
    }),
    stepMs: count(
      60_000,
      'The load is counted, forecast and decided upon in steps of so long; shorter ones are for trying it out. Milliseconds.',
      { min: 1000, max: 600_000 },
    ),
  })
  .superRefine(({ lostRequestPrice, replicaHourPrice, perReplica }, context) => {
    if ((lostRequestPrice === undefined) !== (replicaHourPrice === undefined))
      context.addIssue({ code: 'custom', message: 'both prices or none: lostRequestPrice, replicaHourPrice' })
    if (lostRequestPrice !== undefined && perReplica.requestsPerMinute === undefined)
      context.addIssue({ code: 'custom', message: 'prices need perReplica.requestsPerMinute' })
  })
  .meta({
    description: 'How many replicas run, between `replicas.min` and `replicas.max`, by the load. Left out: `min`.',
  })

export type AutoscaleOptions = z.output<typeof autoscaleSchema>
