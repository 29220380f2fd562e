/** The components: how each does now, its ninety days, and what its figures count. */
import type { ComponentView, DayView } from '../status-view.ts'
import { dayBars, isTroubled } from './day-bars.ts'
import { html, type Html } from './html.ts'
import { levelBadge } from './level-mark.ts'
import type { PageScene } from './page-scene.ts'

/** Days with trouble that are listed, the newest: of one component, and of a page with very many. */
const listedMax = 10
const listedMin = 3
const rowsMax = 120

export function componentList(scene: PageScene): Html {
  const { view, words } = scene
  if (view.components.length === 0) return html`<p class="card soft">${words.noDays}</p>`
  return html`<ul class="components card">${view.components.map((each) => componentRow(scene, each))}</ul>
<details class="counting" id="counting"><summary>${words.counting}</summary>
<ul>${words.countingText.map((text) => html`<li>${text}</li>`)}</ul></details>`
}

function componentRow(scene: PageScene, component: ComponentView): Html {
  const { words, time } = scene
  const { id, name, description, level, days, goodShare } = component
  const good = goodShare === null ? words.noDays : words.good(time.share(goodShare))
  return html`<li id="c-${id}">
<div class="head"><h3><bdi>${name}</bdi></h3>${levelBadge(scene, level)}</div>
${description !== '' && html`<p class="soft about" dir="auto">${description}</p>`}
${dayBars(scene, component)}
<p class="scale"><span>${words.daysAgo(89)}</span><b>${good}</b><span>${words.today}</span></p>
${days.length > 0 && figures(scene, component)}
</li>
`
}

function figures(scene: PageScene, { id, name, days, goodShare, uptimeShare }: ComponentView): Html {
  const { words, time } = scene
  const sum = (of: (day: DayView) => number): string => time.count(days.reduce((total, day) => total + of(day), 0))
  const troubled = days.filter(isTroubled)
  const each = Math.floor(rowsMax / scene.view.components.length)
  const listed = troubled.slice(-Math.min(listedMax, Math.max(listedMin, each))).toReversed()
  const calls = words.goodOf(
    time.share(goodShare),
    sum(({ badCalls }) => badCalls),
    sum(({ calls }) => calls),
  )
  return html`<details id="f-${id}"><summary>${words.figures}<span class="hidden"> ${name}</span></summary>
<dl><dt>${words.goodTerm}</dt><dd>${calls}</dd>
<dt>${words.uptimeTerm}</dt><dd>${words.uptimeOf(time.share(uptimeShare), days.length)}</dd></dl>
${listed.length > 0 && dayTable(scene, listed, troubled.length - listed.length)}</details>`
}

const outage = ({ partialMinutes, majorMinutes }: DayView): number => partialMinutes + majorMinutes

function dayTable({ words, time }: PageScene, listed: readonly DayView[], more: number): Html {
  const rows = listed.map(
    (day) => html`<tr><th scope="row">${time.day(day.day)}<td>${day.level && words.levels[day.level]}
<td>${outage(day) > 0 ? words.minutes(time.count(outage(day))) : '–'}
<td>${words.callsOf(time.count(day.badCalls), time.count(day.calls))}
`,
  )
  return html`<table><caption>${words.troubledDays}${more > 0 && html` <span class="soft">(${words.moreDays(more)})</span>`}</caption><thead><tr><th scope="col">${words.day}<th scope="col">${words.level}<th scope="col">${words.outageMinutes}<th scope="col">${words.calls}<tbody>${rows}</table>`
}
