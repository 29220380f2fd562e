/** What feeds tell: an entry for each incident and each maintenance, whatever the format. */
import type { IncidentView, MaintenanceView, StatusView } from '../status-view.ts'
import { escapeMarkup } from './markup.ts'
import { maintenanceUpdates } from './statuspage-incident.ts'
import { linkOf, stageWords, timeWords } from './view-words.ts'

const entriesMax = 50
/** Of one entry; a reader wants the latest. */
const updatesMax = 30

export interface FeedEntry {
  /** The same for good, whatever becomes of title and address. */
  readonly id: string
  readonly title: string
  /** Empty where the address of the page is not known. */
  readonly link: string
  readonly publishedMs: number
  /** Moves with each update. */
  readonly updatedMs: number
  readonly html: string
  readonly categories: readonly string[]
}

interface Told {
  readonly atMs: number
  readonly state: string
  readonly text: string
}

/** Newest first. */
export function feedEntries(view: StatusView): FeedEntry[] {
  // Words are made of those only that are told: a history may be long.
  return [
    ...view.incidents.map((each) => ({ atMs: changedMs(each), make: () => incidentEntry(view, each) })),
    ...view.maintenances.map((each) => ({ atMs: toldMs(each), make: () => maintenanceEntry(view, each) })),
  ]
    .toSorted((a, b) => b.atMs - a.atMs)
    .slice(0, entriesMax)
    .map(({ make }) => make())
}

function changedMs({ openedMs, updates }: IncidentView): number {
  const correctedMs = updates.flatMap(({ corrected }) => corrected.map(({ atMs }) => atMs))
  return Math.max(openedMs, ...updates.map(({ atMs }) => atMs), ...correctedMs)
}

function toldMs(maintenance: MaintenanceView): number {
  return Math.max(maintenance.updatedMs, ...maintenanceUpdates(maintenance).map(({ atMs }) => atMs))
}

/** Of a page, or of one thing on it. A URN: it stays when the page moves to another address. */
export function urnOf({ id }: StatusView['page'], kind = '', thing = ''): string {
  const path = [id, kind, thing].filter((part) => part !== '').map((part) => encodeURIComponent(part.toWellFormed()))
  return `urn:holdfast:${path.join(':')}`
}

function incidentEntry(view: StatusView, incident: IncidentView): FeedEntry {
  const { id, title, openedMs, updates, components, eta, stage } = incident
  const told = updates.map((each) => ({ atMs: each.atMs, state: stageWords[each.stage], text: each.text }))
  const estimate = eta && stage !== 'resolved' ? `<p>${escapeMarkup(eta.words)}</p>` : ''
  return {
    id: urnOf(view.page, 'incident', id),
    title,
    link: linkOf(view.page, id),
    publishedMs: openedMs,
    updatedMs: changedMs(incident),
    html: estimate + htmlOf(view, told),
    categories: components.map(({ name }) => name),
  }
}

function maintenanceEntry(view: StatusView, maintenance: MaintenanceView): FeedEntry {
  const { id, title, announcedMs, fromMs, toMs, components } = maintenance
  const updates = maintenanceUpdates(maintenance)
  const told = updates.map(({ atMs, status, text }) => ({
    atMs,
    state: stageWords[status as MaintenanceView['stage']],
    text,
  }))
  const { timeZone } = view.page
  const span = escapeMarkup(`${timeWords(fromMs, timeZone)} to ${timeWords(toMs, timeZone)}`)
  return {
    id: urnOf(view.page, 'maintenance', id),
    title: `Maintenance: ${title}`,
    link: linkOf(view.page, id),
    publishedMs: announcedMs,
    updatedMs: toldMs(maintenance),
    html: `<p>${span}</p>${htmlOf(view, told)}`,
    categories: ['maintenance', ...components.map(({ name }) => name)],
  }
}

function htmlOf({ page }: StatusView, told: readonly Told[]): string {
  const line = ({ atMs, state, text }: Told): string => {
    const words = escapeMarkup(text).replaceAll('\n', '<br>')
    return `<p><small>${escapeMarkup(timeWords(atMs, page.timeZone))}</small><br><strong>${state}</strong> – ${words}</p>`
  }
  return told.toReversed().slice(0, updatesMax).map(line).join('')
}
