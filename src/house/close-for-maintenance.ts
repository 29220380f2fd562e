/**
 * Keeps new calls from what is under planned maintenance, in a process that carries traffic. It reads the windows by
 * itself and is told by nobody: what was announced holds, whatever becomes of the supervisor.
 */
import type { Config } from '../config.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import { closedNow } from '../status/maintenance/closed-now.ts'
import type { StatusLog } from '../store/status-log.ts'
import { MaintenancePlan } from './maintenance-plan.ts'
import { openStatusLog } from './status-log.ts'

const lookMs = 1000

export interface ClosingParts {
  readonly clock: Clock
  readonly log: Log
  readonly fleet: Fleet
  /** For tests; left out, the file in the state folder. */
  readonly open?: () => StatusLog
}

/** Until it is disposed of. What cannot be read leaves the windows that are known. */
export function closeForMaintenance(config: Config, { clock, log, fleet, open }: ClosingParts): Disposable {
  const plan = new MaintenancePlan(config)
  let statusLog: StatusLog | null = null
  let isTold = false
  let shown = ''
  const read = (): void => {
    try {
      statusLog ??= (open ?? (() => openStatusLog(config)))()
      plan.read(statusLog)
      isTold = false
    } catch (error) {
      statusLog?.[Symbol.dispose]()
      statusLog = null
      if (!isTold) log.warn({ detail: String(error) }, 'windows of maintenance that were added cannot be read')
      isTold = true
    }
  }
  const look = (): void => {
    read()
    const nowMs = clock.nowMs()
    const closed = closedNow(plan.near(nowMs), nowMs)
    const now = JSON.stringify([[...closed.upstreams], [...closed.models]])
    if (now === shown) return
    shown = now
    fleet.close(closed, () => clock.nowMs())
    log.info({ upstreams: [...closed.upstreams.keys()], models: [...closed.models.keys()] }, 'planned maintenance')
  }
  fleet.close({ upstreams: new Map(), models: new Map() }, () => clock.nowMs())
  shown = '[[],[]]'
  look()
  const timer = clock.every(lookMs, look)
  return {
    [Symbol.dispose]: () => {
      timer.cancel()
      statusLog?.[Symbol.dispose]()
    },
  }
}
