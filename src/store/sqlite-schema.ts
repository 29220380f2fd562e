/**
 * The tables of the journal, and how its file is opened. All gateway processes of a machine share one file; the first
 * to come looks it over, mends it and makes the tables, while it has the file to itself. The lock for this is the
 * system's, on a file of its own beside it, so it is gone with its holder however that dies.
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../ground/clock.ts'
import type { JournalOptions } from './journal-options.ts'
import { forgetAtMs } from './retention.ts'
import { isBusy, isDamage, reasonOf, SqliteFile } from './sqlite-file.ts'
import { badPiece, finishSalvage, isDatabase, type RecoveryLog, salvage } from './sqlite-recovery.ts'

/** Grows with each change of the tables. */
const schemaVersion = 2

/**
 * `answer`: what is known of each. `head`: only of those under way, in rows so small that all of them lie on a few
 * pages, since each commit changes them. `piece`: append-only, what one answer got between two commits; each names the
 * one before it (0: none), so that no index is needed, which would cost several times the piece itself. `packed`:
 * pieces of long kept answers, moved out of the way. `request` and `aside` are apart since they go before the rest.
 */
export const schemaSql = `
  CREATE TABLE node (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, beat INTEGER NOT NULL,
    beat_ms INTEGER NOT NULL);
  CREATE TABLE answer (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ray TEXT NOT NULL UNIQUE, route TEXT NOT NULL, model TEXT NOT NULL,
    caller TEXT NOT NULL, began_ms INTEGER NOT NULL, is_stream INTEGER NOT NULL, is_stored INTEGER NOT NULL,
    call_key TEXT, first_piece INTEGER NOT NULL, last_piece INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0, packed_to INTEGER NOT NULL DEFAULT 0, packed_count INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, sealed_ms INTEGER, read_ms INTEGER, forget_ms INTEGER, outcome TEXT,
    is_cancelled INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX answer_call ON answer (caller, call_key) WHERE call_key IS NOT NULL;
  CREATE INDEX answer_sealed ON answer (sealed_ms) WHERE sealed_ms IS NOT NULL;
  CREATE INDEX answer_forget ON answer (forget_ms) WHERE forget_ms IS NOT NULL;
  CREATE INDEX answer_first ON answer (first_piece);
  CREATE TABLE head (
    answer INTEGER PRIMARY KEY, owner INTEGER, epoch INTEGER NOT NULL, count INTEGER NOT NULL,
    last_piece INTEGER NOT NULL, bytes INTEGER NOT NULL, passing_bytes INTEGER NOT NULL, left_ms INTEGER,
    cancel_ms INTEGER);
  CREATE TABLE request (answer INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE alias (id TEXT PRIMARY KEY, answer INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX alias_answer ON alias (answer);
  CREATE TABLE piece (
    id INTEGER PRIMARY KEY, answer INTEGER NOT NULL, prev INTEGER NOT NULL, first_seq INTEGER NOT NULL,
    sum INTEGER NOT NULL, lengths BLOB, data BLOB NOT NULL);
  CREATE TABLE aside (piece INTEGER PRIMARY KEY, lengths BLOB NOT NULL, data BLOB NOT NULL);
  CREATE TABLE packed (
    answer INTEGER NOT NULL, first_seq INTEGER NOT NULL, sum INTEGER NOT NULL, lengths BLOB, data BLOB NOT NULL,
    aside_lengths BLOB, aside_data BLOB, PRIMARY KEY (answer, first_seq));
  CREATE TABLE total (
    id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL, answers INTEGER NOT NULL, swept_ms INTEGER NOT NULL,
    settings TEXT NOT NULL);
  INSERT INTO total VALUES (1, 0, 0, 0, '');
  PRAGMA user_version = ${schemaVersion};
`
/** Files up to this size are looked over page by page at each start. */
const checkedBytesMax = 256 * 2 ** 20
/** Another process may have to mend a large file first. */
const openWaitMs = 60_000

export interface OpenJournalFile {
  readonly file: SqliteFile
  /** Held open for its lock: as long as it is, nobody has the file to himself. */
  readonly share: DatabaseSync
}

/**
 * Opens the journal at `path`, which is made or mended if nobody else has it open.
 * @throws {Error} in words when it is something else.
 */
export function openJournalFile(
  path: string,
  clock: Clock,
  options: JournalOptions,
  log: RecoveryLog | null,
): OpenJournalFile {
  let share: DatabaseSync | null = null
  let file: SqliteFile | null = null
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    share = new DatabaseSync(`${path}.lock`)
    share.exec(`PRAGMA busy_timeout = ${openWaitMs}; PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0`)
    if (takeAlone(share)) {
      makeReady(path, clock, options, log)
      share.exec('COMMIT')
    }
    share.exec(`PRAGMA busy_timeout = ${openWaitMs}; BEGIN; SELECT count(*) FROM sqlite_schema`)
    file = new SqliteFile(path, clock, options.sync)
    needOurs(file.database)
    addFunctions(file, options)
    return { file, share }
  } catch (cause) {
    file?.close()
    share?.close()
    const cure = share ? 'Move it away to begin a new one' : 'Its folder must be there, and writable'
    throw new Error(`the journal ${path} cannot be used: ${reasonOf(cause)}. ${cure}.`, { cause })
  }
}

/** Marks a journal whose damage was met while it was in use: the next start looks it over whatever its size. */
export const suspectPath = (path: string): string => `${path}.suspect`

function takeAlone(share: DatabaseSync): boolean {
  try {
    share.exec('BEGIN EXCLUSIVE')
    return true
  } catch (cause) {
    if (isBusy(cause)) return false
    throw cause
  }
}

function makeReady(path: string, clock: Clock, options: JournalOptions, log: RecoveryLog | null): void {
  finishSalvage(path)
  if (existsSync(path) && !isDatabase(path)) throw new Error('file is not a database')
  const reason = lookOver(path, clock, options)
  if (reason !== null) {
    salvage(path, { reason, nowMs: clock.nowMs(), schemaSql: `PRAGMA auto_vacuum = INCREMENTAL; ${schemaSql}`, log })
    const left = lookOver(path, clock, options)
    if (left !== null) throw new Error(left)
  }
  rmSync(suspectPath(path), { force: true })
}

/** Makes the tables of a new file and checks those of an old one; what is damaged, or null. */
function lookOver(path: string, clock: Clock, options: JournalOptions): string | null {
  const isSuspect = existsSync(suspectPath(path))
  let database: DatabaseSync | null = null
  let file: SqliteFile | null = null
  try {
    database = new DatabaseSync(path)
    if (Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']) === 0)
      database.exec(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN; ${schemaSql} COMMIT`)
    needOurs(database)
    if (isSuspect || bytesOf(path) <= checkedBytesMax) {
      const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
      if (found !== 'ok') return String(found)
    }
    const bad = isSuspect ? badPiece(database) : null
    if (bad !== null) return bad
    file = new SqliteFile(path, clock, options.sync)
    addFunctions(file, options)
    applySettings(file, options)
    return null
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    return reasonOf(cause)
  } finally {
    file?.close()
    database?.close()
  }
}

const bytesOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

function needOurs(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version !== schemaVersion)
    throw new Error(`it is of another kind or version (${version}; this gateway uses ${schemaVersion})`)
}

/** `forget_at(began, sealed, read, stored)`: the policy of retention, in SQL. */
function addFunctions(file: SqliteFile, options: JournalOptions): void {
  file.database.function('forget_at', { deterministic: true }, (beganMs, sealedMs, readMs, isStored) =>
    forgetAtMs(
      {
        beganMs: Number(beganMs),
        sealedMs: Number(sealedMs),
        readMs: readMs === null ? null : Number(readMs),
        isStored: Number(isStored) === 1,
      },
      options,
    ),
  )
}

/** Answers that ended under other settings are kept by the present ones. */
function applySettings(file: SqliteFile, { keepMs, keepReadMs, keepMaxMs }: JournalOptions): void {
  const settings = JSON.stringify([keepMs, keepReadMs, keepMaxMs])
  if (file.sql('SELECT settings FROM total').get()?.['settings'] === settings) return
  file.write(() => {
    file
      .sql(
        `UPDATE answer SET forget_ms = forget_at(began_ms, sealed_ms, read_ms, is_stored) WHERE sealed_ms IS NOT NULL`,
      )
      .run()
    file.sql('UPDATE total SET settings = ?').run(settings)
  })
}
