/** Settings of users who show tokens of an identity provider. */
import { milliseconds, z } from '../../ground/schema.ts'
import { keySettingsSchema } from '../key-options.ts'

export const usersSchema = z
  .array(
    keySettingsSchema
      .extend({
        name: z
          .string()
          .regex(/^[\w.-]{1,32}$/, '1 to 32 letters, digits, and . _ -')
          .meta({ description: 'Short name of the provider: its users are `name:user` in logs.' }),
        issuer: z.url({ protocol: /^https?$/, error: 'a URL' }).meta({
          description: 'Who issues the tokens: must be their `iss`, to the letter.',
        }),
        audience: z.string().min(1).max(512).meta({ description: 'For whom they are issued: must be in their `aud`.' }),
        jwksUrl: z
          .url({ protocol: /^https?$/, error: 'a URL' })
          .optional()
          .meta({
            description:
              'Where its public keys are (JWKS). Left out, the provider is asked (OpenID Connect Discovery).',
          }),
        userClaim: z.string().min(1).max(64).default('sub').meta({ description: 'Which claim names the user.' }),
        askMs: milliseconds(5000, 'How long the provider may take to answer.', { min: 100 }),
      })
      .meta({
        description: 'An identity provider. What its users may do is set as for a key; limits hold for each user.',
      }),
  )
  .max(20)

export type UserOptions = z.output<typeof usersSchema>[number]
