/**
 * All windows of maintenance: those of the configuration and those that operators have added, and what became of them.
 * Pure: it is told the time.
 */
import type { PlannedWindow } from './plan-window.ts'
import type { Began, MaintenanceEvent, Planned } from './maintenance-event.ts'
import { occurrences, type Span } from './window-rule.ts'

/** So far ahead and back windows are looked for. */
export const aheadMs = 92 * 86_400_000
export const backMs = 90 * 86_400_000
/** Of one window in that time, and windows that operators have added; the oldest make room. */
const perWindowMax = 100
const addedMax = 1000
const beganMax = 2000

/** A window as it is held once. */
export interface Occurrence extends Span {
  /** That of its window; with its beginning where the same title may come again. */
  readonly id: string
  readonly window: string
  readonly title: string
  readonly text: string
  readonly components: readonly string[]
  readonly upstreams: readonly string[]
  readonly models: readonly string[]
  readonly announcedMs: number
  /** It will not be held; one that was in force by then ended with it. Null where it stands. */
  readonly cancelledMs: number | null
}

export class MaintenanceBook {
  #configured = new Map<string, PlannedWindow>()
  #added = new Map<string, Planned>()
  #cancelled = new Map<string, number>()
  #began = new Map<string, Began>()

  /** The windows of the configuration now. */
  use(windows: readonly PlannedWindow[]): void {
    this.#configured = new Map(windows.map((window) => [windowId(window.title), window]))
  }

  apply(event: MaintenanceEvent): void {
    if (event.kind === 'maintenance-planned' && !this.#added.has(event.id)) keep(this.#added, event, addedMax)
    if (event.kind === 'maintenance-began' && !this.#began.has(event.id)) keep(this.#began, event, beganMax)
    // The first one counts: what is cancelled stays so.
    if (event.kind === 'maintenance-cancelled' && !this.#cancelled.has(event.id))
      this.#cancelled.set(event.id, event.atMs)
  }

  /** Windows of both kinds by their id. */
  windows(): ReadonlyMap<string, PlannedWindow> {
    return new Map([...[...this.#added].map(([id, { window }]) => [id, window] as const), ...this.#configured])
  }

  isConfigured(id: string): boolean {
    return this.#configured.has(id)
  }

  hasBegun(id: string): boolean {
    return this.#began.has(id)
  }

  /** All that have a part in this time, in order of their beginning. */
  within({ fromMs, toMs }: Span): Occurrence[] {
    const found = new Map<string, Occurrence>()
    for (const [id, window] of this.windows()) {
      for (const span of occurrences(window.rule, { fromMs, toMs }).slice(0, perWindowMax)) {
        const own = this.#occurrence(id, window, span)
        found.set(own.id, own)
      }
    }
    // What was told when it began stands, also of a window that is in the configuration no more. It may become longer.
    for (const [id, began] of this.#began) {
      const planned = found.get(id)
      const endMs = Math.max(began.toMs, planned?.toMs ?? 0)
      if (began.fromMs >= toMs || endMs <= fromMs) continue
      const { title, text, components, upstreams, models } = began
      const told = { id, title, text, components, upstreams, models, announcedMs: planned?.announcedMs ?? began.fromMs }
      const window = planned?.window ?? id
      found.set(id, this.#withEnd({ ...told, window, fromMs: began.fromMs, toMs: endMs, cancelledMs: null }))
    }
    // One that was called off may have ended before.
    const within = [...found.values()].filter((each) => each.toMs > fromMs)
    return within.toSorted((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
  }

  /** Those that go on now. */
  inForce(nowMs: number): Occurrence[] {
    return this.within({ fromMs: nowMs, toMs: nowMs + 1 }).filter((each) => isInForce(each, nowMs))
  }

  #occurrence(window: string, planned: PlannedWindow, { fromMs, toMs }: Span): Occurrence {
    const { title, text, components, upstreams, models, announceMs, rule } = planned
    // What is moved in the configuration to another time is another one: the first may have been held.
    const isUnique = rule.every === 'once' && !this.#configured.has(window)
    const id = isUnique ? window : `${window}-${stamp(fromMs)}`
    const announcedMs = Math.max(fromMs - announceMs, this.#added.get(window)?.atMs ?? 0)
    const told = { title, text, components, upstreams, models, announcedMs }
    return this.#withEnd({ ...told, id, window, fromMs, toMs, cancelledMs: null })
  }

  #withEnd(each: Occurrence): Occurrence {
    const { id, window, fromMs, toMs } = each
    const own = this.#cancelled.get(id) ?? Number.POSITIVE_INFINITY
    const cancelledMs = Math.min(own, this.#cancelled.get(window) ?? Number.POSITIVE_INFINITY)
    if (cancelledMs >= toMs) return each
    return { ...each, cancelledMs, toMs: cancelledMs > fromMs ? cancelledMs : toMs }
  }
}

export function isInForce({ fromMs, toMs, cancelledMs }: Occurrence, nowMs: number): boolean {
  return fromMs <= nowMs && nowMs < toMs && (cancelledMs === null || cancelledMs > nowMs)
}

/** Of a window of the configuration: its title, of a-z, 0-9 and `-`. */
export function windowId(title: string): string {
  const words = title
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return words === ''
    ? `window-${[...title]
        .map((each) => each.codePointAt(0)?.toString(36))
        .join('')
        .slice(0, 50)}`
    : words
}

/** `20261206t0200z`. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace(/[-:]/g, '').toLowerCase()}z`
}

function keep<T extends { readonly id: string }>(map: Map<string, T>, value: T, max: number): void {
  map.set(value.id, value)
  if (map.size <= max) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
