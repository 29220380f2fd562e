/**
 * The tables of durable streams in SQLite, and their rows. Records of one stream lie together in the order of their
 * numbers: the row id is the stream's id, shifted, and the number.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { Position, ProducerStamp, StreamInfo } from './stream-store.ts'

const schemaSql = `
  CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, content_type TEXT NOT NULL,
    ttl_s INTEGER, expires_at TEXT, inherits_time INTEGER NOT NULL, deadline_ms INTEGER,
    tail_no INTEGER NOT NULL, tail_bytes INTEGER NOT NULL, cost INTEGER NOT NULL DEFAULT 0,
    is_closed INTEGER NOT NULL, closed_by TEXT, writer_seq TEXT, is_gone INTEGER NOT NULL DEFAULT 0,
    source INTEGER, source_key TEXT, fork_no INTEGER, fork_bytes INTEGER, sub_offset INTEGER NOT NULL,
    depth INTEGER NOT NULL, forks INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX IF NOT EXISTS stream_deadline ON stream (deadline_ms) WHERE deadline_ms IS NOT NULL;
  CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS producer (
    stream INTEGER NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, used_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, name)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY, streams INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO total VALUES (1, 0, 0);
  CREATE TABLE IF NOT EXISTS note (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL, due_ms INTEGER) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS note_due ON note (due_ms) WHERE due_ms IS NOT NULL;
  CREATE TABLE IF NOT EXISTS note_version (id INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO note_version VALUES (1, 0);
`

/** Highest number of a record in one stream. */
const noMax = 2 ** 31

const sql = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  dataVersion: 'PRAGMA data_version',
  byKey: 'SELECT * FROM stream WHERE key = ?',
  byId: 'SELECT * FROM stream WHERE id = ?',
  create: `INSERT INTO stream (key, content_type, ttl_s, expires_at, inherits_time, deadline_ms, tail_no, tail_bytes,
    is_closed, source, source_key, fork_no, fork_bytes, sub_offset, depth) VALUES (?,?,?,?,?,?,?,?,0,?,?,?,?,?,?)`,
  write: `UPDATE stream SET tail_no = ?, tail_bytes = ?, cost = ?, is_closed = ?, closed_by = ?, writer_seq = ?
    WHERE id = ?`,
  touch: 'UPDATE stream SET deadline_ms = ? WHERE id = ?',
  markGone: 'UPDATE stream SET is_gone = 1, deadline_ms = NULL WHERE id = ?',
  countFork: 'UPDATE stream SET forks = forks + ? WHERE id = ?',
  forget: 'DELETE FROM stream WHERE id = ?',
  forgetRecords: 'DELETE FROM record WHERE id >= ? << 31 AND id < (? + 1) << 31',
  forgetProducers: 'DELETE FROM producer WHERE stream = ?',
  expired: 'SELECT key FROM stream WHERE deadline_ms <= ? LIMIT ?',
  keys: 'SELECT key FROM stream WHERE key > ? AND key >= ? AND key < ? AND is_gone = 0 ORDER BY key LIMIT ?',
  addRecord: 'INSERT INTO record (id, end, data) VALUES ((? << 31) | ?, ?, ?)',
  records: 'SELECT end, data FROM record WHERE id >= (? << 31) | ? AND id < (? << 31) + ? ORDER BY id',
  recordEnd: 'SELECT end FROM record WHERE id = (? << 31) | ?',
  producer: 'SELECT epoch, seq FROM producer WHERE stream = ? AND name = ?',
  producers: 'SELECT count(*) AS count FROM producer WHERE stream = ?',
  dropProducers: 'DELETE FROM producer WHERE stream = ? AND used_ms < ?',
  putProducer: 'INSERT OR REPLACE INTO producer VALUES (?, ?, ?, ?, ?)',
  total: 'SELECT streams, bytes FROM total WHERE id = 1',
  putTotal: 'UPDATE total SET streams = ?, bytes = ? WHERE id = 1',
  note: 'SELECT version, value FROM note WHERE key = ?',
  notes: 'SELECT key, version FROM note WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
  notesDue: 'SELECT key FROM note WHERE due_ms <= ? ORDER BY due_ms LIMIT ?',
  nextVersion: 'UPDATE note_version SET last = last + 1 WHERE id = 1 RETURNING last',
  putNote: 'INSERT OR REPLACE INTO note (key, version, value, due_ms) VALUES (?, ?, ?, ?)',
  dropNote: 'DELETE FROM note WHERE key = ?',
} as const

/** One row of `stream`; also what is asked when it is judged (`WriterState`, `Making`). */
export interface StreamRow extends StreamInfo {
  readonly key: string
  readonly inheritsTime: boolean
  readonly deadlineMs: number | null
  readonly cost: number
  readonly closedBy: ProducerStamp | null
  readonly writerSeq: string | null
  readonly isGone: boolean
  readonly sourceId: number | null
  readonly sourceKey: string | null
  readonly forkAt: Position | null
  readonly subOffset: number
  readonly depth: number
  readonly forks: number
}

export interface RecordRow {
  readonly end: number
  readonly data: Buffer
}

type Values = Record<string, null | number | bigint | string | Uint8Array>

export class SqliteStreamTables implements Disposable {
  readonly database: DatabaseSync
  #statements: Record<keyof typeof sql, StatementSync>

  /** `lockWaitMs`: how long a statement may wait, blocking, for another process. @throws {Error} not usable */
  constructor(path: string, options: { sync: 'normal' | 'full'; lockWaitMs: number }) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.database = new DatabaseSync(path)
    try {
      // While it is opened, others may be opening it too.
      // Its log is moved by `sqlite-checkpoint.ts`, as that of the journal.
      this.database.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 8000')
      this.database.exec(`PRAGMA synchronous = ${options.sync === 'full' ? 'FULL' : 'NORMAL'}`)
      this.database.exec(`BEGIN IMMEDIATE; ${schemaSql} COMMIT; PRAGMA busy_timeout = ${options.lockWaitMs}`)
      this.#statements = Object.fromEntries(
        Object.entries(sql).map(([name, text]) => [name, this.database.prepare(text)]),
      ) as Record<keyof typeof sql, StatementSync>
    } catch (cause) {
      this.database.close()
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`the streams ${path} cannot be used: ${reason}. Move the file away to begin a new one.`, {
        cause,
      })
    }
  }

  run(name: keyof typeof sql, ...values: SQLInputValue[]): number {
    return Number(this.#statements[name].run(...values).lastInsertRowid)
  }

  get(name: keyof typeof sql, ...values: SQLInputValue[]): Values | undefined {
    return this.#statements[name].get(...values)
  }

  all(name: keyof typeof sql, ...values: SQLInputValue[]): Values[] {
    return this.#statements[name].all(...values)
  }

  byKey(key: string): StreamRow | null {
    return rowOf(this.get('byKey', key))
  }

  byId(id: number): StreamRow | null {
    return rowOf(this.get('byId', id))
  }

  /** A stream's own records from number `from` to before `to`, until the reader stops. */
  *records(id: number, from: number, to: number): Iterable<RecordRow> {
    for (const row of this.#statements.records.iterate(id, from, id, to)) {
      const data = row['data'] as Uint8Array
      yield { end: row['end'] as number, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength) }
    }
  }

  addRecord(id: number, no: number, end: number, data: Buffer): void {
    if (no >= noMax) throw new Error('a stream has at most 2^31 records')
    this.run('addRecord', id, no, end, data)
  }

  /** Forgets a stream with all that is its own. */
  forget(id: number): void {
    this.run('forget', id)
    this.run('forgetRecords', id, id)
    this.run('forgetProducers', id)
  }

  [Symbol.dispose](): void {
    this.database.close()
  }
}

function rowOf(values: Values | undefined): StreamRow | null {
  if (!values) return null
  const number = (name: string): number | null => values[name] as number | null
  const text = (name: string): string | null => values[name] as string | null
  const forkNo = number('fork_no')
  const closedBy = text('closed_by')
  return {
    id: number('id') ?? 0,
    key: text('key') ?? '',
    contentType: text('content_type') ?? '',
    ttlSeconds: number('ttl_s'),
    expiresAt: text('expires_at'),
    inheritsTime: number('inherits_time') === 1,
    deadlineMs: number('deadline_ms'),
    tail: { no: number('tail_no') ?? 0, bytes: number('tail_bytes') ?? 0 },
    cost: number('cost') ?? 0,
    isClosed: number('is_closed') === 1,
    closedBy: closedBy === null ? null : (JSON.parse(closedBy) as ProducerStamp),
    writerSeq: text('writer_seq'),
    isGone: number('is_gone') === 1,
    sourceId: number('source'),
    sourceKey: text('source_key'),
    forkAt: forkNo === null ? null : { no: forkNo, bytes: number('fork_bytes') ?? 0 },
    subOffset: number('sub_offset') ?? 0,
    depth: number('depth') ?? 0,
    forks: number('forks') ?? 0,
  }
}
