/** Settings of TLS: certificates, what is offered in a handshake, and the plain port that leads to it. */
import { milliseconds, z } from '../../ground/schema.ts'
import { listenerSchema } from '../listener-options.ts'

/** In the words of OpenSSL, the best first. */
export const groupNames = [
  'X25519MLKEM768',
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
  'X25519',
  'P-256',
  'P-384',
  'P-521',
] as const

const path = z.string().min(1)

const certificateSchema = z
  .strictObject({
    cert: path.meta({ description: 'File with the certificate and those between it and the authority, PEM.' }),
    key: path.meta({ description: 'File with its private key, PEM, without a pass phrase.' }),
  })
  .meta({ description: 'A certificate with its key. Both files are watched, and taken up when they change.' })

const acmeSchema = z
  .strictObject({
    names: z
      .array(
        z
          .string()
          .regex(
            /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/,
            'a host name in lower case, like chat.example.org',
          ),
      )
      .min(1)
      .max(100)
      .meta({ description: 'Names that the certificate is for. Each must lead to this gateway.' }),
    directoryUrl: z
      .url({ protocol: /^https?$/ })
      .default('https://acme-v02.api.letsencrypt.org/directory')
      .meta({ description: 'Directory of the authority. Default: Let’s Encrypt.' }),
    agreeToTerms: z.literal(true).meta({ description: '`true`: you agree to the terms of the authority.' }),
    email: z.email().optional().meta({ description: 'Where the authority may write to.' }),
    eab: z
      .strictObject({
        kid: z.string().min(1).meta({ description: 'Identifier of the key, from the authority.' }),
        key: z.string().min(1).meta({ description: 'The key, base64url: `env:NAME` or `file:PATH`.' }),
      })
      .optional()
      .meta({ description: 'External account binding, for authorities that know their customers.' }),
    ca: path.optional().meta({
      description:
        'File with the authorities to trust at its directory, PEM, for one of your own. Left out: the well-known ones.',
    }),
    challenges: z
      .array(z.enum(['http-01', 'tls-alpn-01']))
      .min(1)
      .optional()
      .meta({
        description:
          'How names are proved, what is liked best first. `http-01` needs port 80 (`redirect`), `tls-alpn-01` port 443. Left out: both where there is a `redirect`, else `tls-alpn-01`.',
      }),
  })
  .meta({ description: 'A certificate from an authority that issues them by ACME, renewed in time.' })

export type AcmeOptions = z.output<typeof acmeSchema>

export const tlsSchema = z
  .strictObject({
    certificates: z.array(certificateSchema).max(1000).default([]).meta({
      description:
        'Certificates in files. The name that a client asks for decides which it is shown; the first is for clients that name none, or one that nobody has.',
    }),
    acme: acmeSchema.optional(),
    minVersion: z
      .enum(['1.2', '1.3'])
      .default('1.2')
      .meta({ description: 'Oldest version of TLS that is spoken. Below 1.2 nothing is.' }),
    groups: z.array(z.enum(groupNames)).min(1).default(['X25519MLKEM768', 'X25519', 'P-256', 'P-384']).meta({
      description:
        'Groups for the exchange of keys, the one to be preferred first. `X25519MLKEM768` joins a classical one with one that a quantum computer does not break; clients without it get the next that they know.',
    }),
    http2: z.boolean().default(true).meta({
      description: 'Offer HTTP/2 beside HTTP/1.1 on the same port (ALPN); `false`: HTTP/1.1 alone.',
    }),
    hstsMs: milliseconds(
      0,
      'How long browsers are told to come to this name by https alone (`strict-transport-security`); 0: they are told nothing. Begin small: it cannot be taken back.',
      { min: 0, max: 63_072_000_000 },
    ),
    redirect: listenerSchema.pick({ host: true, port: true }).optional().meta({
      description:
        'A plain port, usually 80, that sends browsers to https and refuses calls: a key that was shown to it has gone over the network in the clear.',
    }),
    reloadMs: milliseconds(5000, 'How often the files of certificates are looked at.', { min: 100 }),
    ticketMs: milliseconds(
      43_200_000,
      'How long clients may resume a session without a full handshake: the key to it is shared by the workers, kept in memory alone, and replaced this often.',
      { min: 60_000 },
    ),
  })
  .prefault({})
  .meta({
    description: 'Encryption of the callers’ listeners. Once there is a certificate, or `acme`, they speak TLS.',
  })

export type TlsOptions = z.output<typeof tlsSchema>

/** Whether there is anything to speak TLS with. */
export function offersTls({ certificates, acme }: Pick<TlsOptions, 'certificates' | 'acme'>): boolean {
  return certificates.length > 0 || acme !== undefined
}
