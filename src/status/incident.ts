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

export interface IncidentUpdate {
  /** From 1. */
  readonly number: number
  readonly atMs: number
  readonly stage: Stage
  readonly text: string
  /** `holdfast`, or the name of the operator who wrote it. */
  readonly by: string
  readonly levels: Readonly<Record<string, Level>>
  /** The text that stood there before an operator corrected it, oldest first. */
  readonly corrected: readonly { readonly atMs: number; readonly by: string; readonly text: string }[]
}

/** All times in milliseconds since 1970. */
export interface Incident {
  readonly id: string
  readonly title: string
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

export function isOpen({ stage, mergedInto }: Incident): boolean {
  return stage !== 'resolved' && mergedInto === null
}

/** Whether the public may see it. */
export function isPublic({ isSilenced, postponedMs, mergedInto }: Incident, nowMs: number): boolean {
  return !isSilenced && mergedInto === null && postponedMs <= nowMs
}
