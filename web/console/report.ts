/** Objectives and alerts, as the operators' port reports them. */
import { signal } from '@preact/signals'
import { ask, Refused } from './ask.ts'
import { poll } from './state.ts'

const periodMs = 5000

export interface Objective {
  readonly name: string
  readonly sli: string
  readonly target: number
  readonly windowDays: number
  readonly good: number
  readonly bad: number
  /** Share of good calls, null without calls. */
  readonly reached: number | null
  /** Share of the budget that is left; below 0 when it is overdrawn. */
  readonly leftShare: number
  /** 1 uses up exactly the budget. */
  readonly burn: number
  readonly goneInMs: number | null
}

export interface Alert {
  readonly name: string
  readonly severity: 'info' | 'warning' | 'critical'
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly cure: string
  readonly since: string | null
  readonly isFlapping: boolean
}

export interface Report {
  readonly objectives: readonly Objective[]
  readonly alerts: readonly Alert[]
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
