/** What the public may know, made of what the house knows: names of machines, keys and callers stay behind. */
import type { Component } from './component.ts'
import { type Affected, type Incident, isPublic, type Level, worse } from './incident.ts'
import type { ComponentView, DayView, EtaView, IncidentView, MaintenanceView, StatusView } from './status-view.ts'

/** Incidents that ended longer ago are in nobody's way any more. */
export const shownMs = 90 * 86_400_000

export interface ViewParts {
  readonly page: StatusView['page']
  readonly nowMs: number
  readonly components: readonly Component[]
  readonly incidents: readonly Incident[]
  readonly maintenances: readonly MaintenanceView[]
  /** By the id of the component. */
  readonly days: (component: string) => Pick<ComponentView, 'days' | 'goodShare' | 'uptimeShare'>
  readonly responseTimes: StatusView['responseTimes']
  readonly eta: (incident: Incident) => EtaView | null
}

export function makeView(parts: ViewParts): StatusView {
  const { page, nowMs, maintenances, responseTimes } = parts
  const incidents = parts.incidents.filter((each) => isPublic(each, nowMs) && isRecent(each, nowMs))
  const components = parts.components.map((each) => componentView(each, incidents, parts))
  return {
    page,
    updatedMs: nowMs,
    level: overall(components),
    components,
    incidents: incidents.toSorted((a, b) => b.openedMs - a.openedMs).map((each) => incidentView(each, parts)),
    maintenances,
    responseTimes,
  }
}

function isRecent({ resolvedMs }: Incident, nowMs: number): boolean {
  return resolvedMs === null || resolvedMs > nowMs - shownMs
}

/** What the incidents say that go on: so the page cannot say two things. */
function componentView(component: Component, incidents: readonly Incident[], parts: ViewParts): ComponentView {
  const { id, name, description } = component
  const open = incidents.filter(({ stage }) => stage !== 'resolved')
  const level = open
    .flatMap(({ affected }) => affected.filter((each) => idOf(each.component, parts) === id))
    .map(({ level: now }) => now)
    .reduce<Level>(worse, 'operational')
  const { days, goodShare, uptimeShare } = parts.days(id)
  const shownLevel = level === 'operational' && isMaintained(id, parts) ? 'under_maintenance' : level
  return { id, name, description, level: shownLevel, days: withToday(days, level), goodShare, uptimeShare }
}

function isMaintained(id: string, { maintenances, nowMs }: ViewParts): boolean {
  return maintenances.some(
    ({ stage, fromMs, toMs, components }) =>
      stage === 'in_progress' && fromMs <= nowMs && nowMs < toMs && components.some((each) => each.id === id),
  )
}

/** The day does not wait for its minutes to be counted. */
function withToday(days: readonly DayView[], level: Level): readonly DayView[] {
  const last = days.at(-1)
  if (!last || level === 'operational') return days
  return [...days.slice(0, -1), { ...last, level: worse(last.level ?? 'operational', level) }]
}

function overall(components: readonly ComponentView[]): StatusView['level'] {
  const worst = components
    .map(({ level }) => (level === 'under_maintenance' ? 'operational' : level))
    .reduce<Level>(worse, 'operational')
  if (worst !== 'operational') return worst
  return components.some(({ level }) => level === 'under_maintenance') ? 'under_maintenance' : 'operational'
}

function incidentView(incident: Incident, parts: ViewParts): IncidentView {
  const { id, title, stage, impact, blame, beganMs, openedMs, monitoringMs, resolvedMs, affected, updates } = incident
  return {
    ...{ id, title, stage, impact, beganMs, openedMs, monitoringMs, resolvedMs },
    ...(incident.told && { told: incident.told }),
    causeClass: blame?.class ?? null,
    updatedMs: updates.at(-1)?.atMs ?? openedMs,
    components: affected.map(({ component, level }) => {
      const own = idOf(component, parts)
      return { id: own, name: nameOf(own, parts), level }
    }),
    updates: updates.map((update) => ({ ...update, levels: byId(update.levels, parts) })),
    calls: sum(affected, 'total'),
    badCalls: sum(affected, 'bad'),
    eta: stage === 'resolved' ? null : parts.eta(incident),
  }
}

/** Operators may write its name, whatever the case of its letters. */
function idOf(component: string, { components }: ViewParts): string {
  if (components.some(({ id }) => id === component)) return component
  const name = component.toLowerCase()
  return components.find((each) => each.id === name || each.name.toLowerCase() === name)?.id ?? component
}

function byId(byComponent: Readonly<Record<string, Level>>, parts: ViewParts): Record<string, Level> {
  return Object.fromEntries(Object.entries(byComponent).map(([component, level]) => [idOf(component, parts), level]))
}

function nameOf(id: string, { components }: ViewParts): string {
  return components.find((each) => each.id === id)?.name ?? id
}

function sum(affected: readonly Affected[], field: 'total' | 'bad'): number {
  return affected.reduce((total, each) => total + each[field], 0)
}
