/** From the view to what subscribers are told: an item for each update, each with a key of its own. Pure. */
import type { News } from '../../store/subscription-store.ts'
import { maintenanceUpdates, incidentJson, maintenanceJson } from '../format/statuspage-incident.ts'
import { type PageStatusJson, pageStatusJson } from '../format/statuspage-json.ts'
import { linkOf, stageWords, timeWords } from '../format/view-words.ts'
import type { IncidentView, MaintenanceView, StatusView } from '../status-view.ts'

/** What was said longer ago than this is no news any more. */
export const newsMs = 86_400_000
/** Updates that go along with the latest. */
const updatesMax = 20
const textLengthMax = 5000

/** Everything that a message is made of: kept with the news, so that it is the same at each try. */
export interface NewsBody {
  readonly atMs: number
  readonly page: { readonly id: string; readonly name: string; readonly url: string; readonly status: PageStatusJson }
  /** What it is about, the same for all that is told of it. */
  readonly thread: string
  readonly title: string
  /** `Resolved`. */
  readonly state: string
  readonly text: string
  /** What else there is to say: the estimate, or when maintenance is. */
  readonly more: string
  readonly link: string
  readonly components: readonly string[]
  readonly isOver: boolean
  readonly kind: 'incident' | 'maintenance'
  /** As Statuspage has it. */
  readonly event: object
}

/** Oldest first. `isKnown`: keys of news that need not be made again. */
export function newsOf(view: StatusView, nowMs: number, isKnown: (key: string) => boolean = () => false): News[] {
  const filter: Filter = { sinceMs: nowMs - newsMs, isKnown }
  return [
    ...view.incidents.flatMap((incident) => incidentNews(view, incident, filter)),
    ...view.maintenances.flatMap((maintenance) => maintenanceNews(view, maintenance, filter)),
  ].toSorted((a, b) => a.atMs - b.atMs)
}

interface Filter {
  readonly sinceMs: number
  readonly isKnown: (key: string) => boolean
}

function incidentNews(view: StatusView, incident: IncidentView, { sinceMs, isKnown }: Filter): News[] {
  const { id, title, components, eta, updates } = incident
  return updates
    .filter(({ number, atMs }) => atMs > sinceMs && !isKnown(keyOf(id, number)))
    .map(({ number, atMs, stage, text }) => {
      const isLast = number === updates.at(-1)?.number
      const event = incidentJson(view, { ...incident, updates: updates.slice(0, number).slice(-updatesMax) })
      const body: NewsBody = {
        ...bodyOf(view, incident, components),
        ...{ atMs, title, text: text.slice(0, textLengthMax), kind: 'incident', event },
        state: stageWords[stage],
        more: eta && isLast && stage !== 'resolved' ? eta.words : '',
        isOver: stage === 'resolved',
      }
      return itemOf(keyOf(id, number), atMs, components, body)
    })
}

const keyOf = (id: string, number: number): string => `incident/${id}/${number}`

function maintenanceNews(view: StatusView, maintenance: MaintenanceView, { sinceMs, isKnown }: Filter): News[] {
  const { id, title, stage, fromMs, toMs, updatedMs, components } = maintenance
  const { timeZone } = view.page
  // One at a time: what was announced before it began is not worth a message of its own.
  const last = maintenanceUpdates(maintenance).at(-1)
  if (!last) return []
  // Moved to another time, it is announced anew.
  const isMoved = stage === 'scheduled' && updatedMs > last.atMs
  const atMs = isMoved ? updatedMs : last.atMs
  const key = `maintenance/${id}/${stage}${stage === 'scheduled' ? `/${fromMs}-${toMs}` : ''}`
  if (atMs <= sinceMs || isKnown(key)) return []
  const body: NewsBody = {
    ...bodyOf(view, maintenance, components),
    ...{ atMs, title, text: last.text.slice(0, textLengthMax), kind: 'maintenance' },
    event: maintenanceJson(view, maintenance),
    state: stageWords[stage],
    more: `${timeWords(fromMs, timeZone)} to ${timeWords(toMs, timeZone)}`,
    isOver: stage === 'completed' || stage === 'cancelled',
  }
  return [itemOf(key, atMs, components, body)]
}

function bodyOf(
  view: StatusView,
  { id }: { readonly id: string },
  components: readonly { readonly name: string }[],
): Pick<NewsBody, 'page' | 'thread' | 'link' | 'components'> {
  const { page } = view
  return {
    page: { id: page.id, name: page.name, url: page.url, status: pageStatusJson(view) },
    thread: id,
    link: linkOf(page, id),
    components: components.map(({ name }) => name),
  }
}

const itemOf = (key: string, atMs: number, components: readonly { readonly id: string }[], body: NewsBody): News => ({
  key,
  atMs,
  components: components.map(({ id }) => id),
  body: JSON.stringify(body),
})
