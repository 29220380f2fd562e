/** Settings of the drivers themselves, and what a release may say under each. */
import { z } from '../../ground/schema.ts'
import { dockerSettingsSchema, dockerSpecSchema } from './docker-options.ts'
import { kubernetesSettingsSchema, kubernetesSpecSchema } from './kubernetes-options.ts'

export const driversSchema = z
  .strictObject({
    site: z
      .string()
      .regex(/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/, '1 to 20 of a-z, 0-9 and -, a letter first')
      .optional()
      .meta({
        description:
          'Sets replicas of this gateway apart from those of others at the same engine or in the same namespace; begins their names. Left out, it is made from `stateDir`: give one where that has the same path everywhere, as in containers.',
      }),
    docker: dockerSettingsSchema,
    kubernetes: kubernetesSettingsSchema,
  })
  .prefault({})
  .meta({ description: 'Where deployments run that are not processes of this machine.' })

export type DriversOptions = z.output<typeof driversSchema>

/** By the name of the driver. */
export const farSpecSchemas = { docker: dockerSpecSchema, kubernetes: kubernetesSpecSchema } as const
