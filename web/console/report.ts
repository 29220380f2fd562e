/** Objectives and alerts, as the operators' port reports them. */
import { signal } from '@preact/signals'
import type { Condition } from '../../src/alert/condition.ts'
import type { Score } from '../../src/objective/scoreboard.ts'
import { ask, Refused } from './ask.ts'
import { poll } from './state.ts'

const periodMs = 5000

export interface Alert extends Condition {
  /** ISO 8601; null while it has not lasted long enough to be told. */
  readonly since: string | null
  readonly isFlapping: boolean
}

export interface Report {
  readonly objectives: readonly Score[]
  readonly alerts: readonly Alert[]
  /** Kept still by planned maintenance, until then. A gateway that runs since before an update does not tell it. */
  readonly muted?: readonly (Condition & { readonly window: string; readonly until: string })[]
  readonly receivers: readonly { readonly name: string; readonly trouble: string | null }[]
}

export const report = signal<Report | null>(null)
/** Why there is none; empty while there is. */
export const whyNoReport = signal('')

/** Returns what ends it. */
export function followReport(): () => void {
  return poll(periodMs, async () => {
    try {
      report.value = await ask<Report>('/alerts')
      whyNoReport.value = ''
    } catch (error) {
      const isAbsent = error instanceof Refused && error.status === 404
      whyNoReport.value = isAbsent ? 'This gateway keeps no objectives.' : String(error)
    }
  })
}
