/** From what goes on to what callers and visitors of error pages are told of it. Pure. */
import type { Notice, Outage } from '../edge/notice.ts'
import { type Component, isOfSite } from '../status/component.ts'
import { type Incident, impacts, isOpen, isPublic } from '../status/incident.ts'
import { tidyText } from '../status/page/tidy-view.ts'
import type { StatusView } from '../status/status-view.ts'

/** Told to every worker, again and again while it goes on. */
const outagesMax = 100
/** Of a title or a text, in letters. */
const lengthMax = 1000

/** The worst incident that goes on; of those that are as bad the newest. */
export function noticeOf({ page, incidents }: StatusView, outages: readonly Outage[]): Notice {
  const open = incidents.filter(({ stage }) => stage !== 'resolved')
  const rank = ({ impact }: (typeof open)[number]): number => Object.values(impacts).indexOf(impact)
  const worst = open.toSorted((a, b) => rank(b) - rank(a))[0]
  if (!worst) return { statusUrl: page.url, incident: null, outages }
  const { title, updates, eta } = worst
  const words = tidyText(updates.at(-1)?.text ?? '', lengthMax)
  const told = { title: tidyText(title, lengthMax), words, etaWords: eta?.words ?? '' }
  return { statusUrl: page.url, incident: told, outages }
}

/**
 * Components of which most calls fail now, with the end that is near. Where only some fail the next try may well be
 * answered: nobody is to wait then. `endMs`: of an incident, milliseconds since 1970; null where it is not near.
 */
export function outagesOf(
  incidents: readonly Incident[],
  components: readonly Component[],
  nowMs: number,
  endMs: (incident: Incident) => number | null,
): Outage[] {
  const ends = new Map<string, number | null>()
  for (const incident of incidents.filter((each) => isOpen(each) && isPublic(each, nowMs))) {
    const out = incident.affected.filter(({ level }) => level === 'major_outage')
    const end = out.length === 0 ? null : endMs(incident)
    for (const { component } of out) {
      const known = ends.get(component)
      // Over when all of its incidents are.
      ends.set(component, known === undefined ? end : known === null || end === null ? null : Math.max(known, end))
    }
  }
  return components
    .filter((component) => !isOfSite(component))
    .flatMap(({ id, models, routes, tiers }) => {
      const overAtMs = ends.get(id) ?? null
      return overAtMs === null ? [] : [{ models, routes, tiers, overAtMs }]
    })
    .slice(0, outagesMax)
}
