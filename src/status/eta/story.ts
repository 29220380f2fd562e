/** An incident as the estimate of its end sees it: what was said when, how far it was, and in which kind of words. */

export type StoryStage = 'investigating' | 'identified' | 'monitoring' | 'update'

export interface StoryUpdate {
  /** Minutes since the incident began. */
  readonly afterMin: number
  /** `update` where the provider only says more. */
  readonly stage: StoryStage
  /** What people wrote; empty for what a program wrote, whose words are always the same. */
  readonly text: string
}

export interface Story {
  /** Milliseconds since 1970. */
  readonly beganMs: number
  /** Oldest first. Those that lie in the future of the moment asked about are not looked at. */
  readonly updates: readonly StoryUpdate[]
  /** Another incident of the same provider was open when it began, or a maintenance in force or announced. */
  readonly isOneOfSeveral: boolean
  /** What the diagnosis says, such as `overload`; null while it is not known. Learnt from own incidents only. */
  readonly causeClass: string | null
}

/** One that is over. */
export interface EndedStory extends Story {
  /** How long it lasted. */
  readonly minutes: number
}

/** An estimate is never asked about less or more than this; what lasts longer is no incident but a state. */
export const elapsedMaxMin = 60 * 24 * 30

/** Absurd durations and clocks that went back are cut to what can be true; NaN is 0. */
export function boundedMinutes(minutes: number): number {
  return Number.isNaN(minutes) ? 0 : Math.min(elapsedMaxMin, Math.max(0, minutes))
}
