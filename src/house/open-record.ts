/** The record that the configuration asks for: what takes down in this process, and who keeps its file in bounds. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import { noRecorder, type Recorder } from '../observe/recorder.ts'
import { Recording } from '../observe/recording.ts'
import { MemoryRecord } from '../store/memory-record.ts'
import type { RecordReader } from '../store/record.ts'
import { SqliteRecord } from '../store/sqlite-record.ts'
import { recordFileName } from '../store/sqlite-record-file.ts'
import { RecordQuery } from '../store/sqlite-record-query.ts'
import { RecordSweep } from '../store/sqlite-record-sweep.ts'
import { recordEngine } from './state-files.ts'

export interface OpenRecord {
  readonly recorder: Recorder
  /** Facts that were lost. */
  readonly lostCount: () => number
  /** Where it is in memory: what is noted here, for another process; and what is taken from one. */
  readonly memory: MemoryRecord | null
  /** For questions; null where nothing is taken down. The caller disposes of it. */
  readonly read: () => RecordReader | null
}

interface RecordBase {
  readonly clock: Clock
  readonly log: Log
  /** The name of this process in the record. */
  readonly node: string
  /** This process keeps the file in bounds: one that carries no traffic. */
  readonly isKeeper: boolean
}

const nothing: OpenRecord = { recorder: noRecorder, lostCount: () => 0, memory: null, read: () => null }

/** A record that cannot be opened is done without until it can: it must not keep a gateway from serving. */
export function openRecord(parts: AsyncDisposableStack, config: Config, base: RecordBase): OpenRecord {
  const { record, stateDir } = config
  const { clock, log, node, isKeeper } = base
  if (!record.enabled) return nothing
  if (recordEngine(config) === 'memory') {
    const shelf = new MemoryRecord(node)
    return {
      recorder: parts.use(new Recording(clock, record, shelf)),
      lostCount: () => 0,
      memory: shelf,
      read: () => shelf,
    }
  }
  const path = join(stateDir, recordFileName)
  if (isKeeper) parts.use(new RecordSweep(path, clock, record))
  const recorder = parts.use(new Recording(clock, record, new SqliteRecord(path, clock, node, log)))
  return { recorder, lostCount: () => recorder.lostCount, memory: null, read: () => new RecordQuery(path) }
}
