/** Settings of the log. */
import { z } from '../ground/schema.ts'

export const logSchema = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .meta({ description: 'Least weight of a line that is written.' }),
    file: z.string().optional().meta({
      description: 'File to write to. Default: standard output; in a terminal `holdfast.log` in the state folder.',
    }),
    access: z.boolean().default(true).meta({ description: 'Write a line for each call.' }),
  })
  .prefault({})
  .meta({ description: 'The log.' })

export type LogOptions = z.output<typeof logSchema>
