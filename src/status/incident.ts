/**
 * An incident, as the public sees it. Nobody writes one as a whole: it is what its events add up to, so that every
 * change to its history is itself kept.
 */
import type { CauseClass } from '../diagnosis/cause.ts'
import type { CauseName } from '../diagnosis/causes.ts'

/** How far it has come; the words of Statuspage. */
export const stages = ['investigating', 'identified', 'monitoring', 'resolved'] as const
export type Stage = (typeof stages)[number]

/** How a component does, from well to worst; the words of Statuspage. */
export const levels = ['operational', 'degraded_performance', 'partial_outage', 'major_outage'] as const
export type Level = (typeof levels)[number]

export const impacts = {
  operational: 'none',
  degraded_performance: 'minor',
  partial_outage: 'major',
  major_outage: 'critical',
} as const satisfies Record<Level, string>
export type Impact = (typeof impacts)[Level]

export function worse(a: Level, b: Level): Level {
  return levels.indexOf(a) >= levels.indexOf(b) ? a : b
}

/** Why: a row of the table of causes, and what it is about (an upstream, or null where it is about none). */
export interface Blame {
  readonly cause: CauseName
  readonly class: CauseClass
  readonly subject: string | null
}

/** One component in one incident. */
export interface Affected {
  readonly component: string
  /** Now. */
  readonly level: Level
  readonly worst: Level
  /** Calls since it began, and how many of these failed or were degraded. */
  readonly total: number
  readonly bad: number
}

/**
 * The facts that an automatic text is written from. They are kept beside it, so that a page can say the same in its own
 * language; what operators write has none.
 */
export interface Told {
  readonly stage: Stage
  readonly beganMs: number
  readonly atMs: number
  /** Null while the cause is not known. */
  readonly cause: CauseClass | null
  /** All that it is about, as the public knows them. */
  readonly names: NameRow
  /** Of these, those that do not do well now. */
  readonly harmed: NameRow
  /** So far. */
  readonly worst: Level
  /** Of the calls since it began, those that failed or were slow; and both as counts. */
  readonly share: number
  readonly calls: number
  readonly badCalls: number
  /** It had been over, or nearly. */
  readonly isBack: boolean
}

/** The first few, and how many more there are. */
export interface NameRow {
  readonly shown: readonly string[]
  readonly more: number
}

export interface IncidentUpdate {
  /** From 1. */
  readonly number: number
  readonly atMs: number
  readonly stage: Stage
  readonly text: string
  /** What the text is written from, so that it can be said in another language; only of automatic ones. */
  readonly told?: Told
  /** `holdfast`, or the name of the operator who wrote it. */
  readonly by: string
  readonly levels: Readonly<Record<string, Level>>
  /** The text that stood there before an operator corrected it, oldest first. */
  readonly corrected: readonly Correction[]
}

export interface Correction extends Pick<IncidentUpdate, 'text' | 'told'> {
  readonly atMs: number
  readonly by: string
}

/** All times in milliseconds since 1970. */
export interface Incident {
  readonly id: string
  readonly title: string
  /** What the title is written from; only of an automatic one. */
  readonly told?: Told
  /** It has a title that an operator gave it, which stays. */
  readonly isTitleGiven?: boolean
  readonly stage: Stage
  /** The worst level so far, or what an operator says. */
  readonly impact: Impact
  readonly blame: Blame | null
  /** When the first harm was measured, and when the incident was opened. */
  readonly beganMs: number
  readonly openedMs: number
  readonly identifiedMs: number | null
  readonly monitoringMs: number | null
  readonly resolvedMs: number | null
  readonly affected: readonly Affected[]
  readonly updates: readonly IncidentUpdate[]
  /** Of another incident, of which this is a part. */
  readonly mergedInto: string | null
  /** An operator does not want it to be seen. */
  readonly isSilenced: boolean
  /** Not to be seen before; 0 for at once. */
  readonly postponedMs: number
  /** Who opened it: `holdfast`, or an operator's name. */
  readonly by: string
}

export function isOpen({ stage, mergedInto }: Pick<Incident, 'stage' | 'mergedInto'>): boolean {
  return stage !== 'resolved' && mergedInto === null
}

/** Whether the public may see it. */
export function isPublic({ isSilenced, postponedMs, mergedInto }: Incident, nowMs: number): boolean {
  return !isSilenced && mergedInto === null && postponedMs <= nowMs
}
