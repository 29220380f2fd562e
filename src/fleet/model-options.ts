/** Settings of a model. */
import { z } from '../ground/schema.ts'

export const modelSchema = z
  .strictObject({
    pool: z
      .string()
      .optional()
      .meta({ description: 'Pool that answers for this model. Default: the first pool that offers it.' }),
    as: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .meta({ description: 'The model’s name at the upstreams. Default: the same name.' }),
  })
  .meta({ description: 'A model as callers name it.' })

export type ModelOptions = z.output<typeof modelSchema>
