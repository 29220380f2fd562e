/** The report as a page of its own: one file, no script, nothing from elsewhere, made to be printed on A4. */
import { printableHtml } from './printable-html.ts'
import { countWords, moneyWords, percentWords, timeWords } from './figures.ts'
import { causeBars, colors, dayStrips, outageColumns } from './plot.ts'
import type { Report, Standing } from './report.ts'

const css = `
@page { size: A4; margin: 16mm }
* { box-sizing: border-box }
body { font: 14px/1.5 system-ui, sans-serif; color: #1b2430; background: #fff; max-width: 190mm; margin: 2em auto }
h1 { font-size: 1.7em; margin: 0 }
h2 { font-size: 1.15em; margin: 2em 0 .5em; break-after: avoid }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .3em .5em; border-bottom: 1px solid #e3e6ea; vertical-align: top }
th { font-weight: 600; color: #526070 }
td { white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal }
td:first-child { overflow-wrap: break-word; min-width: 7em; max-width: 20em }
tr, svg, .note { break-inside: avoid }
svg { width: 100%; height: auto; display: block }
svg text { font: 11px system-ui, sans-serif; fill: #38434f }
.lead { color: #526070 }
.note { border-left: 4px solid #e5b93c; background: #fdf7e3; padding: .5em .8em; margin: .6em 0 }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em }
ul { padding-left: 1.2em }
@media screen { body { padding: 0 1em } }
@media print { body { margin: 0; max-width: none; font-size: 11px; print-color-adjust: exact } }`

/** @param name whose report it is. */
export function reportPage(report: Report, name: string): string {
  const { month, notes, formulas, house, isOver, toMs, madeMs, outageMinutes } = report
  const title = `${name}: report for ${month}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${printableHtml(title)}</title><style>${css}</style></head><body>
<h1>${printableHtml(title)}</h1>
<p class="lead">${isOver ? 'The whole month' : `Up to ${timeWords(toMs)}`}, in UTC. Made ${timeWords(madeMs)}.</p>
${notes.map((note) => `<p class="note">${printableHtml(note)}</p>`).join('\n')}
<p>${countWords(house.calls)} calls; ${countWords(house.failed)} failed, ${countWords(house.slow)} were slow;
${countWords(outageMinutes)} minutes with an outage in any component.</p>
<h2>Components</h2>
${standings(report)}
${dayStrips(report.componentDays, report.days)}
<p class="key lead">${key()}</p>
<h2>Minutes of an outage by day</h2>
${outageColumns(report.days)}
${section('Promises and their error budgets', budgets(report))}
${section('Outages by cause', causeBars(report.causes) + causes(report))}
${section('Incidents', incidents(report))}
${section('Credits', credits(report))}
${section('Estimated cost', costs(report))}
<h2>How this is reckoned</h2>
<ul>${formulas.map((formula) => `<li>${printableHtml(formula)}</li>`).join('')}</ul>
</body></html>
`
}

function key(): string {
  const words = {
    good: 'no outage',
    degraded: 'degraded',
    partial: 'partial outage',
    major: 'major outage',
    none: 'not watched',
  }
  return Object.entries(words)
    .map(([level, word]) => `<span style="background:${colors[level as keyof typeof colors]}"></span>${word}`)
    .join('')
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<h2>${title}</h2>\n${content}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const line = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}${tag === 'th' ? ' scope="col"' : ''}>${printableHtml(cell)}</${tag}>`).join('')}</tr>`
  return `<table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('\n')}</tbody></table>`
}

function standings({ components, house }: Report): string {
  const row = (each: Standing): string[] => [
    each.name,
    percentWords(each.uptime),
    percentWords(each.uptimeAtLeast),
    countWords(each.majorMinutes),
    countWords(each.partialMinutes),
    countWords(each.maintenanceMinutes),
    countWords(each.calls),
    countWords(each.failed),
  ]
  const head = ['Component', 'Uptime', 'At least', 'Major, min', 'Partial, min', 'Planned, min', 'Calls', 'Failed']
  return table(head, [...components.map(row), row(house)])
}

function budgets({ budgets: lines, unmeasured }: Report): string {
  const rows = lines.map(({ name, target, reached, used, allowed, unit, leftShare }) => [
    name,
    percentWords(target),
    percentWords(reached),
    `${countWords(used)} of ${allowed.toFixed(1)} ${unit}`,
    leftShare === null ? '–' : `${Math.floor(leftShare * 100)} %`,
  ])
  const rest =
    unmeasured.length === 0 ? '' : `<p class="lead">Not in the ledger: ${unmeasured.map(printableHtml).join(', ')}.</p>`
  return table(['Promise', 'Promised', 'Reached', 'Used', 'Left'], rows) + rest
}

function causes({ causes: lines }: Report): string {
  const rows = lines.map((each) => [
    each.title,
    countWords(each.minutes),
    countWords(each.incidents),
    countWords(each.calls),
  ])
  return table(['Cause', 'Minutes', 'Incidents', 'Calls affected'], rows)
}

function incidents({ incidents: lines }: Report): string {
  const rows = lines.map(({ title, beganMs, resolvedMs, impact, calls }) => [
    title,
    timeWords(beganMs),
    resolvedMs === null ? 'goes on' : timeWords(resolvedMs),
    impact,
    countWords(calls),
  ])
  return table(['Incident', 'Began', 'Over', 'Impact', 'Calls affected'], rows)
}

function credits({ credits: lines, currency }: Report): string {
  const rows = lines.map(({ key: name, standing, creditPercent, amount }) => [
    name,
    percentWords(standing.uptime),
    countWords(standing.calls),
    countWords(standing.failed),
    `${creditPercent} %`,
    amount === null ? '–' : moneyWords(amount, currency),
  ])
  return table(['Key', 'Uptime', 'Calls', 'Failed', 'Credit', 'Amount'], rows)
}

function costs({ costs: lines, costTotal, currency }: Report): string {
  if (lines.length === 0) return ''
  const rows = lines.map(({ words, count, price, amount }) => [
    words,
    countWords(count),
    `× ${price}`,
    moneyWords(amount, currency),
  ])
  return table(['', 'Number', 'Price', 'Amount'], [...rows, ['Together', '', '', moneyWords(costTotal, currency)]])
}
