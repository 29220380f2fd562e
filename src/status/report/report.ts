/** What a month came to: the shape of the report, in which the text, JSON, CSV and the page agree. */
import type { CauseClass } from '../../diagnosis/cause.ts'
import type { Impact } from '../incident.ts'

/** Of one component, of all of the service, or of one caller. Minutes are whole; one with any outage counts. */
export interface Standing {
  readonly name: string
  readonly calls: number
  /** Failed, through no fault of the caller. */
  readonly failed: number
  readonly slow: number
  readonly watchedMinutes: number
  readonly maintenanceMinutes: number
  readonly partialMinutes: number
  readonly majorMinutes: number
  /** By the measure of the promise, of what was watched; null where nothing was. */
  readonly uptime: number | null
  /** The same, if all that was not watched had been an outage; null where calls are what is measured. */
  readonly uptimeAtLeast: number | null
}

/** A promise, and what is left of what it allows. */
export interface BudgetLine {
  readonly name: string
  readonly target: number
  readonly reached: number | null
  readonly unit: 'minutes' | 'calls'
  /** That the target allows in all, and that are used. */
  readonly allowed: number
  readonly used: number
  /** Of what is allowed; below 0 where more is used. Null where nothing was measured. */
  readonly leftShare: number | null
}

export interface CauseLine {
  /** Of the table of causes; null for outages that no incident explains. */
  readonly cause: string | null
  readonly class: CauseClass | null
  readonly title: string
  /** Minutes in which any component had an outage that is put down to it. */
  readonly minutes: number
  readonly incidents: number
  /** Calls that failed or were slow in these incidents. */
  readonly calls: number
}

export interface IncidentLine {
  readonly id: string
  readonly title: string
  readonly impact: Impact
  readonly beganMs: number
  /** Null while it goes on. */
  readonly resolvedMs: number | null
  readonly cause: string | null
  readonly calls: number
}

export interface CreditLine {
  readonly key: string
  readonly standing: Standing
  /** Of the month's fee, in percent. */
  readonly creditPercent: number
  /** The step of the ladder that says so; null for none. */
  readonly below: number | null
  readonly fee: number | null
  /** Null where the fee is not known. */
  readonly amount: number | null
}

export interface CostLine {
  readonly words: string
  readonly count: number
  readonly price: number
  readonly amount: number
}

/** Minutes of one day: those of an outage in any component, and those that were watched. */
export interface DayLine {
  readonly day: string
  readonly partialMinutes: number
  readonly majorMinutes: number
  readonly watchedMinutes: number
  readonly minutes: number
  readonly failed: number
}

export interface Report {
  readonly month: string
  readonly fromMs: number
  /** Up to here: its end, or now. */
  readonly toMs: number
  readonly madeMs: number
  readonly isOver: boolean
  readonly measure: 'minutes' | 'calls'
  /** Minutes of the month up to `toMs`, and those of them in which the gateway was not watching. */
  readonly minutes: number
  readonly unwatchedMinutes: number
  /** Minutes in which any component had an outage. */
  readonly outageMinutes: number
  readonly house: Standing
  readonly components: readonly Standing[]
  readonly budgets: readonly BudgetLine[]
  /** Objectives of which the ledger does not keep what they measure. */
  readonly unmeasured: readonly string[]
  readonly causes: readonly CauseLine[]
  readonly incidents: readonly IncidentLine[]
  readonly days: readonly DayLine[]
  readonly componentDays: readonly { readonly name: string; readonly levels: readonly DayLevel[] }[]
  readonly credits: readonly CreditLine[]
  readonly currency: string
  readonly costs: readonly CostLine[]
  readonly costTotal: number
  /** How uptime, credits and costs come about. */
  readonly formulas: readonly string[]
  /** What whoever reads it has to know: gaps, a month that goes on. */
  readonly notes: readonly string[]
}

/** Of one component on one day; `none`: not watched. */
export type DayLevel = 'none' | 'good' | 'degraded' | 'partial' | 'major'
