/** Makes the report of a month out of the ledger, the incidents and what was promised. Pure. */
import type { Objective } from '../../objective/objective-options.ts'
import { dayMs, type LedgerDay, type LedgerOutage, minuteMs, wholeHouse } from '../../store/ledger.ts'
import { type Incident, isPublic } from '../incident.ts'
import { uptimeShare } from '../uptime.ts'
import { costLines, formulas } from './costs.ts'
import type { Month } from './month.ts'
import { byMinute, causeLines, incidentLines } from './outage-causes.ts'
import type { BudgetLine, CreditLine, DayLevel, DayLine, Report, Standing } from './report.ts'
import type { CostOptions, SlaOptions } from './report-options.ts'
import { creditFor } from './sla.ts'

export interface ReportParts {
  readonly month: Month
  readonly nowMs: number
  readonly days: readonly LedgerDay[]
  readonly watched: ReadonlyMap<number, number>
  readonly outages: readonly LedgerOutage[]
  readonly incidents: readonly Incident[]
  /** Names of components by their id; those that the ledger knows beside them go by their id. */
  readonly components: readonly { readonly id: string; readonly name: string; readonly models: readonly string[] }[]
  readonly objectives: readonly Objective[]
  /** Names of the keys to which something is promised. */
  readonly premiumKeys: readonly string[]
  readonly costs: CostOptions
  readonly sla: SlaOptions
}

export function makeReport(parts: ReportParts): Report {
  const { month, nowMs, sla } = parts
  const toMs = Math.max(month.fromMs, Math.min(month.toMs, nowMs))
  const inMonth = { ...parts, days: parts.days.filter((day) => day.dayMs >= month.fromMs && day.dayMs < month.toMs) }
  const incidents = parts.incidents.filter(
    (each) => isPublic(each, nowMs) && each.beganMs < toMs && (each.resolvedMs ?? nowMs) >= month.fromMs,
  )
  const minutes = Math.floor((toMs - month.fromMs) / minuteMs)
  const watchedMinutes = sumOf(
    [...parts.watched].filter(([ms]) => ms >= month.fromMs && ms < month.toMs).map(([, n]) => n),
  )
  const unwatchedMinutes = Math.max(0, minutes - watchedMinutes)
  const standing = (component: string, caller: string | null, name: string): Standing =>
    standingOf(inMonth.days, { component, caller, name, minutes, watchedMinutes, measure: sla.measure })
  const house = standing(wholeHouse, null, 'all calls')
  const components = componentsOf(inMonth).map(({ id, name }) => standing(id, null, name))
  const outages = parts.outages.filter(({ minuteMs: ms }) => ms >= month.fromMs && ms < toMs)
  const outageMinutes = byMinute(outages).size
  const credits = parts.premiumKeys.map((key) => creditLine(key, standing(wholeHouse, key, key), sla))
  const costs = costLines(parts.costs, { outageMinutes, house, credits })
  return {
    month: month.name,
    fromMs: month.fromMs,
    toMs,
    madeMs: nowMs,
    isOver: nowMs >= month.toMs,
    measure: sla.measure,
    ...{ minutes, unwatchedMinutes, outageMinutes, house, components, credits, costs },
    ...budgetsOf(inMonth, house, components),
    causes: causeLines(outages, incidents),
    incidents: incidentLines(incidents),
    days: dayLines(inMonth, outages, toMs),
    componentDays: componentsOf(inMonth).map(({ id, name }) => ({ name, levels: levelsOf(inMonth, id, toMs) })),
    currency: parts.costs.currency,
    costTotal: sumOf(costs.map(({ amount }) => amount)),
    formulas: formulas(sla, parts.costs),
    notes: notesFor(parts, { minutes, unwatchedMinutes }),
  }
}

interface About {
  readonly component: string
  readonly caller: string | null
  readonly name: string
  readonly minutes: number
  readonly watchedMinutes: number
  readonly measure: SlaOptions['measure']
}

function standingOf(days: readonly LedgerDay[], about: About): Standing {
  const { component, caller, name, minutes, watchedMinutes, measure } = about
  const own = days.filter((day) => day.component === component && day.caller === caller)
  const sum = (field: 'calls' | 'failed' | 'slow' | 'maintenanceMinutes' | 'partialMinutes' | 'majorMinutes'): number =>
    sumOf(own.map((day) => day[field]))
  const [calls, failed, maintenance] = [sum('calls'), sum('failed'), sum('maintenanceMinutes')]
  const [partial, major] = [sum('partialMinutes'), sum('majorMinutes')]
  const atLeast =
    minutes - maintenance <= 0 ? null : (watchedMinutes - maintenance - partial - major) / (minutes - maintenance)
  const ofMinutes = measure === 'minutes'
  const ofCalls = calls === 0 ? null : Math.max(0, 1 - failed / calls)
  return {
    ...{ name, calls, failed, slow: sum('slow'), watchedMinutes },
    ...{ maintenanceMinutes: maintenance, partialMinutes: partial, majorMinutes: major },
    uptime: ofMinutes ? uptimeShare({ watched: watchedMinutes, maintenance, partial, major }) : ofCalls,
    uptimeAtLeast: ofMinutes && atLeast !== null ? Math.max(0, Math.min(1, atLeast)) : null,
  }
}

/** Those that are named, and those that the ledger knows beside them. */
function componentsOf({ components, days }: ReportParts): { id: string; name: string }[] {
  const known = new Map(components.map(({ id, name }) => [id, name]))
  for (const { component, caller } of days)
    if (component !== wholeHouse && caller === null && !known.has(component)) known.set(component, component)
  return [...known].map(([id, name]) => ({ id, name }))
}

function creditLine(key: string, standing: Standing, { ladder, fees }: SlaOptions): CreditLine {
  const { percent, below } = creditFor(standing.uptime, ladder)
  const fee = Object.hasOwn(fees, key) ? (fees[key] ?? null) : null
  return { key, standing, creditPercent: percent, below, fee, amount: fee === null ? null : (fee * percent) / 100 }
}

/** The promise for each component, and the objectives of availability of which the ledger keeps the calls. */
function budgetsOf(
  parts: ReportParts,
  house: Standing,
  components: readonly Standing[],
): Pick<Report, 'budgets' | 'unmeasured'> {
  const target = parts.sla.target / 100
  const budgets = components.map((each) => budgetOf(each.name, target, each, parts.sla.measure))
  const unmeasured: string[] = []
  for (const { name, sli, target: wanted, routes, models, callers } of parts.objectives) {
    const standing = routes || callers ? null : models ? ofModels(parts, components, models) : house
    if (sli !== 'availability' || standing === null) unmeasured.push(name)
    else budgets.push(budgetOf(name, wanted, standing, 'calls'))
  }
  return { budgets, unmeasured }
}

function ofModels(
  { components }: ReportParts,
  standings: readonly Standing[],
  models: readonly string[],
): Standing | null {
  const same = components.find(
    (each) => each.models.length === models.length && each.models.every((model) => models.includes(model)),
  )
  return standings.find(({ name }) => name === same?.name) ?? null
}

function budgetOf(name: string, target: number, standing: Standing, unit: 'minutes' | 'calls'): BudgetLine {
  const { calls, failed, watchedMinutes, maintenanceMinutes, partialMinutes, majorMinutes } = standing
  const all = unit === 'calls' ? calls : watchedMinutes - maintenanceMinutes
  const used = unit === 'calls' ? failed : partialMinutes + majorMinutes
  const allowed = all * (1 - target)
  const reached = all <= 0 ? null : Math.max(0, 1 - used / all)
  return { name, target, reached, unit, allowed, used, leftShare: allowed <= 0 ? null : 1 - used / allowed }
}

function dayLines({ month, days, watched }: ReportParts, outages: readonly LedgerOutage[], toMs: number): DayLine[] {
  const worst = new Map<number, boolean>()
  for (const { minuteMs: ms, caller, level } of outages)
    if (caller === null) worst.set(ms, worst.get(ms) === true || level === 'major_outage')
  const lines: DayLine[] = []
  for (let ms = month.fromMs; ms < toMs; ms += dayMs) {
    const own = [...worst].filter(([minute]) => minute >= ms && minute < ms + dayMs)
    const majorMinutes = own.filter(([, isMajor]) => isMajor).length
    const house = days.find((day) => day.dayMs === ms && day.component === wholeHouse && day.caller === null)
    lines.push({
      day: new Date(ms).toISOString().slice(0, 10),
      partialMinutes: own.length - majorMinutes,
      majorMinutes,
      watchedMinutes: watched.get(ms) ?? 0,
      minutes: Math.floor(Math.min(dayMs, toMs - ms) / minuteMs),
      failed: house?.failed ?? 0,
    })
  }
  return lines
}

function levelsOf({ month, days, watched }: ReportParts, component: string, toMs: number): DayLevel[] {
  const levels: DayLevel[] = []
  for (let ms = month.fromMs; ms < toMs; ms += dayMs) {
    const day = days.find((each) => each.dayMs === ms && each.component === component && each.caller === null)
    if (!watched.get(ms)) levels.push('none')
    else if (day && day.majorMinutes > 0) levels.push('major')
    else if (day && day.partialMinutes > 0) levels.push('partial')
    else levels.push(day && day.degradedMinutes > 0 ? 'degraded' : 'good')
  }
  return levels
}

function notesFor({ month, nowMs, days }: ReportParts, told: { minutes: number; unwatchedMinutes: number }): string[] {
  const notes: string[] = []
  if (nowMs < month.fromMs) notes.push('The month has not begun.')
  else if (nowMs < month.toMs) notes.push('The month has not ended: these are the figures up to now.')
  const { minutes, unwatchedMinutes } = told
  if (unwatchedMinutes > 0)
    notes.push(
      `${unwatchedMinutes} of ${minutes} minutes were not watched (the gateway was off, or did not write): they count neither as up nor as down. “At least” is the uptime if all of them had been an outage.`,
    )
  if (days.length === 0) notes.push('The ledger has nothing of this month.')
  return notes
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0)
