/**
 * Statuspage's public API (v2), which every tool that watches AI providers reads: the same paths, the same fields.
 * Bodies are made of the view alone, so a copy of them can be served from anywhere.
 */
import type { IncidentView, MaintenanceView, StatusView } from '../status-view.ts'
import { type ComponentJson, componentJson } from './statuspage-component.ts'
import { type IncidentJson, incidentJson, type MaintenanceJson, maintenanceJson } from './statuspage-incident.ts'
import { isoOf, pageWords, type ShownLevel } from './view-words.ts'

/** As many as Statuspage gives. */
const listedMax = 50

const indicators: Readonly<Record<ShownLevel, string>> = {
  operational: 'none',
  degraded_performance: 'minor',
  partial_outage: 'major',
  major_outage: 'critical',
  under_maintenance: 'maintenance',
}

export interface PageStatusJson {
  readonly indicator: string
  readonly description: string
}

interface Paged {
  readonly page: {
    readonly id: string
    readonly name: string
    readonly url: string
    readonly time_zone: string
    readonly updated_at: string
  }
}

export const pageStatusJson = ({ level }: Pick<StatusView, 'level'>): PageStatusJson => ({
  indicator: indicators[level],
  description: pageWords[level],
})

export function summaryJson(view: StatusView): Paged & {
  components: ComponentJson[]
  incidents: IncidentJson[]
  scheduled_maintenances: MaintenanceJson[]
  status: PageStatusJson
} {
  return {
    ...paged(view),
    components: allComponents(view),
    incidents: incidentsOf(view, isUnresolved),
    scheduled_maintenances: maintenancesOf(view, ({ stage }) => stage === 'scheduled' || stage === 'in_progress'),
    status: pageStatusJson(view),
  }
}

export const statusJson = (view: StatusView): Paged & { status: PageStatusJson } => ({
  ...paged(view),
  status: pageStatusJson(view),
})

export const componentsJson = (view: StatusView): Paged & { components: ComponentJson[] } => ({
  ...paged(view),
  components: allComponents(view),
})

export const incidentsJson = (view: StatusView): Paged & { incidents: IncidentJson[] } => ({
  ...paged(view),
  incidents: incidentsOf(view, () => true),
})

export const unresolvedJson = (view: StatusView): Paged & { incidents: IncidentJson[] } => ({
  ...paged(view),
  incidents: incidentsOf(view, isUnresolved),
})

/** One incident or maintenance; null where there is none of this id. */
export function oneIncidentJson(
  view: StatusView,
  id: string,
): (Paged & { incident: IncidentJson | MaintenanceJson }) | null {
  const incident = view.incidents.find((each) => each.id === id)
  // As of its own last change, so that a file of what is over stays as it is.
  if (incident) return { ...paged(view, incident.updatedMs), incident: incidentJson(view, incident) }
  const maintenance = view.maintenances.find((each) => each.id === id)
  if (!maintenance) return null
  return { ...paged(view, maintenance.updatedMs), incident: maintenanceJson(view, maintenance) }
}

/** All, or those of one stage. */
export const maintenancesJson = (
  view: StatusView,
  stage: MaintenanceView['stage'] | null = null,
): Paged & { scheduled_maintenances: MaintenanceJson[] } => ({
  ...paged(view),
  scheduled_maintenances: maintenancesOf(view, (each) => stage === null || each.stage === stage),
})

const isUnresolved = ({ stage }: IncidentView): boolean => stage !== 'resolved'

function paged({ page, updatedMs: nowMs }: StatusView, updatedMs = nowMs): Paged {
  const { id, name, url, timeZone } = page
  return { page: { id, name, url, time_zone: timeZone, updated_at: isoOf(updatedMs) } }
}

const allComponents = (view: StatusView): ComponentJson[] =>
  view.components.map((component, i) => componentJson(view, component, i + 1))

const incidentsOf = (view: StatusView, isWanted: (incident: IncidentView) => boolean): IncidentJson[] =>
  view.incidents
    .filter(isWanted)
    .slice(0, listedMax)
    .map((incident) => incidentJson(view, incident))

/** Those that begin last first, as Statuspage has them. */
const maintenancesOf = (view: StatusView, isWanted: (maintenance: MaintenanceView) => boolean): MaintenanceJson[] =>
  view.maintenances
    .filter(isWanted)
    .toReversed()
    .slice(0, listedMax)
    .map((maintenance) => maintenanceJson(view, maintenance))
