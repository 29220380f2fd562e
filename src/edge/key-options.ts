/** Settings of callers' keys. */
import { z } from '../ground/schema.ts'
import { tiers } from '../relay/overload/tier.ts'

export const keySchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.@-]{1,64}$/, 'letters, digits, and . _ @ - only')
      .meta({ description: 'Who holds the key, as it appears in logs.' }),
    key: z.string().min(8).meta({ description: 'The key: `env:NAME`, `file:PATH`, or the key itself.' }),
    models: z.array(z.string()).optional().meta({ description: 'Models it may use. Default: all.' }),
    tier: z.enum(tiers).default('standard').meta({
      description:
        'When more is asked than the model servers can serve: `premium` calls are served first, `batch` calls last.',
    }),
    onDisconnect: z
      .enum(['cancel', 'detach'])
      .optional()
      .meta({ description: 'Overrides the common `onDisconnect` for this key.' }),
  })
  .meta({ description: 'A key for callers.' })

export type KeyOptions = z.output<typeof keySchema>
