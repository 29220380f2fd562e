/** Settings of callers' keys: those in the configuration, and those that operators make while the gateway runs. */
import { z } from '../ground/schema.ts'
import { tiers } from '../relay/overload/tier.ts'
import { keyLimitsSchema } from './keys/key-limits.ts'

export const keyNameSchema = z
  .string()
  .regex(/^[\w.@-]{1,64}$/, 'letters, digits, and . _ @ - only')
  .meta({ description: 'Who holds the key, as it appears in logs.' })

/** What a key is good for. */
const settings = {
  models: z.array(z.string().min(1).max(256)).max(1000).optional().meta({
    description: 'Models it may use. Default: all.',
  }),
  tier: z.enum(tiers).default('standard').meta({
    description:
      'When more is asked than the model servers can serve: `premium` calls are served first, `batch` calls last.',
  }),
  onDisconnect: z
    .enum(['cancel', 'detach'])
    .optional()
    .meta({ description: 'Overrides the common `onDisconnect` for this key.' }),
  cache: z.enum(['off', 'sure', 'all', 'semantic']).optional().meta({
    description:
      'Which of its calls may be answered from the cache without asking for it: `sure` those that leave nothing to chance (`temperature: 0`, embeddings, counts of tokens), `all` every one; `semantic`: every one, also with answers to other questions that mean the same (`cache.semantic`); `off`: none, even if it asks. Default: those that ask (`holdfast-cache`).',
  }),
  limits: keyLimitsSchema.optional(),
}

export const keySettingsSchema = z.strictObject(settings)
export type KeySettings = z.output<typeof keySettingsSchema>

export const keySchema = z
  .strictObject({
    name: keyNameSchema,
    key: z
      .string()
      .regex(/^(?:env:.|file:.|.{8})/s, 'at least 8 characters')
      .meta({ description: 'The key: `env:NAME`, `file:PATH`, or the key itself.' }),
    ...settings,
  })
  .meta({ description: 'A key for callers.' })

export type KeyOptions = z.output<typeof keySchema>
