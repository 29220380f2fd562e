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
import { DatabaseSync } from 'node:sqlite'
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
  /** The last row of it that was good; what does not follow on it lies behind a hole. */
  lastPiece: number
  isBroken: boolean
}

const magic = 'SQLite format 3\0'
/** Rows that cannot be read are leapt over, by ever larger steps. */
const leapsMax = 64

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
  const fresh = new DatabaseSync(partPath(path))
  let found = { answers: 0, events: 0, cutShort: 0 }
  try {
    fresh.exec(schemaSql)
    fresh.exec('BEGIN')
    found = copyAll(path, fresh, nowMs)
    fresh.exec('COMMIT')
  } finally {
    fresh.close()
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

function copyAll(
  path: string,
  fresh: DatabaseSync,
  nowMs: number,
): { answers: number; events: number; cutShort: number } {
  const found = { answers: 0, events: 0, cutShort: 0 }
  let damaged: DatabaseSync | null = null
  try {
    damaged = new DatabaseSync(makeCopy(path))
    const answers = copyAnswers(damaged, fresh)
    for (const row of scan(damaged, 'packed', 'rowid')) copyPacked(fresh, answers, row)
    for (const row of scan(damaged, 'piece', 'id')) copyPiece(fresh, answers, row)
    for (const row of scan(damaged, 'aside', 'piece')) copyAside(fresh, row)
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
  const next = database.prepare(`SELECT ${key} AS scan_key, * FROM ${table} WHERE ${key} >= ? ORDER BY ${key} LIMIT 1`)
  let at = 0
  for (let leaps = 0; leaps < leapsMax; ) {
    let row: Row | undefined
    try {
      row = next.get(at)
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      const to = firstReadable(next, at)
      if (to === null) return
      at = to
      leaps++
      continue
    }
    if (!row) return
    yield row
    at = (row['scan_key'] as number) + 1
  }
}

/** The smallest key behind `bad` from which on a row can be read again; found by doubling, then by halving. */
function firstReadable(next: { get(key: number): unknown }, bad: number): number | null {
  const isReadable = (key: number): boolean => {
    try {
      next.get(key)
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

function copyAnswers(damaged: DatabaseSync, fresh: DatabaseSync): Map<number, Saved> {
  const answers = new Map<number, Saved>()
  for (const row of scan(damaged, 'answer', 'id')) {
    const id = row['id'] as number
    try {
      insert(fresh, 'answer', row)
      answers.set(id, { id, count: 0, bytes: 0, lastPiece: 0, isBroken: false })
    } catch {
      // A row that breaks the rules of its table is none of ours.
    }
  }
  return answers
}

function copyPacked(fresh: DatabaseSync, answers: Map<number, Saved>, row: Row): void {
  const saved = answers.get(row['answer'] as number)
  if (!saved || !isNext(saved, row)) return
  insert(fresh, 'packed', row)
}

function copyPiece(fresh: DatabaseSync, answers: Map<number, Saved>, row: Row): void {
  const saved = answers.get(row['answer'] as number)
  if (!saved) return
  const isFirst = saved.lastPiece === 0
  if (!isFirst && row['prev'] !== saved.lastPiece) saved.isBroken = true
  // A piece that has been packed may still be there.
  if (isFirst && (row['first_seq'] as number) < saved.count) return
  if (!isNext(saved, row)) return
  saved.lastPiece = row['id'] as number
  insert(fresh, 'piece', row)
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

function copyAside(fresh: DatabaseSync, row: Row): void {
  if (fresh.prepare('SELECT 1 FROM piece WHERE id = ?').get(row['piece'] as number)) insert(fresh, 'aside', row)
}

/** Names have no numbers to scan by: what comes before the first bad page is saved. */
function copyAliases(damaged: DatabaseSync, fresh: DatabaseSync): void {
  try {
    for (const row of damaged.prepare('SELECT * FROM alias').iterate()) insert(fresh, 'alias', row)
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  }
}

/** Puts an answer in order. False when it lost events. */
function finish(fresh: DatabaseSync, saved: Saved, head: Row | undefined, nowMs: number): boolean {
  const { id, count, lastPiece } = saved
  const answer = fresh.prepare('SELECT * FROM answer WHERE id = ?').get(id)
  const sealedMs = answer?.['sealed_ms'] as number | null
  const expected = (sealedMs === null ? head?.['count'] : answer?.['count']) as number | undefined
  const isWhole = count === expected && !saved.isBroken
  const request = (answer?.['request'] as Uint8Array | null)?.length ?? 0
  const bytes = saved.bytes + answerOverheadBytes
  if (isWhole && sealedMs === null) {
    const row = { ...head, answer: id, owner: null, last_piece: lastPiece, left_ms: nowMs }
    insert(fresh, 'head', { ...row, bytes: bytes + request, passing_bytes: request })
    return true
  }
  fresh
    .prepare(
      `UPDATE answer SET count = ?, last_piece = ?, bytes = ?, request = NULL, outcome = ?, sealed_ms = ?,
        forget_ms = coalesce(forget_ms, 0) WHERE id = ?`,
    )
    .run(count, lastPiece, bytes, isWhole ? (answer?.['outcome'] as string) : 'failed', sealedMs ?? nowMs, id)
  return isWhole
}

function countAll(fresh: DatabaseSync): void {
  fresh.exec(`
    UPDATE total SET answers = (SELECT count(*) FROM answer), settings = '',
      bytes = (SELECT coalesce(sum(coalesce(h.bytes, a.bytes)), 0) FROM answer a LEFT JOIN head h ON h.answer = a.id)`)
}

function insert(database: DatabaseSync, table: string, row: Row): void {
  const { scan_key: _, ...fields } = row
  const names = Object.keys(fields)
  database
    .prepare(`INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
    .run(...(Object.values(fields) as (string | number | null | Uint8Array)[]))
}
