/** Windows of maintenance as the public is shown them. Pure. No name of a machine is in them. */
import type { Component } from '../component.ts'
import type { MaintenanceView } from '../status-view.ts'
import { aheadMs, backMs, isInForce, type MaintenanceBook, type Occurrence } from './maintenance-book.ts'

/** More than that nobody reads. */
const viewsMax = 200

export interface ShownParts {
  readonly nowMs: number
  readonly components: readonly Component[]
  /** Which upstreams offer a model now, by model as callers name it: to see which are left without any. */
  readonly offers: ReadonlyMap<string, readonly string[]>
}

/**
 * In order of their beginning: announced, in force, and those of the last 90 days. `all`: of the book, where they are
 * known already.
 */
export function maintenanceViews(
  book: MaintenanceBook,
  parts: ShownParts,
  all: readonly Occurrence[] = book.within({ fromMs: parts.nowMs - backMs, toMs: parts.nowMs + aheadMs }),
): MaintenanceView[] {
  const { nowMs } = parts
  return all
    .filter((each) => isShown(each, book, nowMs))
    .slice(-viewsMax)
    .map((each) => viewOf(each, parts))
}

/** What was announced in time; of the past what was held, and what was called off. */
function isShown({ id, announcedMs, cancelledMs, toMs }: Occurrence, book: MaintenanceBook, nowMs: number): boolean {
  if (announcedMs > nowMs || (cancelledMs !== null && cancelledMs < announcedMs)) return false
  return toMs > nowMs || book.hasBegun(id) || cancelledMs !== null
}

function viewOf(each: Occurrence, parts: ShownParts): MaintenanceView {
  const { id, title, text, fromMs, toMs, announcedMs, cancelledMs } = each
  const { nowMs } = parts
  const stage = stageOf(each, nowMs)
  const moments = [announcedMs, cancelledMs ?? announcedMs, fromMs, toMs].filter((ms) => ms <= nowMs)
  return {
    ...{ id, title, text, stage, fromMs, toMs, announcedMs },
    updatedMs: stage === 'cancelled' ? (cancelledMs ?? announcedMs) : Math.max(...moments, announcedMs),
    components: affectedComponents(each, parts).map(({ id: component, name }) => ({ id: component, name })),
  }
}

/** One that had begun by the time it was called off was held, up to then. */
function stageOf(each: Occurrence, nowMs: number): MaintenanceView['stage'] {
  if (each.cancelledMs !== null && each.cancelledMs <= each.fromMs) return 'cancelled'
  if (isInForce(each, nowMs)) return 'in_progress'
  return each.fromMs > nowMs ? 'scheduled' : 'completed'
}

/**
 * Those that it names, by name or id; those of models that it takes away, or that it leaves without an upstream; all
 * where it names nothing.
 */
export function affectedComponents(each: Occurrence, { components, offers }: Omit<ShownParts, 'nowMs'>): Component[] {
  const named = new Set(each.components.map((name) => name.toLowerCase()))
  const lost = new Set([...each.models, ...lostModels(each.upstreams, offers)])
  if (named.size + each.upstreams.length + each.models.length === 0) return [...components]
  return components.filter(
    (component) =>
      named.has(component.name.toLowerCase()) ||
      named.has(component.id) ||
      // One for all models is not down for want of one of them.
      (component.models.length > 0 && component.models.every((model) => lost.has(model))),
  )
}

/** Models that nobody offers without these. */
export function lostModels(upstreams: readonly string[], offers: ReadonlyMap<string, readonly string[]>): string[] {
  const closed = new Set(upstreams)
  return [...offers]
    .filter(([, names]) => names.length > 0 && names.every((name) => closed.has(name)))
    .map(([model]) => model)
}
