/** Settings of a mail server. */
import { count, z } from '../ground/schema.ts'

export const secretText = (description: string) =>
  z
    .string()
    .min(1)
    .max(4096)
    .meta({ description: `${description} \`env:NAME\`, \`file:PATH\`, or the text itself.` })
export const mailAddress = z.string().regex(/^[^\s<>",;]{1,200}@[^\s<>",;]{1,200}$/, 'an address like ops@example.org')

export const mailServerFields = {
  host: z.string().min(1).max(255).meta({ description: 'The mail server (SMTP).' }),
  port: count(587, 'Its port.', { max: 65_535 }),
  security: z.enum(['starttls', 'tls', 'none']).default('starttls').meta({
    description: '`starttls` insists on it, `tls` begins with it (port 465), `none` is for a server on this machine.',
  }),
  user: z.string().max(256).optional().meta({ description: 'Name to log in with; left out, nobody logs in.' }),
  password: secretText('Password to log in with.').optional(),
}

export interface MailServerOptions {
  readonly host: string
  readonly port: number
  readonly security: 'starttls' | 'tls' | 'none'
  readonly user?: string | undefined
  readonly password?: string | undefined
}
