/** What has been, a page for each month. */
import type { StatusView } from '../status-view.ts'
import { frame } from './frame.ts'
import { html, type Html } from './html.ts'
import { incidentLine } from './incident-card.ts'
import { maintenanceLine } from './maintenance-card.ts'
import { homeOf, type PageScene } from './page-scene.ts'
import type { PageTime } from './page-time.ts'

/** Ninety days lie in four months at most, or five by another zone; a clock that jumped must not make thousands. */
const monthsMax = 6

/** `2026-11`, newest first: this month, and back to the first that anything is known of. */
export function monthsOf({ updatedMs, incidents, maintenances, components }: StatusView, time: PageTime): string[] {
  const days = components.flatMap(({ days: [first] }) => (first ? [first.day.slice(0, 7)] : []))
  const known = [
    ...incidents.map(({ beganMs }) => time.monthOf(beganMs)),
    ...maintenances.filter(({ fromMs }) => fromMs <= updatedMs).map(({ fromMs }) => time.monthOf(fromMs)),
  ]
  const first = [...days, ...known].filter((each) => /^\d{4}-\d{2}$/.test(each)).toSorted()[0]
  const months: string[] = []
  let month = time.monthOf(updatedMs)
  while (
    months.length < monthsMax &&
    month !== '' &&
    (months.length === 0 || (first !== undefined && month >= first))
  ) {
    months.push(month)
    month = before(month)
  }
  return months
}

function before(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return number === 1 ? `${year - 1}-12` : `${year}-${String(number - 1).padStart(2, '0')}`
}

/** The newest month is at the address without one. */
export const monthPath = (month: string, months: readonly string[]): string =>
  month === months[0] ? 'history.html' : `history/${month}.html`

export function historyPage(scene: PageScene, month: string, months: readonly string[]): Buffer {
  const { words, view, time } = scene
  const title = `${words.history}: ${time.month(month)}`
  const main = html`<h1>${title}</h1>
${monthLinks(scene, month, months)}
${list(scene, month)}
`
  return frame(scene, { title: `${title} · ${view.page.name}`, about: title, main })
}

function monthLinks(scene: PageScene, month: string, months: readonly string[]): Html | false {
  const { words, time } = scene
  const links = months.map((each) => {
    const here = each === month && html` aria-current="page"`
    return html`<a href="${homeOf(scene)}${monthPath(each, months)}"${here}>${time.month(each)}</a> `
  })
  return months.length > 1 && html`<nav class="months" aria-label="${words.months}">${links}</nav>`
}

function list(scene: PageScene, month: string): Html {
  const { view, time, words } = scene
  const lines = [
    ...view.incidents.map((each) => ({ atMs: each.beganMs, line: () => incidentLine(scene, each) })),
    ...view.maintenances
      .filter(({ fromMs }) => fromMs <= view.updatedMs)
      .map((each) => ({ atMs: each.fromMs, line: () => maintenanceLine(scene, each) })),
  ]
    .filter(({ atMs }) => time.monthOf(atMs) === month)
    .toSorted((a, b) => b.atMs - a.atMs)
  if (lines.length === 0) return html`<p class="card soft">${words.noIncidentsMonth}</p>`
  return html`<ul class="past card">${lines.map(({ line }) => line())}</ul>`
}
