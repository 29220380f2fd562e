/** The log of incidents and of maintenance that the configuration asks for. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../observe/log.ts'
import { MemoryStatusLog } from '../store/memory-status-log.ts'
import { isDamage } from '../store/sqlite-file.ts'
import { inodeOf, layAside } from '../store/sqlite-lay-aside.ts'
import { LaterStatusLog, SqliteStatusLog, statusFileName } from '../store/sqlite-status-log.ts'
import { entriesAfter, type StatusEntry, type StatusLog } from '../store/status-log.ts'

type Place = Pick<Config, 'journal' | 'stateDir'>

/** @throws when its file cannot be opened. */
export function openStatusLog({ journal, stateDir }: Place): StatusLog {
  return journal.engine === 'memory' ? new MemoryStatusLog() : new SqliteStatusLog(join(stateDir, statusFileName))
}

/**
 * For the process that is in charge of it. A file that is damaged is laid aside; one that cannot be opened now is tried
 * again each time that it is wanted: calls are carried meanwhile.
 * @throws {LaterStatusLog}
 */
export function keepStatusLog(place: Place, log: Log): StatusLog {
  const path = join(place.stateDir, statusFileName)
  try {
    return readWhole(place)
  } catch (cause) {
    if (cause instanceof LaterStatusLog) throw cause
    if (!isDamage(cause)) return new PatientLog(() => openStatusLog(place))
    layAside(path, inodeOf(path))
    log.error({ detail: String(cause) }, 'the log of incidents was damaged and is laid aside: a new one begins')
    return openStatusLog(place)
  }
}

function readWhole(place: Place): StatusLog {
  const log = openStatusLog(place)
  try {
    for (const _ of entriesAfter(log, 0));
    return log
  } catch (cause) {
    log[Symbol.dispose]()
    throw cause
  }
}

class PatientLog implements StatusLog {
  readonly #open: () => StatusLog
  #log: StatusLog | null = null

  constructor(open: () => StatusLog) {
    this.#open = open
  }

  append(text: string): void {
    this.#now.append(text)
  }

  read(after: number, countMax: number): readonly StatusEntry[] {
    return this.#now.read(after, countMax)
  }

  firstBroken(): number | null {
    return this.#now.firstBroken()
  }

  [Symbol.dispose](): void {
    this.#log?.[Symbol.dispose]()
  }

  get #now(): StatusLog {
    return (this.#log ??= this.#open())
  }
}
