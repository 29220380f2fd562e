/** The first page: is it us, what is known, when will it be over; then the components, and the last days. */
import type { IncidentView, StatusView } from '../status-view.ts'
import { componentList } from './component-list.ts'
import { frame } from './frame.ts'
import { html, type Html } from './html.ts'
import { incidentCard, incidentLine } from './incident-card.ts'
import { markOf } from './level-mark.ts'
import { isAhead, maintenanceCard } from './maintenance-card.ts'
import { homeOf, icon, type PageScene, timeTag } from './page-scene.ts'
import { responsePlot } from './response-plot.ts'

/** Those that are over are listed so far back, and so many. */
const pastMs = 14 * 86_400_000
const pastMax = 10
const currentMax = 10
const aheadMax = 6
const namesMax = 4

export const isCurrent = ({ stage }: IncidentView): boolean => stage !== 'resolved'

export function mainPage(scene: PageScene): Buffer {
  const { view, words } = scene
  const about = bannerWords(scene)
  const main = html`${banner(scene)}
${current(scene)}
${ahead(scene)}
<section aria-labelledby="h-components"><h2 id="h-components">${words.components}</h2>
${componentList(scene)}</section>
${responsePlot(scene)}
${past(scene)}
`
  return frame(scene, { title: words.title(view.page.name), about: `${about.head}. ${about.more}`, main })
}

function bannerWords({ view, words }: PageScene): { head: string; more: string } {
  const head = words.banners[view.level]
  const isCalm = view.level === 'under_maintenance'
  const harmed = view.components
    .filter(({ level }) => level !== 'operational' && (isCalm || level !== 'under_maintenance'))
    .map(({ name }) => name)
  const names = harmed.slice(0, namesMax).join(', ')
  const more =
    harmed.length === 0 ? words.noneAffected(view.components.length) : words.affected(names, harmed.length - namesMax)
  return { head, more }
}

function banner(scene: PageScene): Html {
  const { view, words, time } = scene
  const { head, more } = bannerWords(scene)
  const mark = markOf(view.level)
  return html`<section class="banner ${mark}" id="banner">${icon(mark)}<div><h1>${head}</h1>
<p><bdi>${more}</bdi> <span class="asof">${words.asOf} ${timeTag(view.updatedMs, time.full(view.updatedMs))}</span></p></div></section>`
}

function current(scene: PageScene): Html | false {
  const incidents = scene.view.incidents.filter(isCurrent).slice(0, currentMax)
  return (
    incidents.length > 0 &&
    html`<section aria-labelledby="h-incidents"><h2 id="h-incidents">${scene.words.incidents}</h2>
${incidents.map((each) => incidentCard(scene, each))}</section>`
  )
}

function ahead(scene: PageScene): Html | false {
  const maintenances = scene.view.maintenances.filter(isAhead).slice(0, aheadMax)
  return (
    maintenances.length > 0 &&
    html`<section aria-labelledby="h-maintenance"><h2 id="h-maintenance">${scene.words.maintenance}</h2>
${maintenances.map((each) => maintenanceCard(scene, each))}</section>`
  )
}

function past(scene: PageScene): Html {
  const { view, words } = scene
  const incidents = lately(view)
  const list =
    incidents.length === 0
      ? html`<p class="card soft">${words.noIncidents}</p>`
      : html`<ul class="past card">${incidents.map((each) => incidentLine(scene, each))}</ul>`
  return html`<section aria-labelledby="h-past"><h2 id="h-past">${words.past}</h2>
${list}
<p><a href="${homeOf(scene)}history.html">${words.whole}</a></p></section>`
}

function lately({ incidents, updatedMs }: StatusView): IncidentView[] {
  return incidents
    .filter((each) => !isCurrent(each) && (each.resolvedMs ?? each.beganMs) > updatedMs - pastMs)
    .slice(0, pastMax)
}
