/** One connection to a SQLite database: statements prepared once, whole transactions, and what its errors mean. */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'

/** Another process writes for a moment: so long we wait before the next try, and this is how often we do. */
const busyPauseMs = 1
const busyTriesMax = 5000

/** A database that is written by another process right now; any such wait is short. */
export function isBusy(cause: unknown): boolean {
  return [5, 6].includes(primaryCode(cause))
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, or a piece whose checksum is wrong. */
export function isDamage(cause: unknown): boolean {
  return cause instanceof Damage || [11, 26].includes(primaryCode(cause))
}

/** SQLITE_FULL, or SQLITE_IOERR: the disk takes no more for now. */
export function isFull(cause: unknown): boolean {
  return [10, 13].includes(primaryCode(cause))
}

/** What was kept does not fit together any more. */
export class Damage extends Error {}

export const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

function primaryCode(cause: unknown): number {
  const code: unknown = cause instanceof Error && 'errcode' in cause ? cause.errcode : 0
  return typeof code === 'number' ? code & 0xff : 0
}

export class SqliteFile {
  readonly database: DatabaseSync
  #clock: Clock
  #statements = new Map<string, StatementSync>()
  #isClosed = false

  /** @param sync `full` waits for the disk with each commit. @param waitMs blocks so long while another opens it. */
  constructor(path: string, clock: Clock, sync: 'normal' | 'full', waitMs = 5000) {
    this.#clock = clock
    this.database = new DatabaseSync(path)
    try {
      // Changes are copied out of the log by `sqlite-checkpoint.ts`; where that does not run, here, and calls wait.
      this.database.exec(
        `PRAGMA busy_timeout = ${waitMs}; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${sync.toUpperCase()};
        PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 33554432;
        PRAGMA busy_timeout = 0`,
      )
    } catch (cause) {
      this.database.close()
      throw cause
    }
  }

  /** The statement of this text, prepared at its first use. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (!statement) {
      statement = this.database.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /** One write transaction: all of it or nothing. @throws when the database is busy or refuses. */
  write<T>(run: () => T): T {
    this.sql('BEGIN IMMEDIATE').run()
    return this.#finish(run)
  }

  /** One look at a single state of the database. */
  read<T>(run: () => T): T {
    this.sql('BEGIN').run()
    return this.#finish(run)
  }

  /** Does `run` again while another process is in the way, without blocking this one. @throws {Fault} */
  async patiently<T>(run: () => T): Promise<T> {
    for (let tries = 1; ; tries++) {
      if (this.#isClosed) throw new Fault('HF_CLOSING', { detail: 'the journal is closed' })
      try {
        return run()
      } catch (cause) {
        if (!isBusy(cause)) throw faultOf(cause)
        if (tries === busyTriesMax) throw faultOf(cause)
      }
      await new Promise<void>((resolve) => void this.#clock.after(busyPauseMs, resolve))
    }
  }

  /** Blocks for this long when another process writes; for the few places that cannot come back later. */
  waitFor<T>(waitMs: number, run: () => T): T {
    this.database.exec(`PRAGMA busy_timeout = ${waitMs}`)
    try {
      return run()
    } finally {
      this.database.exec('PRAGMA busy_timeout = 0')
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#statements.clear()
    this.database.close()
  }

  #finish<T>(run: () => T): T {
    try {
      const result = run()
      this.sql('COMMIT').run()
      return result
    } catch (cause) {
      if (this.database.isTransaction) this.sql('ROLLBACK').run()
      throw cause
    }
  }
}

/** What the database says, as a fault. */
export function faultOf(cause: unknown): Fault {
  if (cause instanceof Fault) return cause
  const detail = isBusy(cause) ? 'the journal is locked by another process' : reasonOf(cause)
  return new Fault(isDamage(cause) ? 'HF_INTERNAL' : 'HF_JOURNAL_FULL', { detail: `journal: ${detail}`, cause })
}

export interface PrivateFileOptions {
  readonly sync: 'normal' | 'full'
  /** Makes what is not there yet. */
  readonly schemaSql: string
  /** Another process may be writing, or making it too. */
  readonly waitMs: number
}

/** One that nobody else on the machine may read; its folder is made where there is none. @throws, nothing left open */
export function openPrivateFile(path: string, clock: Clock, options: PrivateFileOptions): SqliteFile {
  const { sync, schemaSql, waitMs } = options
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = new SqliteFile(path, clock, sync)
  try {
    chmodSync(path, 0o600)
    file.waitFor(waitMs, () => file.database.exec(schemaSql))
    return file
  } catch (cause) {
    file.close()
    throw cause
  }
}
