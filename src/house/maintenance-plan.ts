/**
 * The windows of maintenance as they stand: of the configuration, and what operators' commands have written into the
 * log since. Read again now and then, so that what is added at run time holds within seconds, in each process.
 */
import type { Config } from '../config.ts'
import { aheadMs, backMs, MaintenanceBook, type Occurrence } from '../status/maintenance/maintenance-book.ts'
import { readMaintenance } from '../status/maintenance/maintenance-event.ts'
import { planWindow } from '../status/maintenance/plan-window.ts'
import type { Span } from '../status/maintenance/window-rule.ts'
import { entriesAfter, type StatusLog } from '../store/status-log.ts'

/** Windows are reckoned so far ahead, and again after a while, or when something is new: not at each look. */
const soonMs = 2 * 86_400_000
const reckonMs = 60_000

interface Reckoned {
  readonly atMs: number
  readonly occurrences: readonly Occurrence[]
}

export class MaintenancePlan {
  readonly book = new MaintenanceBook()
  #readTo = 0
  #near: Reckoned | null = null
  #far: Reckoned | null = null

  constructor(config: Pick<Config, 'status'>) {
    this.use(config)
  }

  /** Another configuration is in force. */
  use({ status }: Pick<Config, 'status'>): void {
    this.book.use(status.maintenance.map((window) => planWindow(window, status.timeZone)))
    this.#near = this.#far = null
  }

  /** Those that go on now, or begin within the next days. */
  near(nowMs: number): readonly Occurrence[] {
    return (this.#near = this.#fresh(this.#near, nowMs, { fromMs: nowMs, toMs: nowMs + soonMs })).occurrences
  }

  /** All that the public may be shown. */
  far(nowMs: number): readonly Occurrence[] {
    return (this.#far = this.#fresh(this.#far, nowMs, { fromMs: nowMs - backMs, toMs: nowMs + aheadMs })).occurrences
  }

  #fresh(known: Reckoned | null, nowMs: number, span: Span): Reckoned {
    // The clock may have been put back.
    if (known && nowMs >= known.atMs && nowMs < known.atMs + reckonMs) return known
    return { atMs: nowMs, occurrences: this.book.within(span) }
  }

  /** What is new in the log. @throws when it cannot be read. */
  read(log: Pick<StatusLog, 'read'>): void {
    for (const { number, text } of entriesAfter(log, this.#readTo)) {
      const event = readMaintenance(text)
      if (event) this.book.apply(event)
      if (event) this.#near = this.#far = null
      this.#readTo = number
    }
  }
}
