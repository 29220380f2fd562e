/** How the gateway behaves when more is asked than the model servers can serve. */
import { count, milliseconds, z } from '../../ground/schema.ts'

export const overloadSchema = z
  .strictObject({
    limits: z.enum(['adaptive', 'fixed', 'off']).default('adaptive').meta({
      description:
        'How much work each model server is given at once: `adaptive` finds out by itself, `fixed` is `callsMax`, `off` gives everything to them at once, as most gateways do.',
    }),
    callsMax: count(
      1024,
      'Calls under way at one model server, per worker: the limit when it is `fixed`, its ceiling when it is `adaptive`.',
      {
        max: 100_000,
      },
    ),
    waitingMax: count(
      2000,
      'Calls that wait for a place in one pool, per worker; beyond it the lowest tier is sent away.',
      {
        min: 0,
        max: 100_000,
      },
    ),
    waitMs: z
      .strictObject({
        premium: milliseconds(60_000, 'For calls of the tier `premium`.', { min: 0 }),
        standard: milliseconds(20_000, 'For calls of the tier `standard`.', { min: 0 }),
        batch: milliseconds(120_000, 'For calls of the tier `batch`.', { min: 0 }),
      })
      .prefault({})
      .meta({ description: 'How long a call may wait for a place before it is sent away, by tier.' }),
    standingMs: milliseconds(
      10_000,
      'When calls have been waiting for so long without a break, waiting does not help any more: from then on `standard` calls wait no longer than `standingWaitMs`.',
    ),
    standingWaitMs: milliseconds(4000, 'See `standingMs`.', { min: 0 }),
    floorPercent: count(10, 'Share of the work that the tier `batch` gets in any case while it waits.', {
      min: 0,
      max: 50,
    }),
  })
  .prefault({})
  .meta({ description: 'What happens when more is asked than the model servers can serve.' })

export type OverloadOptions = z.output<typeof overloadSchema>
