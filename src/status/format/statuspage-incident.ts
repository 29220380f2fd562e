/** Incidents and maintenance as Statuspage's API (v2) has them. What is ours stands under keys of our own. */
import type { IncidentUpdate, Level } from '../incident.ts'
import type { EtaView, IncidentView, MaintenanceView, StatusView } from '../status-view.ts'
import { type ComponentJson, componentJson } from './statuspage-component.ts'
import { isoOf, linkOf } from './view-words.ts'

interface AffectedJson {
  readonly code: string
  readonly name: string
  readonly old_status: string
  readonly new_status: string
}

interface UpdateJson {
  readonly id: string
  readonly status: string
  readonly body: string
  readonly incident_id: string
  readonly created_at: string
  readonly updated_at: string
  readonly display_at: string
  readonly affected_components: readonly AffectedJson[] | null
  readonly deliver_notifications: boolean
  readonly custom_tweet: null
  readonly tweet_id: null
}

interface EventJson {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly created_at: string
  readonly updated_at: string
  readonly monitoring_at: string | null
  readonly resolved_at: string | null
  readonly impact: string
  readonly shortlink: string
  readonly started_at: string
  readonly page_id: string
  /** Newest first. */
  readonly incident_updates: readonly UpdateJson[]
  readonly components: readonly ComponentJson[]
}

export interface IncidentJson extends EventJson {
  /** Ours: the range in which it will probably be over. */
  readonly eta: EtaJson | null
  /** Ours: class of the cause, null while it is not known. */
  readonly cause: string | null
  /** Ours: calls that failed or were slow, of all calls since it began. */
  readonly affected_calls: { readonly affected: number; readonly total: number }
}

interface EtaJson {
  readonly estimated_at: string
  readonly median_at: string
  readonly earliest_at: string
  readonly latest_at: string
  readonly text: string
}

export interface MaintenanceJson extends EventJson {
  readonly scheduled_for: string
  readonly scheduled_until: string
  /** Ours: Statuspage has no word for it, it is `completed` there. */
  readonly cancelled: boolean
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoOf(ms))

export function incidentJson(view: StatusView, incident: IncidentView): IncidentJson {
  const { id, title, stage, impact, beganMs, openedMs, updatedMs, monitoringMs, resolvedMs, eta, causeClass } = incident
  return {
    id,
    name: title,
    status: stage,
    created_at: isoOf(openedMs),
    updated_at: isoOf(updatedMs),
    monitoring_at: isoOrNull(monitoringMs),
    resolved_at: isoOrNull(resolvedMs),
    impact,
    shortlink: linkOf(view.page, id),
    started_at: isoOf(beganMs),
    page_id: view.page.id,
    incident_updates: incident.updates.map((update, i, all) => updateJson(incident, update, all[i - 1])).toReversed(),
    components: componentsOf(view, incident.components),
    eta: eta && etaJson(eta),
    cause: causeClass,
    affected_calls: { affected: incident.badCalls, total: incident.calls },
  }
}

export function maintenanceJson(view: StatusView, maintenance: MaintenanceView): MaintenanceJson {
  const { id, title, stage, fromMs, toMs, announcedMs, updatedMs } = maintenance
  const isOver = stage === 'completed' || stage === 'cancelled'
  return {
    id,
    name: title,
    status: isOver ? 'completed' : stage,
    created_at: isoOf(announcedMs),
    updated_at: isoOf(updatedMs),
    monitoring_at: null,
    resolved_at: isOver ? isoOf(updatedMs) : null,
    impact: 'maintenance',
    shortlink: linkOf(view.page, id),
    started_at: isoOf(fromMs),
    page_id: view.page.id,
    incident_updates: maintenanceUpdates(maintenance)
      .map(({ status, atMs, text }) => plainUpdate(id, status, atMs, text))
      .toReversed(),
    components: componentsOf(view, maintenance.components),
    scheduled_for: isoOf(fromMs),
    scheduled_until: isoOf(toMs),
    cancelled: stage === 'cancelled',
  }
}

interface MaintenanceUpdate {
  /** In Statuspage's words. */
  readonly status: string
  readonly atMs: number
  readonly text: string
}

/** What was told of it so far, oldest first. */
export function maintenanceUpdates({
  stage,
  text,
  announcedMs,
  fromMs,
  updatedMs,
}: MaintenanceView): MaintenanceUpdate[] {
  const announced = { status: 'scheduled', atMs: announcedMs, text }
  const begun = { status: 'in_progress', atMs: Math.max(fromMs, announcedMs), text: 'The maintenance has begun.' }
  if (stage === 'scheduled') return [announced]
  if (stage === 'in_progress') return [announced, begun]
  if (stage === 'cancelled')
    return [announced, { status: 'completed', atMs: updatedMs, text: 'The maintenance was called off.' }]
  const ended = { status: 'completed', atMs: Math.max(updatedMs, begun.atMs), text: 'The maintenance is over.' }
  return [announced, begun, ended]
}

function updateJson(incident: IncidentView, update: IncidentUpdate, before: IncidentUpdate | undefined): UpdateJson {
  const correctedMs = update.corrected.at(-1)?.atMs ?? update.atMs
  return {
    ...plainUpdate(incident.id, update.stage, update.atMs, update.text, update.number),
    updated_at: isoOf(correctedMs),
    affected_components: affectedOf(incident, update.levels, before?.levels ?? {}),
  }
}

function plainUpdate(incident: string, status: string, atMs: number, body: string, number?: number): UpdateJson {
  const at = isoOf(atMs)
  return {
    id: `${incident}-${number ?? status}`,
    status,
    body,
    incident_id: incident,
    created_at: at,
    updated_at: at,
    display_at: at,
    affected_components: null,
    deliver_notifications: true,
    custom_tweet: null,
    tweet_id: null,
  }
}

function affectedOf(
  { components }: IncidentView,
  levels: Readonly<Record<string, Level>>,
  before: Readonly<Record<string, Level>>,
): AffectedJson[] {
  return Object.entries(levels).map(([code, level]) => ({
    code,
    name: components.find(({ id }) => id === code)?.name ?? code,
    old_status: Object.hasOwn(before, code) ? (before[code] ?? 'operational') : 'operational',
    new_status: level,
  }))
}

function componentsOf(view: StatusView, wanted: readonly { readonly id: string }[]): ComponentJson[] {
  return view.components
    .map((component, i) => [component, i] as const)
    .filter(([{ id }]) => wanted.some((each) => each.id === id))
    .map(([component, i]) => componentJson(view, component, i + 1))
}

function etaJson({ atMs, medianMs, lowMs, highMs, words }: EtaView): EtaJson {
  return {
    estimated_at: isoOf(atMs),
    median_at: isoOf(atMs + medianMs),
    earliest_at: isoOf(atMs + lowMs),
    latest_at: isoOf(atMs + highMs),
    text: words,
  }
}
