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
    price: z
      .strictObject({
        input: z.number().min(0).max(1e9).meta({ description: 'Of a million tokens of prompts.' }),
        output: z.number().min(0).max(1e9).meta({ description: 'Of a million tokens of answers.' }),
      })
      .optional()
      .meta({ description: 'What its calls cost, in whatever unit; for budgets of keys in money. Default: nothing.' }),
  })
  .meta({ description: 'A model as callers name it.' })

export type ModelOptions = z.output<typeof modelSchema>
