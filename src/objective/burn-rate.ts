/**
 * Alerts on error budgets: how many times faster than allowed a budget burns, over a long window, so that it matters,
 * and over a short one, so that it still goes on (the multi-window, multi-burn-rate alerts of the Site Reliability
 * Workbook, chapter 5, with the tier of one day that is usual beside it). Pure. The rules for Prometheus are printed
 * from this table.
 */
import type { Condition, Severity } from '../alert/condition.ts'
import type { Objective } from './objective-options.ts'
import type { Tally } from './tally-window.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export interface BurnTier {
  readonly severity: Severity
  readonly longMs: number
  readonly shortMs: number
  /** 1 uses up exactly the budget in its window. */
  readonly burn: number
}

/** In 30 days such a burn over the long window has taken 2, 5, 10 and 10 % of the budget. */
export const burnTiers: readonly BurnTier[] = [
  { severity: 'critical', longMs: hourMs, shortMs: 5 * minuteMs, burn: 14.4 },
  { severity: 'critical', longMs: 6 * hourMs, shortMs: 30 * minuteMs, burn: 6 },
  { severity: 'warning', longMs: dayMs, shortMs: 2 * hourMs, burn: 3 },
  { severity: 'warning', longMs: 3 * dayMs, shortMs: 6 * hourMs, burn: 1 },
]

export const burnAlertName = 'ErrorBudgetBurn'

/** Calls of the last `windowMs`. */
export type SumOf = (windowMs: number) => Tally

/** Share of bad calls in units of the share that the objective allows; 0 without calls. */
export function burnRate({ good, bad }: Tally, target: number): number {
  return bad === 0 ? 0 : bad / (good + bad) / (1 - target)
}

/** The alert of an objective, by the most severe tier that both windows exceed; null when none is. */
export function burnCondition(objective: Objective, sumOf: SumOf): Condition | null {
  const { name, sli, target, badMin, windowDays, alert } = objective
  if (alert === 'none') return null
  for (const { severity, longMs, shortMs, burn } of burnTiers) {
    if (longMs > windowDays * dayMs) continue
    const long = sumOf(longMs)
    if (long.bad < badMin || burnRate(long, target) <= burn || burnRate(sumOf(shortMs), target) <= burn) continue
    const share = percent(long.bad / (long.good + long.bad))
    const summary = `${name} misses its objective of ${percent(target)}: ${share} bad over ${hoursText(longMs)}, ${burnRate(long, target).toFixed(1)} times what its error budget allows (${long.bad} of ${long.good + long.bad} calls)`
    return {
      name: burnAlertName,
      severity: alert === 'ticket' ? 'warning' : severity,
      labels: { objective: name, sli },
      summary,
      cure: cures[sli],
    }
  }
  return null
}

/** Two digits of what is missed, as many as it takes of what is kept. */
function percent(share: number): string {
  return `${Number((100 * share).toPrecision(share > 0.9 ? 5 : 2))} %`
}

function hoursText(windowMs: number): string {
  return windowMs >= dayMs ? `${windowMs / dayMs} d` : `${windowMs / hourMs} h`
}

const cures: Readonly<Record<Objective['sli'], string>> = {
  availability:
    'See `holdfast_calls_total` by `code` for what fails, and the table of faults for the cure of each code.',
  firstToken:
    'Look at queues (`holdfast_line_calls`) and at the upstreams’ load; add a model server, or shed batch calls.',
  interToken: 'The model servers are too full: lower what they are given at once, or add one.',
  continuation: 'Broken answers find no upstream that can go on: offer each model on two upstreams.',
  resume: 'Answers cannot be read again: look at the journal, its room on the disk, and `journal.keepMs`.',
  site: 'The application behind `web.routes` fails or is away: see `holdfast_web_requests_total` by `route` and `status`.',
}
