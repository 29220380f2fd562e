/** All that can happen to an incident: a closed union, kept in order and never changed. */
import type { Affected, Blame, Stage, Told } from './incident.ts'

interface Base {
  /** The incident. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** `holdfast`, or the name of an operator. */
  readonly by: string
}

export interface Opened extends Base {
  readonly kind: 'opened'
  readonly title: string
  readonly beganMs: number
  readonly stage: Stage
  readonly blame: Blame | null
  readonly affected: readonly Affected[]
  readonly text: string
  /** What title and text are written from; left out where an operator wrote them, and in old logs. */
  readonly told?: Told | undefined
}

/** What is left out stays as it was. */
export interface Updated extends Base {
  readonly kind: 'updated'
  readonly stage?: Stage
  readonly title?: string
  readonly blame?: Blame | null
  readonly affected?: readonly Affected[]
  /** Left out: what is known has changed, but there is nothing to say. */
  readonly text?: string
  /** As in `Opened`. */
  readonly told?: Told | undefined
}

export interface Merged extends Base {
  readonly kind: 'merged'
  readonly into: string
}

/** The text of an update is put right; the old one is kept. */
export interface Corrected extends Base {
  readonly kind: 'corrected'
  readonly number: number
  readonly text: string
}

export interface Silenced extends Base {
  readonly kind: 'silenced'
  readonly isSilenced: boolean
}

/** Not to be seen before. */
export interface Postponed extends Base {
  readonly kind: 'postponed'
  readonly untilMs: number
}

export type IncidentEvent = Opened | Updated | Merged | Corrected | Silenced | Postponed
