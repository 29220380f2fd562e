/**
 * All that programs may read of the status, as files: path, type, and how each is made of the view. They lie beside the
 * page, wherever that is served from.
 */
import type { StatusView } from '../status-view.ts'
import { atomFeed } from './atom-feed.ts'
import { badgeJson, badgeSvg } from './badge.ts'
import { maintenanceCalendar } from './calendar.ts'
import { rssFeed } from './rss-feed.ts'
import {
  componentsJson,
  incidentsJson,
  maintenancesJson,
  oneIncidentJson,
  statusJson,
  summaryJson,
  unresolvedJson,
} from './statuspage-json.ts'

interface StatusDocument {
  /** Below the page, without a slash at its beginning. */
  readonly path: string
  readonly contentType: string
  readonly make: (view: StatusView) => string
}

const jsonType = 'application/json; charset=utf-8'
const svgType = 'image/svg+xml; charset=utf-8'

const json = (path: string, make: (view: StatusView) => object): StatusDocument => ({
  path,
  contentType: jsonType,
  // A half of a surrogate pair is no JSON for everybody.
  make: (view) =>
    JSON.stringify(make(view), (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)),
})

const always: readonly StatusDocument[] = [
  json('api/v2/summary.json', summaryJson),
  json('api/v2/status.json', statusJson),
  json('api/v2/components.json', componentsJson),
  json('api/v2/incidents.json', incidentsJson),
  json('api/v2/incidents/unresolved.json', unresolvedJson),
  json('api/v2/scheduled-maintenances.json', (view) => maintenancesJson(view)),
  json('api/v2/scheduled-maintenances/upcoming.json', (view) => maintenancesJson(view, 'scheduled')),
  json('api/v2/scheduled-maintenances/active.json', (view) => maintenancesJson(view, 'in_progress')),
  { path: 'history.atom', contentType: 'application/atom+xml; charset=utf-8', make: atomFeed },
  { path: 'history.rss', contentType: 'application/rss+xml; charset=utf-8', make: rssFeed },
  { path: 'maintenance.ics', contentType: 'text/calendar; charset=utf-8', make: maintenanceCalendar },
  { path: 'badge.svg', contentType: svgType, make: ({ page, level }) => badgeSvg(page.name, level) },
  json('badge.json', ({ page, level }) => badgeJson(page.name, level)),
]

/** As many as have a page of their own. */
const incidentsMax = 500

/** Ids stand in paths, also in those of files. */
const isPathSafe = (id: string): boolean => /^[A-Za-z0-9_-]{1,100}$/.test(id)

export interface StatusFile {
  readonly path: string
  readonly contentType: string
  readonly bytes: Buffer
}

/** What people are pointed to. */
export const feeds: readonly { readonly path: string; readonly name: string }[] = [
  { path: 'history.atom', name: 'Atom' },
  { path: 'history.rss', name: 'RSS' },
  { path: 'maintenance.ics', name: 'iCalendar' },
]

export function statusFiles(view: StatusView): StatusFile[] {
  return documentsOf(view).map(({ path, contentType, make }) => ({ path, contentType, bytes: Buffer.from(make(view)) }))
}

/** Those that there always are, and one for each incident, maintenance and component of this view. */
function documentsOf({ incidents, maintenances, components }: StatusView): StatusDocument[] {
  const ids = [...incidents.slice(0, incidentsMax), ...maintenances].map(({ id }) => id).filter(isPathSafe)
  return [
    ...always,
    ...ids.map((id) => json(`api/v2/incidents/${id}.json`, (view) => oneIncidentJson(view, id) ?? {})),
    ...components.filter(({ id }) => isPathSafe(id)).flatMap(({ id }) => componentBadges(id)),
  ]
}

function componentBadges(id: string): StatusDocument[] {
  const shown = (view: StatusView): [name: string, level: StatusView['level']] => {
    const component = view.components.find((each) => each.id === id)
    return [component?.name ?? id, component?.level ?? 'operational']
  }
  return [
    { path: `badges/${id}.svg`, contentType: svgType, make: (view) => badgeSvg(...shown(view)) },
    json(`badges/${id}.json`, (view) => badgeJson(...shown(view))),
  ]
}
