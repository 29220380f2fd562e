/**
 * How many broken answers may be continued: each one only so often, and all together not more than a share of what is
 * under way, so that upstreams which break everything are not fed for ever.
 */
import type { Clock } from '../../ground/clock.ts'
import { count, z } from '../../ground/schema.ts'

export const continuationSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Go on with an answer on another upstream when its own breaks off in the middle.',
    }),
    perAnswerMax: count(16, 'How often one answer may be continued.', { min: 0, max: 100 }),
    livePercentMax: count(
      1000,
      'Continuations begun within ten seconds, as a percentage of the most answers that were under way at once in that time; 20 are always allowed.',
      { min: 0, max: 10_000 },
    ),
    sameModelOnly: z.boolean().default(false).meta({
      description:
        'Strict: never continue an answer on a model of another name. A caller can ask for it with `holdfast-continue: same-model`.',
    }),
    probes: z.boolean().default(true).meta({
      description:
        'When an answer broke that an upstream of unknown kind may be able to go on with, ask that once, by a call of eight tokens, whether it can.',
    }),
    tokenIds: z.boolean().default(true).meta({
      description:
        'Ask upstreams that can tell them for the ids of tokens, so that an answer can be continued token by token.',
    }),
  })
  .prefault({})
  .meta({ description: 'Going on with broken answers.' })

export type ContinuationOptions = z.output<typeof continuationSchema>

const windowMs = 10_000
const alwaysAllowed = 20

export class SeamBudget {
  readonly options: ContinuationOptions
  #clock: Clock
  #liveCount: () => number
  /** The continuations of the window: when each began, and how many answers were under way then. */
  #begun: { readonly atMs: number; readonly liveCount: number }[] = []

  constructor(clock: Clock, options: ContinuationOptions, liveCount: () => number) {
    this.#clock = clock
    this.options = options
    this.#liveCount = liveCount
  }

  /** Whether an answer that has been continued `seamCount` times may be so once more; if so, it counts. */
  take(seamCount: number): boolean {
    const { enabled, perAnswerMax, livePercentMax } = this.options
    if (!enabled || seamCount >= perAnswerMax) return false
    const nowMs = this.#clock.monotonicMs()
    const firstIn = this.#begun.findIndex(({ atMs }) => atMs > nowMs - windowMs)
    this.#begun = firstIn === -1 ? [] : this.#begun.slice(firstIn)
    const liveCount = this.#begun.reduce((most, each) => Math.max(most, each.liveCount), this.#liveCount())
    if (this.#begun.length >= Math.max(alwaysAllowed, (liveCount * livePercentMax) / 100)) return false
    this.#begun.push({ atMs: nowMs, liveCount: this.#liveCount() })
    return true
  }
}
