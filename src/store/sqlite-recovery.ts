/**
 * A damaged journal file: what can be read of it goes into a fresh one, answer by answer up to the first event that is
 * not what was written; what lies behind a hole is dropped, and an answer that lost events has failed, whatever it was.
 * The damaged file is kept beside the new one. Runs while nobody else has the file open.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { answerOverheadBytes, eventOverheadBytes } from './retention.ts'
import { isDamage, reasonOf } from './sqlite-file.ts'
import { unpack } from './sqlite-piece.ts'

/** Where it is said that something was wrong with the file. */
export interface RecoveryLog {
  warn(facts: object, message: string): void
}

interface Orders {
  readonly reason: string
  readonly nowMs: number
  readonly schemaSql: string
  readonly log: RecoveryLog | null
}

type Row = Record<string, unknown>

/** How far one answer could be read. */
interface Saved {
  readonly id: number
  count: number
  bytes: number
  asideBytes: number
  /** The last row of it that was good; what does not follow on it lies behind a hole. */
  lastPiece: number
  isBroken: boolean
}

const magic = 'SQLite format 3\0'
/** Rows that cannot be read are leapt over, by ever larger steps. */
const leapsMax = 64
/** Rows that are read in one go as long as nothing is wrong. */
const scanRows = 256

/** An empty file is a new journal. */
export function isDatabase(path: string): boolean {
  const head = Buffer.alloc(magic.length)
  const file = openSync(path, 'r')
  try {
    const size = readSync(file, head)
    return size === 0 || head.toString('latin1') === magic
  } finally {
    closeSync(file)
  }
}

/** A process that died after it had saved all it could, and before the new file was in its place. */
export function finishSalvage(path: string): void {
  if (!existsSync(path) && existsSync(savedPath(path))) renameSync(savedPath(path), path)
  for (const left of [savedPath(path), partPath(path)]) rmSync(left, { force: true })
  dropCopy(path)
}

const savedPath = (path: string): string => `${path}.saved`
const partPath = (path: string): string => `${path}.saving`
const copyPath = (path: string): string => `${path}.copy`

/** A piece that is not what was written, in a file whose pages fit together; null when all are. */
export function badPiece(database: DatabaseSync): string | null {
  for (const table of ['piece', 'packed'])
    for (const row of database.prepare(`SELECT lengths, data, sum FROM ${table} WHERE answer <> 0`).iterate()) {
      try {
        unpackRow(row)
      } catch (cause) {
        return reasonOf(cause)
      }
    }
  return null
}

/** Puts a fresh file with all that could be read in the place of the damaged one. */
export function salvage(path: string, { reason, nowMs, schemaSql, log }: Orders): void {
  const fresh = new FreshFile(partPath(path))
  let found = { answers: 0, events: 0, cutShort: 0 }
  try {
    fresh.database.exec(`${schemaSql}; BEGIN`)
    found = copyAll(path, fresh, nowMs)
    fresh.database.exec('COMMIT')
  } finally {
    fresh.database.close()
  }
  const damagedPath = `${path}.damaged-${nowMs}`
  renameSync(partPath(path), savedPath(path))
  for (const suffix of ['-wal', '']) if (existsSync(path + suffix)) renameSync(path + suffix, damagedPath + suffix)
  rmSync(`${path}-shm`, { force: true })
  renameSync(savedPath(path), path)
  log?.warn(
    { journal: path, damaged: damagedPath, reason, ...found },
    'the journal was damaged: what can be read was saved',
  )
}

function copyAll(path: string, fresh: FreshFile, nowMs: number): { answers: number; events: number; cutShort: number } {
  const found = { answers: 0, events: 0, cutShort: 0 }
  let damaged: DatabaseSync | null = null
  try {
    damaged = new DatabaseSync(makeCopy(path))
    const answers = copyAnswers(damaged, fresh)
    for (const row of scan(damaged, 'packed', 'rowid')) copyPacked(fresh, answers, row)
    for (const row of scan(damaged, 'piece', 'id')) copyPiece(fresh, answers, row)
    for (const row of scan(damaged, 'aside', 'piece')) copyAside(fresh, answers, row)
    for (const row of scan(damaged, 'request', 'answer')) fresh.insert('request', row)
    copyAliases(damaged, fresh)
    const heads = new Map([...scan(damaged, 'head', 'answer')].map((row) => [row['answer'] as number, row]))
    for (const saved of answers.values()) {
      found.answers++
      found.events += saved.count
      if (!finish(fresh, saved, heads.get(saved.id), nowMs)) found.cutShort++
    }
    countAll(fresh)
    return found
  } catch (cause) {
    // Not even the list of the tables can be read.
    if (!isDamage(cause) && !/no such table/.test(reasonOf(cause))) throw cause
    return found
  } finally {
    damaged?.close()
    dropCopy(path)
  }
}

/** A copy is read: the damaged file stays as it is, and one that is too short can be read only if it says so itself. */
function makeCopy(path: string): string {
  const copy = copyPath(path)
  copyFileSync(path, copy)
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
  const file = openSync(copy, 'r+')
  try {
    const header = Buffer.alloc(100)
    readSync(file, header, 0, header.length, 0)
    // Page size at 16 (1 for 64 KiB), pages of the file at 28: the file format of SQLite, section 1.3.
    const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
    const pages = pageBytes === 0 ? 0 : Math.floor(fstatSync(file).size / pageBytes)
    if (pages < header.readUInt32BE(28)) {
      header.writeUInt32BE(pages, 28)
      writeSync(file, header, 0, header.length, 0)
    }
  } finally {
    closeSync(file)
  }
  return copy
}

function dropCopy(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(copyPath(path) + suffix, { force: true })
}

/** The rows of a table in the order of `key`, over what cannot be read. */
function* scan(database: DatabaseSync, table: string, key: string): Generator<Row> {
  const rows = database.prepare(`SELECT ${key} AS scan_key, * FROM ${table} WHERE ${key} >= ? ORDER BY ${key} LIMIT ?`)
  let at = 0
  let atOnce = scanRows
  let goodRows = 0
  for (let leaps = 0; leaps < leapsMax; ) {
    let found: Row[]
    try {
      found = rows.all(at, atOnce)
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      // One by one up to the bad one, then over it.
      const to = atOnce > 1 ? at : firstReadable(rows, at)
      if (to === null) return
      if (atOnce === 1) leaps++
      at = to
      atOnce = 1
      goodRows = 0
      continue
    }
    yield* found
    if (found.length < atOnce) return
    at = (found.at(-1)?.['scan_key'] as number) + 1
    if ((goodRows += found.length) > scanRows) atOnce = scanRows
  }
}

/** The smallest key behind `bad` from which on a row can be read again; found by doubling, then by halving. */
function firstReadable(rows: { get(key: number, limit: number): unknown }, bad: number): number | null {
  const isReadable = (key: number): boolean => {
    try {
      rows.get(key, 1)
      return true
    } catch {
      return false
    }
  }
  let step = 1
  while (!isReadable(bad + step)) if ((step *= 2) > 2 ** 40) return null
  let low = bad + Math.floor(step / 2)
  let high = bad + step
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isReadable(middle)) high = middle
    else low = middle
  }
  return high
}

function copyAnswers(damaged: DatabaseSync, fresh: FreshFile): Map<number, Saved> {
  const answers = new Map<number, Saved>()
  for (const row of scan(damaged, 'answer', 'id')) {
    const id = row['id'] as number
    try {
      fresh.insert('answer', row)
      answers.set(id, { id, count: 0, bytes: 0, asideBytes: 0, lastPiece: 0, isBroken: false })
    } catch {
      // A row that breaks the rules of its table is none of ours.
    }
  }
  return answers
}

function copyPacked(fresh: FreshFile, answers: Map<number, Saved>, row: Row): void {
  const saved = answers.get(row['answer'] as number)
  if (!saved || !isNext(saved, row)) return
  saved.asideBytes += (row['aside_data'] as Uint8Array | null)?.length ?? 0
  fresh.insert('packed', row)
}

function copyPiece(fresh: FreshFile, answers: Map<number, Saved>, row: Row): void {
  const saved = answers.get(row['answer'] as number)
  if (!saved) return
  const isFirst = saved.lastPiece === 0
  if (!isFirst && row['prev'] !== saved.lastPiece) saved.isBroken = true
  // A piece that has been packed may still be there.
  if (isFirst && (row['first_seq'] as number) < saved.count) return
  if (!isNext(saved, row)) return
  saved.lastPiece = row['id'] as number
  fresh.insert('piece', row)
}

/** Whether the events of this row follow on those that were saved, and are what was written. */
function isNext(saved: Saved, row: Row): boolean {
  if (saved.isBroken || row['first_seq'] !== saved.count) saved.isBroken = true
  if (saved.isBroken) return false
  try {
    const events = unpackRow(row)
    saved.count += events.length
    for (const { length } of events) saved.bytes += length + eventOverheadBytes
    return true
  } catch {
    saved.isBroken = true
    return false
  }
}

const unpackRow = (row: Row): Buffer[] =>
  unpack(row['lengths'] as Uint8Array | null, row['data'] as Uint8Array, row['sum'] as number)

function copyAside(fresh: FreshFile, answers: Map<number, Saved>, row: Row): void {
  const saved = answers.get(fresh.answerOf(row['piece'] as number))
  if (!saved) return
  saved.asideBytes += (row['data'] as Uint8Array).length
  fresh.insert('aside', row)
}

/** Names have no numbers to scan by: what comes before the first bad page is saved. */
function copyAliases(damaged: DatabaseSync, fresh: FreshFile): void {
  try {
    for (const row of damaged.prepare('SELECT * FROM alias').iterate()) fresh.insert('alias', row)
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  }
}

/** Puts an answer in order. False when it lost events. */
function finish(fresh: FreshFile, saved: Saved, head: Row | undefined, nowMs: number): boolean {
  const { id, count, lastPiece } = saved
  const answer = fresh.database.prepare('SELECT * FROM answer WHERE id = ?').get(id)
  const sealedMs = answer?.['sealed_ms'] as number | null
  const expected = (sealedMs === null ? head?.['count'] : answer?.['count']) as number | undefined
  const isWhole = count === expected && !saved.isBroken
  const request = fresh.database.prepare('SELECT length(data) AS bytes FROM request WHERE answer = ?').get(id)
  const passingBytes = Number(request?.['bytes'] ?? 0) + saved.asideBytes
  const bytes = saved.bytes + answerOverheadBytes
  if (isWhole && sealedMs === null) {
    const row = { ...head, answer: id, owner: null, last_piece: lastPiece, left_ms: nowMs }
    fresh.insert('head', { ...row, bytes: bytes + passingBytes, passing_bytes: passingBytes })
    return true
  }
  fresh.database
    .prepare(
      `UPDATE answer SET count = ?, last_piece = ?, bytes = ?, outcome = ?, sealed_ms = ?,
        forget_ms = coalesce(forget_ms, 0) WHERE id = ?`,
    )
    .run(count, lastPiece, bytes, isWhole ? (answer?.['outcome'] as string) : 'failed', sealedMs ?? nowMs, id)
  fresh.database.prepare('DELETE FROM request WHERE answer = ?').run(id)
  return isWhole
}

function countAll(fresh: FreshFile): void {
  fresh.database.exec(`
    UPDATE total SET answers = (SELECT count(*) FROM answer), settings = '',
      bytes = (SELECT coalesce(sum(coalesce(h.bytes, a.bytes)), 0) FROM answer a LEFT JOIN head h ON h.answer = a.id)`)
}

/** Takes rows as they come. */
class FreshFile {
  readonly database: DatabaseSync
  #inserts = new Map<string, StatementSync>()
  #answerOf: StatementSync | null = null

  constructor(path: string) {
    this.database = new DatabaseSync(path)
  }

  insert(table: string, row: Row): void {
    const { scan_key: _, ...fields } = row
    const names = Object.keys(fields)
    let statement = this.#inserts.get(table)
    if (!statement) {
      const places = names.map(() => '?').join(', ')
      statement = this.database.prepare(`INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${places})`)
      this.#inserts.set(table, statement)
    }
    statement.run(...(Object.values(fields) as (string | number | null | Uint8Array)[]))
  }

  /** 0 when there is no such piece. */
  answerOf(piece: number): number {
    this.#answerOf ??= this.database.prepare('SELECT answer FROM piece WHERE id = ?')
    return Number(this.#answerOf.get(piece)?.['answer'] ?? 0)
  }
}
