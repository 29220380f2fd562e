/** The watch over this process: what it looks at, and what it can do about it. */
import type { Config } from '../config.ts'
import type { Listener } from '../edge/listener.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { collectGarbage, readMemoryLimits, readRoom, readVitals } from '../observe/vital-signs.ts'
import type { Pressure } from '../relay/overload/pressure.ts'
import { workerMemoryBytes } from '../relay/overload/share.ts'
import { Watch } from '../relay/overload/watch.ts'
import type { Journal } from '../store/journal.ts'

interface WatchBase {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Recorder
  readonly pressure: Pressure
  /** The measures have changed. */
  readonly onChange: () => void
  readonly journal: Journal
  readonly listeners: readonly Listener[]
}

export function openWatch({ protection, workers, journal, limits, stateDir }: Config, base: WatchBase): Watch {
  const { machineBytes, containerBytes } = readMemoryLimits()
  const isOnDisk = journal.engine !== 'memory'
  const { clock, log, recorder, pressure, onChange, listeners } = base
  return new Watch({
    clock,
    log,
    recorder,
    pressure,
    options: protection,
    collect: collectGarbage,
    compact: () => base.journal.compact(),
    onChange,
    sources: {
      vitals: readVitals,
      room: () => (isOnDisk ? readRoom(stateDir) : Promise.resolve(null)),
      connections: () => Math.max(...listeners.map(({ connectionCount }) => connectionCount)),
      connectionsMax: limits.connectionsMax,
      journalBytes: () => base.journal.liveBytes,
      journalBytesMax: journal.totalBytesMax,
      memoryBytesMax: protection.memoryBytesMax || workerMemoryBytes(machineBytes, containerBytes, workers),
    },
  })
}
