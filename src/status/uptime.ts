/**
 * From the ledger to the bars of days and the uptime of a component, as the public sees them. Pure. What was not
 * watched counts neither for nor against; planned maintenance is no outage, and no uptime either.
 */
import { dayMs, type LedgerDay } from '../store/ledger.ts'
import type { Level } from './incident.ts'
import type { ComponentView, DayView } from './status-view.ts'

export const daysShown = 90

/** Minutes of a time, for one component or caller. */
export interface Minutes {
  readonly watched: number
  readonly maintenance: number
  readonly partial: number
  readonly major: number
}

/** Minutes without an outage as a share of those that were watched and not under maintenance; null without any. */
export function uptimeShare({ watched, maintenance, partial, major }: Minutes): number | null {
  const counted = watched - maintenance
  return counted <= 0 ? null : Math.max(0, 1 - (partial + major) / counted)
}

/**
 * @param days of any components and callers. @param watched minutes of each day that were, by its first moment.
 * @returns days of UTC up to that of `nowMs`, without those before the first that was watched.
 */
export function uptimeOf(
  component: string,
  days: readonly LedgerDay[],
  watched: ReadonlyMap<number, number>,
  nowMs: number,
): Pick<ComponentView, 'days' | 'goodShare' | 'uptimeShare'> {
  const today = Math.floor(nowMs / dayMs) * dayMs
  const own = new Map(
    days
      .filter((day) => day.component === component && day.caller === null && day.dayMs <= today)
      .map((day) => [day.dayMs, day]),
  )
  const firstMs = Math.max(today - (daysShown - 1) * dayMs, Math.min(today, ...watched.keys()))
  const shown: DayView[] = []
  const sum = { calls: 0, bad: 0, watched: 0, maintenance: 0, partial: 0, major: 0 }
  for (let ms = firstMs; ms <= today; ms += dayMs) {
    const day = own.get(ms)
    const minutes = watched.get(ms) ?? 0
    shown.push(dayView(ms, day, minutes))
    sum.watched += minutes
    if (!day) continue
    sum.calls += day.calls
    sum.bad += day.failed + day.slow
    sum.maintenance += day.maintenanceMinutes
    sum.partial += day.partialMinutes
    sum.major += day.majorMinutes
  }
  return { days: shown, goodShare: sum.calls === 0 ? null : 1 - sum.bad / sum.calls, uptimeShare: uptimeShare(sum) }
}

function dayView(ms: number, day: LedgerDay | undefined, watchedMinutes: number): DayView {
  return {
    day: new Date(ms).toISOString().slice(0, 10),
    level: watchedMinutes === 0 ? null : worstOf(day),
    calls: day?.calls ?? 0,
    badCalls: (day?.failed ?? 0) + (day?.slow ?? 0),
    partialMinutes: day?.partialMinutes ?? 0,
    majorMinutes: day?.majorMinutes ?? 0,
  }
}

function worstOf(day: LedgerDay | undefined): Level {
  if (!day) return 'operational'
  if (day.majorMinutes > 0) return 'major_outage'
  if (day.partialMinutes > 0) return 'partial_outage'
  return day.degradedMinutes > 0 ? 'degraded_performance' : 'operational'
}
