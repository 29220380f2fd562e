/** The settings of durable streams: those of their store, and what their readers and writers may use. */
import { bytes, count, milliseconds, z } from '../../ground/schema.ts'
import { streamStoreFields } from '../../store/stream-store-options.ts'

export const streamsSchema = z
  .strictObject({
    ...streamStoreFields,
    appendBytesMax: bytes(16 * 2 ** 20, 'The largest body of one append.'),
    readBytesMax: bytes(
      2 ** 20,
      'The most that one answer to a read holds; the reader comes back for more. A single message may be larger.',
    ),
    readersBytesMax: bytes(
      64 * 2 ** 20,
      'What slow readers have not taken yet, of all streams together, per worker; beyond it reads are told to come back.',
    ),
    waitersMax: count(5000, 'Readers that wait for news of streams at once, per worker.'),
    longPollMs: milliseconds(30_000, 'How long a long-poll waits for news.', { min: 10, max: 600_000 }),
    sseMs: milliseconds(
      60_000,
      'A reader by server-sent events is sent away after this time, give or take a tenth, and comes back at its place.',
      { min: 1000 },
    ),
    heartbeatMs: milliseconds(15_000, 'How long such a reader hears nothing at most.', { min: 100, max: 600_000 }),
    subscriptionsMax: count(1000, 'Subscriptions of one key.', { max: 10_000 }),
    subscriptionStreamsMax: count(1000, 'Streams that one subscription can be linked to.', { max: 10_000 }),
    webhookMs: milliseconds(10_000, 'How long a webhook may take to answer.', { min: 100, max: 120_000 }),
    localWebhooks: z.boolean().default(false).meta({
      description:
        'Take webhooks at `http://localhost` and `http://127.0.0.1` too, for development. Others must be `https` and public.',
    }),
    allowedOrigin: z
      .string()
      .regex(/^(\*|https?:\/\/[^\s/]+)$/, '`*`, or an origin like https://app.example.com')
      .default('*')
      .meta({
        description:
          'Pages of which origin may use streams (`Access-Control-Allow-Origin`): `*` for all, or one origin.',
      }),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({
        description:
          'How callers reach this gateway, for the addresses it tells them (`Location`, callbacks of webhooks). Default: `http://` and the Host of the request.',
      }),
  })
  .prefault({})
  .meta({ description: 'Durable streams at `/v1/stream/`.' })

export type StreamsOptions = z.output<typeof streamsSchema>
