/** The error budget of an objective: what is left of it, and when it will be gone. Pure. */
import type { Condition } from '../alert/condition.ts'
import { burnRate, type SumOf } from './burn-rate.ts'
import type { Objective } from './objective-options.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** A budget that lasts for longer is no reason to look at it. */
const soonMs = 3 * dayMs

export interface Budget {
  readonly good: number
  readonly bad: number
  /** Share of good calls in the window, 0 to 1; null without calls. */
  readonly reached: number | null
  /** Share of the budget that is left; below 0 when more went wrong than was allowed. */
  readonly leftShare: number
  /** Burn rate over the last hour; 1 uses up exactly the budget. */
  readonly burn: number
  /** When it will be gone if things go on as over the last day; null when it will not be. */
  readonly goneInMs: number | null
}

/** `ageMs`: for how long calls have been counted; the rest of the window is taken for as busy. */
export function budgetOf({ target, windowDays }: Objective, sumOf: SumOf, ageMs: number): Budget {
  const windowMs = windowDays * dayMs
  const { good, bad } = sumOf(windowMs)
  const all = good + bad
  const allowed = (1 - target) * all * Math.max(1, windowMs / Math.max(hourMs, ageMs))
  const leftShare = bad === 0 ? 1 : 1 - bad / allowed
  // Both, so that neither an hour nor a day that is over frightens anybody.
  const pace = Math.min(burnRate(sumOf(dayMs), target), burnRate(sumOf(6 * hourMs), target))
  const goneInMs = leftShare <= 0 ? 0 : pace <= 1 ? null : (leftShare * windowMs) / pace
  return {
    good,
    bad,
    reached: all === 0 ? null : good / all,
    leftShare,
    burn: burnRate(sumOf(hourMs), target),
    goneInMs,
  }
}

/** The warning that a budget is gone, or will be in three days. */
export function budgetCondition(objective: Objective, sumOf: SumOf, ageMs: number): Condition | null {
  const { name, sli, badMin, windowDays, alert } = objective
  if (alert === 'none') return null
  const { bad, leftShare, goneInMs } = budgetOf(objective, sumOf, ageMs)
  if (bad < badMin || goneInMs === null || goneInMs > soonMs) return null
  const isGone = leftShare <= 0
  return {
    name: isGone ? 'ErrorBudgetSpent' : 'ErrorBudgetForecast',
    severity: 'warning',
    labels: { objective: name, sli },
    summary: isGone
      ? `the error budget of ${name} for ${windowDays} days is used up (${bad} bad calls)`
      : `the error budget of ${name} will be used up in ${Math.max(1, Math.round(goneInMs / hourMs))} h at the pace of the last day; ${Math.round(100 * leftShare)} % is left`,
    cure: 'Put off risky changes, and see by `code` in `holdfast_calls_total` what uses it up.',
  }
}
