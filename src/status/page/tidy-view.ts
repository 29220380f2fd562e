/**
 * A view made fit to be shown: operators, and whoever writes through them, can put anything into a text. Each is
 * bounded, well-formed, and without what turns the words around it upside down; each list is bounded, too.
 */
import type { IncidentUpdate, NameRow, Told } from '../incident.ts'
import type { ComponentView, IncidentView, MaintenanceView, StatusView } from '../status-view.ts'

const nameMax = 80
const titleMax = 200
const textMax = 4000
const updatesMax = 200
const correctionsMax = 20
const incidentsMax = 500
const maintenancesMax = 200
const componentsMax = 100
const daysMax = 90
const pointsMax = 2000

/**
 * Control characters and noncharacters; what embeds or overrides a direction (marks of direction are harmless: each
 * text is isolated where it stands).
 */
const unwelcome = /[\0-\x08\v\f\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]/g
/** Marks that pile up on one letter cover the lines around it. */
const piles = /(\p{M}{3})\p{M}+/gu

/** At most `lengthMax` characters, and an ellipsis where there were more. */
export function tidyText(text: string, lengthMax: number): string {
  // Cut before the work, so that a huge text costs no more than a long one.
  const clean = text
    .slice(0, lengthMax * 4)
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(unwelcome, '')
    .replace(piles, '$1')
  const letters = [...clean]
  return letters.length <= lengthMax ? clean : `${letters.slice(0, lengthMax).join('').trimEnd()}…`
}

const line = (text: string, lengthMax: number): string => tidyText(text, lengthMax).replace(/\s+/g, ' ').trim()

/** Safe as a part of a path and of an address within the page. */
export function tidyId(id: string): string {
  return id.replace(/[^\w-]/g, '_').slice(0, 64) || '_'
}

export function tidyView(view: StatusView): StatusView {
  const { page, components, incidents, maintenances, responseTimes } = view
  return {
    ...view,
    page: { ...page, name: line(page.name, nameMax) },
    components: components.slice(0, componentsMax).map(tidyComponent),
    incidents: incidents.slice(0, incidentsMax).map(tidyIncident),
    maintenances: maintenances.slice(-maintenancesMax).map(tidyMaintenance),
    responseTimes: responseTimes.slice(-pointsMax),
  }
}

function tidyComponent(component: ComponentView): ComponentView {
  return {
    ...component,
    id: tidyId(component.id),
    name: line(component.name, nameMax),
    description: line(component.description, 300),
    days: component.days.slice(-daysMax),
  }
}

const tidyNamed = <T extends { id: string; name: string }>(named: readonly T[]): T[] =>
  named.slice(0, componentsMax).map((each) => ({ ...each, id: tidyId(each.id), name: line(each.name, nameMax) }))

function tidyIncident(incident: IncidentView): IncidentView {
  return {
    ...incident,
    id: tidyId(incident.id),
    title: line(incident.title, titleMax),
    components: tidyNamed(incident.components),
    updates: incident.updates.slice(-updatesMax).map(tidyUpdate),
    ...tidyTold(incident),
  }
}

function tidyUpdate(update: IncidentUpdate): IncidentUpdate {
  return {
    ...update,
    text: tidyText(update.text, textMax).trim(),
    by: line(update.by, nameMax),
    ...tidyTold(update),
    corrected: update.corrected.slice(-correctionsMax).map((each) => ({
      ...each,
      by: line(each.by, nameMax),
      text: tidyText(each.text, textMax).trim(),
      ...tidyTold(each),
    })),
  }
}

function tidyTold({ told }: { readonly told?: Told }): { readonly told?: Told } {
  return told ? { told: { ...told, names: tidyNames(told.names), harmed: tidyNames(told.harmed) } } : {}
}

function tidyNames({ shown, more }: NameRow): NameRow {
  return { shown: shown.map((name) => line(name, nameMax)), more }
}

function tidyMaintenance(maintenance: MaintenanceView): MaintenanceView {
  return {
    ...maintenance,
    id: tidyId(maintenance.id),
    title: line(maintenance.title, titleMax),
    text: tidyText(maintenance.text, textMax).trim(),
    components: tidyNamed(maintenance.components),
  }
}
