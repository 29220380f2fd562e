/** The log of incidents and of maintenance that the configuration asks for. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { MemoryStatusLog } from '../store/memory-status-log.ts'
import { SqliteStatusLog, statusFileName } from '../store/sqlite-status-log.ts'
import type { StatusLog } from '../store/status-log.ts'

/** @throws when its file cannot be opened. */
export function openStatusLog({ journal, stateDir }: Pick<Config, 'journal' | 'stateDir'>): StatusLog {
  return journal.engine === 'memory' ? new MemoryStatusLog() : new SqliteStatusLog(join(stateDir, statusFileName))
}
