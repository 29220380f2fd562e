/**
 * The windows of maintenance as they stand: of the configuration, and what operators' commands have written into the
 * log since. Read again now and then, so that what is added at run time holds within seconds, in each process.
 */
import type { Config } from '../config.ts'
import { MaintenanceBook } from '../status/maintenance/maintenance-book.ts'
import { readMaintenance } from '../status/maintenance/maintenance-event.ts'
import { planWindow } from '../status/maintenance/maintenance-options.ts'
import type { StatusLog } from '../store/status-log.ts'

const entriesAtOnce = 1000

export class MaintenancePlan {
  readonly book = new MaintenanceBook()
  #readTo = 0

  constructor(config: Pick<Config, 'status'>) {
    this.use(config)
  }

  /** Another configuration is in force. */
  use({ status }: Pick<Config, 'status'>): void {
    this.book.use(status.maintenance.map((window) => planWindow(window, status.timeZone)))
  }

  /** What is new in the log. @throws when it cannot be read. */
  read(log: Pick<StatusLog, 'read'>): void {
    for (;;) {
      const entries = log.read(this.#readTo, entriesAtOnce)
      for (const { number, text } of entries) {
        const event = readMaintenance(text)
        if (event) this.book.apply(event)
        this.#readTo = number
      }
      if (entries.length < entriesAtOnce) return
    }
  }
}
