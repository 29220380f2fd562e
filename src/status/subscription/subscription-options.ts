/** Settings of subscriptions: on which ways the public may be told, and how much of it. */
import { mailAddress, mailServerFields } from '../../alert/mail-options.ts'
import { count, milliseconds, z } from '../../ground/schema.ts'
import { type Channel, channels } from '../../store/subscription-store.ts'

const mailSchema = z
  .strictObject({
    ...mailServerFields,
    from: mailAddress.meta({ description: 'Sender.' }),
  })
  .meta({ description: 'By mail. Needs the address of the page (`url`), for links to confirm and to unsubscribe.' })

export const subscriptionSchema = z
  .strictObject({
    mail: mailSchema.optional(),
    webhooks: z.boolean().default(false).meta({
      description: 'By webhook, signed, to any address on the public Internet that says it wants to.',
    }),
    slack: z.boolean().default(false).meta({ description: 'By incoming webhooks of Slack.' }),
    slackHosts: z
      .array(z.string().min(1).max(255))
      .max(20)
      .default(['hooks.slack.com'])
      .meta({ description: 'Hosts of such webhooks; add those of Mattermost or Rocket.Chat.' }),
    subscribersMax: count(10_000, 'Subscribers, confirmed or not.'),
    perPersonMax: count(3, 'Confirmations that one address is sent in a day.', { max: 100 }),
    perHourMax: count(200, 'Confirmations that all addresses are sent in an hour.', { max: 100_000 }),
    perSourceMax: count(10, 'Requests to subscribe that one visitor may make in an hour.', { max: 100_000 }),
    sourceHeader: z
      .string()
      .regex(/^[\w-]{0,100}$/)
      .default('')
      .meta({
        description:
          'Header in which a proxy of your own says who the visitor is; its last address counts. Empty: the connection.',
      }),
    queueMax: count(100_000, 'Messages that wait to be delivered; beyond, the oldest are given up.'),
    parallelMax: count(8, 'Deliveries at once, on each of the ways.', { max: 100 }),
    timeoutMs: milliseconds(10_000, 'A delivery that takes longer has failed, and is tried again.', {
      min: 100,
      max: 120_000,
    }),
    giveUpMs: milliseconds(86_400_000, 'A message that could not be delivered for so long is given up.', {
      min: 60_000,
      max: 604_800_000,
    }),
    dropMs: milliseconds(259_200_000, 'A subscriber whom nothing has reached for so long is removed.', {
      min: 60_000,
      max: 2_592_000_000,
    }),
    localWebhooks: z.boolean().default(false).meta({
      description: 'Webhooks may lead to this machine by `http`. For tests only.',
    }),
  })
  .prefault({})
  .meta({ description: 'Who may ask to be told of incidents, and how.' })

export type SubscriptionOptions = z.output<typeof subscriptionSchema>

/** On which ways the public may be told. */
export function offered({ mail, webhooks, slack }: SubscriptionOptions): Channel[] {
  const isOffered: Readonly<Record<Channel, boolean>> = { email: mail !== undefined, webhook: webhooks, slack }
  return channels.filter((channel) => isOffered[channel])
}

/** The same settings with the password itself in the place of its spelling. */
export function readMailPassword(
  options: SubscriptionOptions,
  readSecret: (spelling: string, field: string) => string,
): SubscriptionOptions {
  const { mail } = options
  if (mail?.password === undefined) return options
  const password = readSecret(mail.password, 'status.subscriptions.mail.password')
  return { ...options, mail: { ...mail, password } }
}
