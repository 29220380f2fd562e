/**
 * Windows of maintenance in the supervisor: tells the record and the log of incidents when one begins and ends, and the
 * public what is planned.
 */
import type { Config } from '../config.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { isInForce, type MaintenanceBook, type Occurrence } from '../status/maintenance/maintenance-book.ts'
import { maintenanceText } from '../status/maintenance/maintenance-event.ts'
import {
  affectedComponents,
  lostModels,
  maintenanceViews,
  type ShownParts,
} from '../status/maintenance/maintenance-view.ts'
import { isOfSite } from '../status/component.ts'
import { isRest } from '../status/read-news.ts'
import type { MaintenanceView } from '../status/status-view.ts'
import type { StatusLog } from '../store/status-log.ts'
import { MaintenancePlan } from './maintenance-plan.ts'
import type { Announced, Window } from './mute-announced.ts'

const lookMs = 1000
/** Whoever explains a call looks back ten minutes. */
const repeatMs = 5 * 60_000

interface DeskParts {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Recorder
  readonly statusLog: StatusLog
}

export class MaintenanceDesk implements Disposable {
  #plan: MaintenancePlan
  #parts: DeskParts
  #timer: { cancel(): void }
  /** In force, and when that was told last. */
  #told = new Map<string, { readonly each: Occurrence; atMs: number }>()
  #isBroken = false

  constructor(config: Pick<Config, 'status'>, parts: DeskParts) {
    this.#plan = new MaintenancePlan(config)
    this.#parts = parts
    this.#timer = parts.clock.every(lookMs, () => this.look())
    this.look()
  }

  get book(): MaintenanceBook {
    return this.#plan.book
  }

  /** Another configuration is in force. */
  use(config: Pick<Config, 'status'>): void {
    this.#plan.use(config)
    this.look()
  }

  /** For page and feeds. */
  views(parts: Omit<ShownParts, 'nowMs'>): MaintenanceView[] {
    const nowMs = this.#parts.clock.nowMs()
    return maintenanceViews(this.book, { ...parts, nowMs }, this.#plan.far(nowMs))
  }

  /** Ids of components that are under maintenance now. */
  maintained(parts: Omit<ShownParts, 'nowMs'>): ReadonlySet<string> {
    const inForce = [...this.#told.values()]
    return new Set(inForce.flatMap(({ each }) => affectedComponents(each, parts).map(({ id }) => id)))
  }

  /** What alerts need not tell of. */
  announced(parts: Omit<ShownParts, 'nowMs'>): Announced {
    const [upstreams, models] = [new Map<string, Window>(), new Map<string, Window>()]
    const maintained = new Map<string, Window>()
    for (const { each } of this.#told.values()) {
      const window = { title: each.title, untilMs: each.toMs }
      const affected = affectedComponents(each, parts)
      note(
        maintained,
        affected.map(({ id }) => id),
        window,
      )
      note(upstreams, each.upstreams, window)
      note(models, [...each.models, ...affected.flatMap((component) => component.models)], window)
    }
    note(models, lostModels([...upstreams.keys()], parts.offers), firstOf(upstreams.values()))
    const served = parts.components.filter((component) => !isRest(component) && !isOfSite(component))
    const isAll = served.length > 0 && served.every(({ id }) => maintained.has(id))
    return { upstreams, models, all: isAll ? firstOf(maintained.values()) : null }
  }

  look(): void {
    const nowMs = this.#parts.clock.nowMs()
    this.#attempt('read', () => this.#plan.read(this.#parts.statusLog))
    const windows = this.book.windows()
    const inForce = this.#plan.near(nowMs).filter((each) => isInForce(each, nowMs))
    // One that is in the configuration no more ends, and says so.
    for (const { id, window } of inForce) if (!windows.has(window)) this.#callOff(id, nowMs)
    const now = new Map(inForce.filter(({ window }) => windows.has(window)).map((each) => [each.id, each]))
    for (const [id, { each }] of this.#told) if (!now.has(id)) this.#end(each)
    for (const each of now.values()) this.#tend(each, nowMs)
  }

  [Symbol.dispose](): void {
    this.#timer.cancel()
  }

  #tend(each: Occurrence, nowMs: number): void {
    const told = this.#told.get(each.id)
    if (!this.book.hasBegun(each.id)) this.#begin(each, nowMs)
    if (told && nowMs - told.atMs < repeatMs) return
    if (!told) this.#logBegin(each)
    this.#note(told ? 'goes-on' : 'began', each)
    this.#told.set(each.id, { each, atMs: nowMs })
  }

  #begin(each: Occurrence, atMs: number): void {
    const { id, title, text, fromMs, toMs, components, upstreams, models } = each
    const told = { id, title, text, fromMs, toMs, components, upstreams, models }
    this.#attempt('written', () =>
      this.#parts.statusLog.append(maintenanceText({ kind: 'maintenance-began', atMs, by: 'holdfast', ...told })),
    )
  }

  #logBegin({ id, upstreams, models, toMs }: Occurrence): void {
    this.#parts.log.info({ window: id, upstreams, models, until: new Date(toMs).toISOString() }, 'maintenance begins')
  }

  #callOff(id: string, atMs: number): void {
    this.#attempt('written', () =>
      this.#parts.statusLog.append(maintenanceText({ kind: 'maintenance-cancelled', id, atMs, by: 'holdfast' })),
    )
  }

  #end(each: Occurrence): void {
    this.#told.delete(each.id)
    this.#note('ended', { ...each, toMs: Math.min(each.toMs, this.#parts.clock.nowMs()) })
    this.#parts.log.info({ window: each.id }, 'maintenance is over')
  }

  #note(state: 'began' | 'goes-on' | 'ended', each: Occurrence): void {
    const { title, fromMs, toMs, components, upstreams, models } = each
    const named = { components, upstreams, models }
    this.#parts.recorder.note({ kind: 'maintenance', state, title, beginMs: fromMs, endMs: toMs, ...named })
  }

  /** A log that is locked, full or damaged is tried again at the next look; it is told once. */
  #attempt(what: string, run: () => void): void {
    try {
      run()
      this.#isBroken = false
    } catch (error) {
      if (!this.#isBroken) this.#parts.log.warn({ detail: String(error) }, `windows of maintenance cannot be ${what}`)
      this.#isBroken = true
    }
  }
}

/** What several windows name is under maintenance until the last of them ends. */
function note(windows: Map<string, Window>, names: readonly string[], window: Window | null): void {
  for (const name of names) if (window && window.untilMs > (windows.get(name)?.untilMs ?? 0)) windows.set(name, window)
}

function firstOf(windows: Iterable<Window>): Window | null {
  return [...windows].toSorted((a, b) => a.untilMs - b.untilMs)[0] ?? null
}
