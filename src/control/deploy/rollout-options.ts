/** How a new release takes over: settings of `deployments.<name>.rollout`. */

export type Strategy = 'canary' | 'blue-green' | 'rolling'

export interface Step {
  /** Of new calls, 0 to 1. */
  readonly share: number
  /** So long at least, milliseconds in which calls were watched. */
  readonly msMin: number
  /** After this it is inconclusive. */
  readonly msMax: number
  /**
   * Whether the next step wants the new release shown to be no worse at this one; else it is enough that nothing
   * was found.
   */
  readonly isShown: boolean
}

export interface RolloutOptions {
  /** Until the first replicas of the new release are ready. */
  readonly readyMsMax: number
  readonly gateMsMax: number
  readonly steps: readonly Step[]
  /** How often what was measured is judged. */
  readonly lookMs: number
  /** How long calls of the present release may take to end, after which they are moved. */
  readonly drainMsMax: number
  /** How long the release before is kept running for a rollback at once. */
  readonly warmMs: number
  readonly onInconclusive: 'wait' | 'roll-back' | 'go-on'
  /** How long `wait` waits for a person; then it is rolled back. */
  readonly inconclusiveMsMax: number
}

const minute = 60_000

const step = (share: number, minutesMin: number, minutesMax: number, isShown = true): Step => ({
  ...{ share, msMin: minutesMin * minute, msMax: minutesMax * minute, isShown },
})

/** One call in a hundred cannot show much; five can, in time. Most of the watching is done below a tenth. */
const canary: readonly Step[] = [
  step(0.01, 3, 10, false),
  step(0.05, 12, 180),
  step(0.1, 4, 60),
  step(0.25, 4, 60),
  step(0.5, 4, 60),
  step(1, 0, 0, false),
]

/** Replica by replica, with as large a share as they are. */
const rolling: readonly Step[] = [
  step(0.05, 12, 180),
  ...[0.25, 0.5, 0.75].map((share) => step(share, 3, 60)),
  step(1, 0, 0, false),
]

/** All at once; that the new one is worse is told afterwards, while the one before is warm. */
const blueGreen: readonly Step[] = [step(1, 0, 0, false)]

export const stepsOf: Readonly<Record<Strategy, readonly Step[]>> = { canary, rolling, 'blue-green': blueGreen }

export const rolloutDefaults: Omit<RolloutOptions, 'steps'> = {
  lookMs: 10_000,
  readyMsMax: 10 * minute,
  gateMsMax: 15 * minute,
  drainMsMax: 10 * minute,
  warmMs: 30 * minute,
  onInconclusive: 'wait',
  inconclusiveMsMax: 24 * 60 * minute,
}
