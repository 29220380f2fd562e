/** Settings of alerts: who is told, when, and what secrets they need. */
import { milliseconds, z } from '../ground/schema.ts'
import { severities } from './condition.ts'
import { mailAddress, mailServerFields, secretText as secret } from './mail-options.ts'

const webhookSchema = z
  .strictObject({
    url: secret('Where to post, a URL of http or https.'),
    secret: secret('Signs the body as Standard Webhooks have it (`whsec_` and base64, or any text).').optional(),
    token: secret('Shown as `Authorization: Bearer`.').optional(),
  })
  .meta({ description: 'Any program: JSON as Alertmanager’s webhooks have it, signed.' })

const slackSchema = z
  .strictObject({ url: secret('URL of the incoming webhook.') })
  .meta({ description: 'A channel of Slack, or what takes the same messages (Mattermost, Rocket.Chat).' })

const pagerdutySchema = z
  .strictObject({
    key: secret('Integration key of the service (Events API v2).'),
    url: z
      .url({ protocol: /^https?$/ })
      .default('https://events.pagerduty.com/v2/enqueue')
      .meta({ description: 'Where events are posted; in Europe `https://events.eu.pagerduty.com/v2/enqueue`.' }),
  })
  .meta({ description: 'PagerDuty, one incident an alert.' })

const alertmanagerSchema = z
  .strictObject({
    url: secret('Base URL of Alertmanager, e.g. `http://127.0.0.1:9093`.'),
    token: secret('Shown as `Authorization: Bearer`.').optional(),
  })
  .meta({ description: 'Prometheus Alertmanager (API v2), which groups and routes by itself.' })

const mailSchema = z
  .strictObject({
    ...mailServerFields,
    from: mailAddress.meta({ description: 'Sender.' }),
    to: z.array(mailAddress).min(1).max(50).meta({ description: 'Receivers.' }),
  })
  .meta({ description: 'Mail.' })

export const receiverKinds = ['webhook', 'slack', 'pagerduty', 'alertmanager', 'mail'] as const

const receiverSchema = z
  .strictObject({
    severityMin: z
      .enum(severities)
      .default('warning')
      .meta({ description: 'Least severity that it is told of. Error budgets that burn fast are `critical`.' }),
    sendResolved: z.boolean().default(true).meta({ description: 'Whether it is told that an alert is over.' }),
    timeoutMs: milliseconds(10_000, 'A delivery that takes longer has failed, and is tried again.', {
      min: 100,
      max: 120_000,
    }),
    webhook: webhookSchema.optional(),
    slack: slackSchema.optional(),
    pagerduty: pagerdutySchema.optional(),
    alertmanager: alertmanagerSchema.optional(),
    mail: mailSchema.optional(),
  })
  .refine((receiver) => receiverKinds.filter((kind) => receiver[kind] !== undefined).length === 1, {
    error: `exactly one of ${receiverKinds.join(', ')}`,
  })
  .meta({ description: `Somebody who is told: one of ${receiverKinds.join(', ')}.` })

export const alertsSchema = z
  .strictObject({
    receivers: z
      .record(z.string().regex(/^[\w.-]{1,64}$/, 'letters, digits, and . _ - only'), receiverSchema)
      .refine((receivers) => Object.keys(receivers).length <= 20, { error: 'at most 20 receivers' })
      .default({})
      .meta({
        description: 'Who is told, by name. Without any, alerts stand in the log, in `/alerts` and in `/metrics`.',
      }),
    periodMs: milliseconds(10_000, 'How often objectives and warnings are looked at.', { min: 100, max: 60_000 }),
    groupWaitMs: milliseconds(10_000, 'An alert waits so long for others of its kind, to be told in one message.', {
      min: 0,
      max: 600_000,
    }),
    resolveAfterMs: milliseconds(
      300_000,
      'An alert is over when its reason has been gone for so long; twice as long, and so on up to an hour, when it comes back again and again.',
      { min: 0, max: 3_600_000 },
    ),
    warnings: z
      .boolean()
      .default(true)
      .meta({ description: 'Early warnings: saturation, queues, latency, memory, disk, certificates, quotas.' }),
    link: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ description: 'A page that messages point to, such as a dashboard.' }),
  })
  .prefault({})
  .meta({ description: 'Who is told when objectives are missed, or soon will be.' })

export type AlertsOptions = z.output<typeof alertsSchema>
export type ReceiverOptions = z.output<typeof receiverSchema>

/** Settings of receivers that hold secrets. */
const secretFields = {
  webhook: ['url', 'secret', 'token'],
  slack: ['url'],
  pagerduty: ['key'],
  alertmanager: ['url', 'token'],
  mail: ['password'],
} as const

/** The same settings with every secret put through `replace`, which is told where it stands. */
export function mapSecrets(
  options: AlertsOptions,
  replace: (spelling: string, field: string) => string,
): AlertsOptions {
  const receivers = Object.entries(options.receivers).map(([name, receiver]) => {
    const kind = kindOf(receiver)
    const section = { ...receiver[kind] } as Record<string, unknown>
    for (const field of secretFields[kind]) {
      const spelling = section[field]
      if (typeof spelling === 'string') section[field] = replace(spelling, `alerts.receivers.${name}.${kind}.${field}`)
    }
    return [name, { ...receiver, [kind]: section }]
  })
  return { ...options, receivers: Object.fromEntries(receivers) as AlertsOptions['receivers'] }
}

export function kindOf(receiver: ReceiverOptions): (typeof receiverKinds)[number] {
  return receiverKinds.find((kind) => receiver[kind] !== undefined) ?? 'webhook'
}
