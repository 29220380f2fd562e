/** Settings of `deployments.<name>.rollout`, and what they come to for a rollout. */
import { count, milliseconds, z } from '../../ground/schema.ts'
import { goldenPromptSchema } from './golden-prompt.ts'
import { type RolloutOptions, rolloutDefaults, type Strategy, stepsOf } from './rollout-options.ts'

const dayMs = 86_400_000

const shadowSchema = z
  .strictObject({
    callers: z.array(z.string().min(1)).min(1).max(64).meta({
      description: 'Names of the callers (`keys`) whose calls may be asked once more.',
    }),
    callsMax: count(20, 'So many of them at a gate.', { max: 200 }),
    bytesMax: count(16_384, 'Longer ones are left out.', { min: 256, max: 262_144 }),
    keptMs: milliseconds(3_600_000, 'So long they are kept, in memory only.', { min: 60_000, max: dayMs }),
  })
  .optional()
  .meta({
    description:
      'Real calls, asked of both releases once more before the new one gets calls; nobody is answered with that. Left out, none are kept.',
  })

const gateSchema = z
  .strictObject({
    prompts: z.array(goldenPromptSchema).max(200).default([]).meta({
      description: 'Golden prompts: asked of the new and of the present release before the new one gets calls.',
    }),
    times: count(3, 'So often each is asked.', { max: 20 }),
    callsAtOnce: count(4, 'So many at once.', { max: 256 }),
    shadow: shadowSchema,
  })
  .prefault({})
  .meta({ description: 'What a new release has to show before its first call.' })

const stepSchema = z.strictObject({
  share: z.number().gt(0).max(1).meta({ description: 'Of new calls, above 0, at most 1.' }),
  msMin: milliseconds(0, 'So long at least.', { min: 0, max: 7 * dayMs }),
  msMax: milliseconds(3_600_000, 'After this, when nothing could be shown, it is inconclusive.', {
    min: 0,
    max: 7 * dayMs,
  }),
  shown: z.boolean().default(true).meta({
    description:
      'Whether the next step wants it shown that the release does no harm; else it is enough that nothing was found.',
  }),
})

function rises(steps: readonly { readonly share: number }[]): boolean {
  return steps.every(({ share }, i) => share > (steps[i - 1]?.share ?? 0)) && steps.at(-1)?.share === 1
}

export const rolloutSchema = z
  .strictObject({
    strategy: z.enum(['canary', 'rolling', 'blue-green']).default('canary').meta({
      description:
        'How a release takes over: `canary`, by 1, 5, 10, 25, 50 % of calls; `rolling`, by replicas; `blue-green`, all at once.',
    }),
    steps: z.array(stepSchema).min(1).max(20).refine(rises, 'shares that rise, the last of them 1').optional().meta({
      description: 'Steps of your own, in place of those of `canary` and `rolling`.',
    }),
    lookMs: milliseconds(rolloutDefaults.lookMs, 'So often what was measured is judged.', { min: 500, max: 60_000 }),
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
  const { lookMs, readyMsMax, gateMsMax, drainMsMax, warmMs, onInconclusive, inconclusiveMsMax } = settings
  const own = strategy === 'blue-green' ? undefined : settings.steps
  return {
    ...{ lookMs, readyMsMax, gateMsMax, drainMsMax, warmMs, onInconclusive, inconclusiveMsMax },
    steps: own?.map(({ shown, ...step }) => ({ ...step, isShown: shown })) ?? stepsOf[strategy],
  }
}
