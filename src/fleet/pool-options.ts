/** Settings of a pool: time limits, and how calls are spread over its upstreams. */
import { count, milliseconds, override, z } from '../ground/schema.ts'

const timeoutFields = {
  connectMs: milliseconds(5000, 'To look up the name, connect and shake hands with an upstream.'),
  firstTokenMs: milliseconds(60_000, 'From the request until the first token of a streamed answer, per attempt.'),
  firstTokenSwitchMs: milliseconds(
    10_000,
    'The same while there is an upstream that has not been asked yet; a second more for each 64 KiB of the request.',
  ),
  interTokenMs: milliseconds(
    30_000,
    'Between two tokens of a streamed answer; comments and pings do not count as tokens. Shorter, but at least 3 seconds, where the upstream is known to be faster: twice its p99 and a second.',
  ),
  wholeMs: milliseconds(180_000, 'For an answer that is not streamed, per attempt.'),
  totalMs: milliseconds(600_000, 'For a call with all its attempts.'),
  patienceMs: milliseconds(
    5000,
    'How long a call waits for upstreams to come back when all of them are down but have been up before.',
    { min: 0 },
  ),
}

export const timeoutsSchema = z.strictObject(timeoutFields).prefault({}).meta({ description: 'Time limits of a call.' })

const timeoutOverrides = z.strictObject({
  connectMs: override(timeoutFields.connectMs),
  firstTokenMs: override(timeoutFields.firstTokenMs),
  firstTokenSwitchMs: override(timeoutFields.firstTokenSwitchMs),
  interTokenMs: override(timeoutFields.interTokenMs),
  wholeMs: override(timeoutFields.wholeMs),
  totalMs: override(timeoutFields.totalMs),
  patienceMs: override(timeoutFields.patienceMs),
})

export type Timeouts = z.output<typeof timeoutsSchema>

export const balanceSchema = z
  .strictObject({
    affinity: z.enum(['auto', 'prefix', 'session', 'none']).default('auto').meta({
      description:
        'What draws calls to the upstream that has their beginning in its cache. `prefix`: the prompt itself; `session`: the header `holdfast-session` or `x-session-id`; `auto`: the header where there is one, else the prompt; `none`: nothing does.',
    }),
    loadBound: z.number().min(1).max(100).default(1.25).meta({
      description: 'An upstream with more work in hand than so many times the mean draws no calls to itself.',
    }),
    exploreShare: z.number().min(0).max(1).default(0.01).meta({
      description: 'Share of the calls, 0 to 1, that go anywhere by weight, so that what is known of all stays fresh.',
    }),
  })
  .prefault({})
  .meta({ description: 'How calls are spread over the upstreams of a pool.' })

export type BalanceOptions = z.output<typeof balanceSchema>

export const poolSchema = z
  .strictObject({
    upstreams: z
      .array(
        z.union([
          z.string(),
          z.strictObject({
            name: z.string().meta({ description: 'Name of the upstream.' }),
            weight: override(count(1, 'its share of the calls.', { max: 1000 })),
            priority: override(count(0, 'its priority.', { min: 0, max: 100 })),
            model: z.string().min(1).max(256).optional().meta({
              description:
                'Another model that this one answers with, as a fallback: its name there. Left out, the model that was asked for.',
            }),
          }),
        ]),
      )
      .meta({ description: 'Names of upstreams, or `{ name, weight, priority, model }`.' }),
    timeouts: timeoutOverrides.optional().meta({ description: 'Time limits that differ from the common ones.' }),
    attemptsMax: count(5, 'Attempts for one call, over all upstreams.', { max: 20 }),
    balance: balanceSchema,
  })
  .meta({ description: 'Upstreams that can stand in for each other.' })
