/** Settings of `deployments.<name>.rollout`, and what they come to for a rollout. */
import { count, milliseconds, z } from '../../ground/schema.ts'
import { goldenPromptSchema } from './golden-prompt.ts'
import { type RolloutOptions, rolloutDefaults, type Strategy, stepsOf } from './rollout-options.ts'

const dayMs = 86_400_000

const gateSchema = z
  .strictObject({
    prompts: z.array(goldenPromptSchema).max(200).default([]).meta({
      description: 'Golden prompts: asked of the new and of the present release before the new one gets calls.',
    }),
    times: count(3, 'So often each is asked.', { max: 20 }),
    callsAtOnce: count(4, 'So many at once.', { max: 256 }),
  })
  .prefault({})
  .meta({ description: 'What a new release has to show before its first call.' })

export const rolloutSchema = z
  .strictObject({
    strategy: z.enum(['canary', 'rolling', 'blue-green']).default('canary').meta({
      description:
        'How a release takes over: `canary`, by 1, 5, 10, 25, 50 % of calls; `rolling`, by replicas; `blue-green`, all at once.',
    }),
    gate: gateSchema,
    readyMsMax: milliseconds(rolloutDefaults.readyMsMax, 'Until its first replicas are ready.', { min: 1000 }),
    gateMsMax: milliseconds(rolloutDefaults.gateMsMax, 'Until the golden prompts are answered.', { min: 1000 }),
    drainMsMax: milliseconds(rolloutDefaults.drainMsMax, 'Answers of the release before may take so long to end.'),
    warmMs: milliseconds(
      rolloutDefaults.warmMs,
      'So long the release before is kept running, for a rollback at once.',
      {
        min: 0,
        max: 7 * dayMs,
      },
    ),
    onInconclusive: z.enum(['wait', 'roll-back', 'go-on']).default('wait').meta({
      description:
        'When a release could neither be shown to be as good nor to be worse: `wait` for a person, `roll-back`, or `go-on` where nothing was found.',
    }),
    inconclusiveMsMax: milliseconds(rolloutDefaults.inconclusiveMsMax, '`wait` waits so long, and rolls back then.', {
      max: 7 * dayMs,
    }),
    windowsOnly: z.boolean().default(false).meta({
      description: 'Begin and go further only within planned maintenance that names an upstream or model of it.',
    }),
  })
  .prefault({})
  .meta({ description: 'How a new release takes over.' })

export type RolloutSettings = z.output<typeof rolloutSchema>

/** @param strategy that was asked for; the configured one where none was */
export function rolloutOptionsOf(settings: RolloutSettings, strategy: Strategy = settings.strategy): RolloutOptions {
  const { readyMsMax, gateMsMax, drainMsMax, warmMs, onInconclusive, inconclusiveMsMax } = settings
  return {
    ...{ readyMsMax, gateMsMax, drainMsMax, warmMs, onInconclusive, inconclusiveMsMax },
    steps: stepsOf[strategy],
  }
}
