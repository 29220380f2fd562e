/** The report as one table, for spreadsheets (RFC 4180). */
import type { Report, Standing } from './report.ts'

const columns = [
  ...['month', 'part', 'name', 'calls', 'failed', 'slow', 'watched_minutes', 'maintenance_minutes'],
  ...['partial_minutes', 'major_minutes', 'uptime_percent', 'uptime_at_least_percent', 'target_percent'],
  ...['budget', 'budget_used', 'budget_unit', 'outage_minutes', 'incidents', 'calls_affected'],
  ...['credit_percent', 'amount', 'currency'],
] as const

type Row = Partial<Record<(typeof columns)[number], string | number | null>>

export function reportCsv(report: Report): string {
  const { month, house, components, budgets, causes, credits, costs, currency } = report
  const rows: Row[] = [
    { part: 'house', ...standing(house), outage_minutes: report.outageMinutes },
    ...components.map((each) => ({ part: 'component', ...standing(each) })),
    ...budgets.map(({ name, target, reached, unit, allowed, used }) => ({
      ...{ part: 'promise', name, uptime_percent: percent(reached), target_percent: percent(target) },
      ...{ budget: Math.round(allowed * 1000) / 1000, budget_used: used, budget_unit: unit },
    })),
    ...causes.map(({ cause, minutes, incidents, calls }) => ({
      ...{ part: 'cause', name: cause ?? 'unknown', outage_minutes: minutes, incidents, calls_affected: calls },
    })),
    ...credits.map(({ standing: own, creditPercent, amount }) => ({
      ...{ part: 'key', ...standing(own), credit_percent: creditPercent, amount, currency },
    })),
    ...costs.map(({ words, amount }) => ({ part: 'cost', name: words, amount, currency })),
  ]
  const lines = rows.map((row) => columns.map((column) => cell(column === 'month' ? month : row[column])).join(','))
  return `${[columns.join(','), ...lines].join('\r\n')}\r\n`
}

function standing(each: Standing): Row {
  return {
    name: each.name,
    calls: each.calls,
    failed: each.failed,
    slow: each.slow,
    watched_minutes: each.watchedMinutes,
    maintenance_minutes: each.maintenanceMinutes,
    partial_minutes: each.partialMinutes,
    major_minutes: each.majorMinutes,
    uptime_percent: percent(each.uptime),
    uptime_at_least_percent: percent(each.uptimeAtLeast),
  }
}

const percent = (share: number | null): number | null => (share === null ? null : Math.floor(share * 1e8) / 1e6)

/** A text that a spreadsheet would take for a formula is marked as a text. */
function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
