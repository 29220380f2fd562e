/** A component as Statuspage's API (v2) has it. */
import type { ComponentView, StatusView } from '../status-view.ts'
import { isoOf } from './view-words.ts'

export interface ComponentJson {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly created_at: string
  readonly updated_at: string
  readonly position: number
  readonly description: string | null
  readonly showcase: boolean
  readonly start_date: string | null
  readonly group_id: null
  readonly page_id: string
  readonly group: boolean
  readonly only_show_if_degraded: boolean
}

/** `position`: from 1. */
export function componentJson(view: StatusView, component: ComponentView, position: number): ComponentJson {
  const { id, name, level, description, days } = component
  const firstDay = days[0]?.day ?? null
  const beganMs = firstDay === null ? view.updatedMs : Date.parse(`${firstDay}T00:00:00Z`)
  return {
    id,
    name,
    status: level,
    created_at: isoOf(beganMs),
    updated_at: isoOf(changedMs(view, id) ?? beganMs),
    position,
    description: description === '' ? null : description,
    showcase: true,
    start_date: firstDay,
    group_id: null,
    page_id: view.page.id,
    group: false,
    only_show_if_degraded: false,
  }
}

/** When something was last said of it; null for never. */
function changedMs(view: StatusView, id: string): number | null {
  let known = changes.get(view)
  if (!known) changes.set(view, (known = changesIn(view)))
  return known.get(id) ?? null
}

/** Asked for each component of each incident: a long history is gone through once. */
const changes = new WeakMap<StatusView, ReadonlyMap<string, number>>()

function changesIn({ incidents, maintenances }: StatusView): Map<string, number> {
  const last = new Map<string, number>()
  for (const { components, updatedMs } of [...incidents, ...maintenances.filter(({ stage }) => stage !== 'scheduled')])
    for (const { id } of components) last.set(id, Math.max(last.get(id) ?? updatedMs, updatedMs))
  return last
}
