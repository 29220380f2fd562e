/** Settings of the drivers themselves, and what a release may say under each. */
import { z } from '../../ground/schema.ts'
import { dockerSettingsSchema, dockerSpecSchema } from './docker-options.ts'
import { kubernetesSettingsSchema, kubernetesSpecSchema } from './kubernetes-options.ts'

export const driversSchema = z
  .strictObject({ docker: dockerSettingsSchema, kubernetes: kubernetesSettingsSchema })
  .prefault({})
  .meta({ description: 'Where deployments run that are not processes of this machine.' })

export type DriversOptions = z.output<typeof driversSchema>

/** By the name of the driver. */
export const farSpecSchemas = { docker: dockerSpecSchema, kubernetes: kubernetesSpecSchema } as const
