/** When the page is made anew: at once where something happened, now and then for its figures. */
import type { StatusView } from '../status-view.ts'

/** Figures of calls change all the time. */
export const renewMs = 30_000
/** Whatever happens, not more often. */
export const restMs = 1000

/** What a reader must hear of at once; the same for views that differ in figures only. */
export function newsOf({ level, page, components, incidents, maintenances }: StatusView): string {
  return JSON.stringify([
    level,
    page,
    components.map(({ id, name, level }) => [id, name, level]),
    // An estimate is made anew for each view; its words are rounded, and change when it says something else.
    incidents.map(({ id, stage, title, impact, updatedMs, updates, eta }) => [
      ...[id, stage, title, impact, updatedMs, eta?.words],
      updates.map(({ number, corrected }) => [number, corrected.length]),
    ]),
    maintenances.map(({ id, stage, fromMs, toMs, updatedMs }) => [id, stage, fromMs, toMs, updatedMs]),
  ])
}

export class Renewal {
  #news = ''
  #madeMs = Number.NEGATIVE_INFINITY

  /** Whether this view is to be made into files now. `nowMs`: monotonic. */
  isDue(view: StatusView, nowMs: number): boolean {
    const sinceMs = nowMs - this.#madeMs
    if (sinceMs < restMs) return false
    const news = newsOf(view)
    if (news === this.#news && sinceMs < renewMs) return false
    this.#news = news
    this.#madeMs = nowMs
    return true
  }

  /** It could not be kept: the next view is due. */
  failed(): void {
    this.#news = ''
  }
}
