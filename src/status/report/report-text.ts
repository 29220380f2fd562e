/** The report as text for a terminal. */
import { printable } from '../../observe/fact-words.ts'
import { countWords, moneyWords, percentWords, timeWords } from './figures.ts'
import type { Report, Standing } from './report.ts'

const nameMax = 40
const incidentsMax = 50

export function reportText(report: Report): string {
  const { month, house, notes, formulas, isOver, toMs } = report
  return [
    `Report for ${month}${isOver ? '' : `, up to ${timeWords(toMs)} UTC`}`,
    ...notes.map((note) => `  ! ${note}`),
    '',
    `${countWords(house.calls)} calls, ${countWords(house.failed)} failed, ${countWords(house.slow)} slow; ${countWords(report.outageMinutes)} minutes with an outage`,
    ...section('Components', standings(report)),
    ...section('Promises and their error budgets', budgets(report)),
    ...section('Outages by cause', causes(report)),
    ...section('Incidents', incidents(report)),
    ...section('Credits', credits(report)),
    ...section('Estimated cost', costs(report)),
    ...section('How this is reckoned', formulas),
    '',
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

function standings({ components, house }: Report): string[] {
  const row = (each: Standing): string[] => [
    each.name,
    percentWords(each.uptime),
    each.uptimeAtLeast === null ? '–' : percentWords(each.uptimeAtLeast),
    countWords(each.majorMinutes),
    countWords(each.partialMinutes),
    countWords(each.maintenanceMinutes),
    countWords(each.calls),
    countWords(each.failed),
  ]
  const head = ['', 'uptime', 'at least', 'major min', 'partial min', 'planned min', 'calls', 'failed']
  return table([head, ...components.map(row), row(house)])
}

function budgets({ budgets: lines, unmeasured }: Report): string[] {
  const rows = lines.map(({ name, target, reached, used, allowed, unit, leftShare }) => [
    name,
    percentWords(target),
    percentWords(reached),
    `${countWords(used)} of ${allowed.toFixed(1)} ${unit}`,
    leftShare === null ? '–' : `${Math.floor(leftShare * 100)} %`,
  ])
  const shown = rows.length === 0 ? [] : table([['', 'promised', 'reached', 'used', 'left'], ...rows])
  if (unmeasured.length === 0) return shown
  return [...shown, `Not in the ledger: ${unmeasured.map(printable).join(', ')} (see \`holdfast alerts\`).`]
}

function causes({ causes: lines }: Report): string[] {
  if (lines.length === 0) return []
  const rows = lines.map((each) => [
    each.title,
    countWords(each.minutes),
    countWords(each.incidents),
    countWords(each.calls),
  ])
  return table([['', 'minutes', 'incidents', 'calls affected'], ...rows])
}

function incidents({ incidents: lines }: Report): string[] {
  const rows = lines.slice(-incidentsMax).map(({ beganMs, resolvedMs, impact, calls, title }) => {
    const end = resolvedMs === null ? 'goes on         ' : timeWords(resolvedMs)
    return `${timeWords(beganMs)}  ${end}  ${impact.padEnd(8)} ${countWords(calls).padStart(9)} calls  ${printable(title)}`
  })
  return lines.length > incidentsMax ? [`(the last ${incidentsMax} of ${lines.length})`, ...rows] : rows
}

function credits({ credits: lines, currency }: Report): string[] {
  if (lines.length === 0) return []
  const rows = lines.map(({ key, standing, creditPercent, amount }) => [
    key,
    percentWords(standing.uptime),
    countWords(standing.calls),
    countWords(standing.failed),
    `${creditPercent} %`,
    amount === null ? '–' : moneyWords(amount, currency),
  ])
  return table([['', 'uptime', 'calls', 'failed', 'credit', 'amount'], ...rows])
}

function costs({ costs: lines, costTotal, currency }: Report): string[] {
  if (lines.length === 0) return []
  const rows = lines.map(({ words, count, price, amount }) => [
    words,
    countWords(count),
    `× ${price}`,
    moneyWords(amount, currency),
  ])
  return table([...rows, ['together', '', '', moneyWords(costTotal, currency)]])
}

/** The first column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map((cell) => [...printable(cell)].slice(0, nameMax).join('')))
  const widths = (shown[0] ?? []).map((_, i) => Math.max(...shown.map((row) => [...(row[i] ?? '')].length)))
  return shown.map((row) =>
    row
      .map((cell, i) => {
        const pad = ' '.repeat(Math.max(0, (widths[i] ?? 0) - [...cell].length))
        return i === 0 ? cell + pad : pad + cell
      })
      .join('  ')
      .trimEnd(),
  )
}
