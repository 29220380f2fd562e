/**
 * The journal in SQLite (WAL): survives the death of the gateway. Events of one turn, over all answers, are committed
 * together; an event is delivered only after its commit. Pieces are append-only and carry no index of their own (a
 * keyed
 * table costs several times as much per event): an answer remembers between which pieces it lies.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { AnswerInfo, Journal, JournalEntry, JournalOptions, KeptAnswer, Outcome } from './journal.ts'

const schemaSql = `
  CREATE TABLE IF NOT EXISTS answer (
    id INTEGER PRIMARY KEY, ray TEXT NOT NULL UNIQUE, route TEXT NOT NULL, model TEXT NOT NULL, caller TEXT NOT NULL,
    began_ms INTEGER NOT NULL, sealed_ms INTEGER, outcome TEXT, bytes INTEGER NOT NULL DEFAULT 0,
    first_piece INTEGER NOT NULL, last_piece INTEGER);
  CREATE INDEX IF NOT EXISTS answer_sealed ON answer (sealed_ms);
  CREATE TABLE IF NOT EXISTS piece (
    id INTEGER PRIMARY KEY, answer INTEGER NOT NULL, lengths BLOB NOT NULL, data BLOB NOT NULL);
`
const adoptSql = `
  UPDATE answer SET sealed_ms = ?, last_piece = (SELECT max(id) FROM piece),
    bytes = (SELECT coalesce(sum(length(data)), 0) FROM piece
      WHERE piece.answer = answer.id AND piece.id >= answer.first_piece)
  WHERE sealed_ms IS NULL`
const sweepPeriodMs = 15_000
/** After the disk has failed, new work is refused and one try to write is made in this time. */
const retryPeriodMs = 1000

interface Kept {
  onKept(keptCount: number): void
  onLost(cause: unknown): void
}

const deaf: Kept = { onKept: () => {}, onLost: () => {} }

class SqliteEntry implements JournalEntry {
  readonly info: AnswerInfo
  listener: Kept
  id = 0
  count = 0
  bytes = 0
  pending: Buffer[] = []
  outcome: Outcome | null = null
  isDirty = false
  #journal: SqliteJournal

  constructor(journal: SqliteJournal, info: AnswerInfo, listener: Kept) {
    this.#journal = journal
    this.info = info
    this.listener = listener
  }

  append(event: Buffer): void {
    if (this.outcome) return
    this.#journal.claim(this, event.length)
    this.bytes += event.length
    this.count++
    this.pending.push(event)
    this.#journal.touch(this)
  }

  seal(outcome: Outcome): void {
    if (this.outcome) return
    this.outcome = outcome
    this.#journal.touch(this)
  }
}

export class SqliteJournal implements Journal {
  readonly engine = 'sqlite'
  #clock: Clock
  #options: JournalOptions
  #database: DatabaseSync
  /** Held open for its lock. */
  #owner: DatabaseSync
  #statements: Record<'begin' | 'commit' | 'rollback' | 'answer' | 'piece' | 'seal', StatementSync>
  /** What the next commit writes; an array and not a Set, see `ground/crowd.ts`. */
  #dirty: SqliteEntry[] = []
  #isScheduled = false
  #isClosed = false
  #lastCommitMs = Number.NEGATIVE_INFINITY
  #failedMs: number | null = null
  #nextPiece: number
  #bytes: number
  #count: number
  #sweeper: Timer

  constructor(path: string, clock: Clock, options: JournalOptions) {
    this.#clock = clock
    this.#options = options
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#owner = own(path)
    const database = new DatabaseSync(path)
    this.#database = database
    try {
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.sync === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA busy_timeout = 2000;`,
      )
      database.exec(schemaSql)
      // What an earlier process left open has lost its writer: it ages from now on.
      database.prepare(adoptSql).run(clock.nowMs())
    } catch (cause) {
      database.close()
      this.#owner.close()
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`the journal ${path} cannot be used: ${reason}. Move it away to begin a new one.`, { cause })
    }
    this.#statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      answer: database.prepare(
        'INSERT INTO answer (ray, route, model, caller, began_ms, first_piece) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      piece: database.prepare('INSERT INTO piece (id, answer, lengths, data) VALUES (?, ?, ?, ?)'),
      seal: database.prepare('UPDATE answer SET sealed_ms = ?, outcome = ?, bytes = ?, last_piece = ? WHERE id = ?'),
    }
    this.#nextPiece = Number(database.prepare('SELECT coalesce(max(id), 0) + 1 AS next FROM piece').get()?.['next'])
    const kept = database.prepare('SELECT coalesce(sum(bytes), 0) AS bytes, count(*) AS n FROM answer').get()
    this.#bytes = Number(kept?.['bytes'])
    this.#count = Number(kept?.['n'])
    this.#sweeper = clock.every(sweepPeriodMs, () => this.#sweep(0))
  }

  get keptBytes(): number {
    return this.#bytes
  }

  get answerCount(): number {
    return this.#count
  }

  begin(answer: AnswerInfo, onKept: (keptCount: number) => void, onLost: (cause: unknown) => void): JournalEntry {
    if (this.#failedMs !== null && !this.#isWritableAgain())
      throw new Fault('HF_JOURNAL_FULL', { detail: 'the disk refuses writes' })
    this.#needRoom(1)
    this.#count++
    return new SqliteEntry(this, answer, { onKept, onLost })
  }

  read(ray: Ray): KeptAnswer | null {
    this.#commit()
    const row = this.#database.prepare('SELECT * FROM answer WHERE ray = ?').get(ray)
    if (!row) return null
    const pieces = this.#database
      .prepare('SELECT lengths, data FROM piece WHERE id BETWEEN ? AND ? AND answer = ? ORDER BY id')
      .all(row['first_piece'] as number, (row['last_piece'] as number | null) ?? this.#nextPiece, row['id'] as number)
    return {
      ray,
      route: row['route'] as string,
      model: row['model'] as string,
      caller: row['caller'] as string,
      beganMs: row['began_ms'] as number,
      outcome: row['outcome'] as Outcome | null,
      events: pieces.flatMap((piece) => cut(Buffer.from(piece['data'] as Uint8Array), piece['lengths'] as Uint8Array)),
    }
  }

  /** Takes room for an event of a live entry. @throws {Fault} when there is none. */
  claim(entry: SqliteEntry, eventBytes: number): void {
    if (entry.bytes + eventBytes > this.#options.answerBytesMax) throw new Fault('HF_UPSTREAM_TOO_LARGE')
    this.#needRoom(eventBytes)
    this.#bytes += eventBytes
  }

  /** Puts an entry on the list of the next commit. */
  touch(entry: SqliteEntry): void {
    if (!entry.isDirty) this.#dirty.push(entry)
    entry.isDirty = true
    if (this.#isScheduled) return
    this.#isScheduled = true
    const waitMs = this.#lastCommitMs + this.#options.commitWindowMs - this.#clock.monotonicMs()
    if (waitMs > 0) this.#clock.after(waitMs, () => this.#commit())
    else this.#clock.soon(() => this.#commit())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#commit()
    this.#isClosed = true
    this.#sweeper.cancel()
    this.#database.close()
    this.#owner.close()
  }

  #commit(): void {
    this.#isScheduled = false
    if (this.#dirty.length === 0 || this.#isClosed) return
    const entries = this.#dirty
    const unwritten = entries.filter(({ id }) => id === 0)
    this.#dirty = []
    for (const entry of entries) entry.isDirty = false
    try {
      this.#statements.begin.run()
      for (const entry of entries) this.#write(entry)
      this.#statements.commit.run()
      this.#failedMs = null
    } catch (cause) {
      for (const entry of unwritten) entry.id = 0 // its row was rolled back, and another answer may get that number
      this.#fail(entries, cause)
      return
    } finally {
      this.#lastCommitMs = this.#clock.monotonicMs()
    }
    for (const entry of entries) {
      entry.pending = []
      entry.listener.onKept(entry.count)
    }
  }

  #write(entry: SqliteEntry): void {
    const { info, pending } = entry
    if (entry.id === 0) {
      const { lastInsertRowid } = this.#statements.answer.run(
        info.ray,
        info.route,
        info.model,
        info.caller,
        info.beganMs,
        this.#nextPiece,
      )
      entry.id = Number(lastInsertRowid)
    }
    if (pending.length > 0) {
      const lengths = new Uint32Array(pending.map((event) => event.length))
      const data = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending)
      this.#statements.piece.run(this.#nextPiece++, entry.id, new Uint8Array(lengths.buffer), data)
    }
    if (entry.outcome)
      this.#statements.seal.run(this.#clock.nowMs(), entry.outcome, entry.bytes, this.#nextPiece - 1, entry.id)
  }

  #fail(entries: SqliteEntry[], cause: unknown): void {
    this.#failedMs = this.#clock.monotonicMs()
    if (this.#database.isTransaction) this.#statements.rollback.run()
    for (const entry of entries) {
      const { listener } = entry
      entry.listener = deaf
      entry.outcome = 'failed'
      entry.pending = []
      entry.isDirty = true
      this.#dirty.push(entry) // its end is written with the next commit that works
      listener.onLost(cause)
    }
  }

  #isWritableAgain(): boolean {
    if (this.#clock.monotonicMs() - (this.#failedMs ?? 0) < retryPeriodMs) return false
    try {
      this.#database.exec('BEGIN IMMEDIATE; UPDATE answer SET bytes = bytes WHERE id = -1; COMMIT')
      this.#failedMs = null
      return true
    } catch {
      this.#failedMs = this.#clock.monotonicMs()
      return false
    }
  }

  #needRoom(eventBytes: number): void {
    if (this.#bytes + eventBytes <= this.#options.totalBytesMax) return
    // Room for a good deal more, so that a full journal does not sweep at every event.
    this.#sweep(eventBytes + this.#options.totalBytesMax / 16)
    if (this.#bytes + eventBytes > this.#options.totalBytesMax) throw new Fault('HF_JOURNAL_FULL')
  }

  /** Forgets ended answers: those past their time, then the oldest until `neededBytes` are free. */
  #sweep(neededBytes: number): void {
    if (this.#isClosed) return
    const limitMs = this.#clock.nowMs() - this.#options.keepMs
    const rows = this.#database
      .prepare('SELECT id, bytes, sealed_ms FROM answer WHERE sealed_ms IS NOT NULL ORDER BY sealed_ms LIMIT 100000')
      .all()
    const remove = this.#database.prepare('DELETE FROM answer WHERE id = ?')
    let freedBytes = 0
    let freedCount = 0
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const row of rows) {
        const isOld = (row['sealed_ms'] as number) <= limitMs
        if (!isOld && this.#bytes - freedBytes + neededBytes <= this.#options.totalBytesMax) break
        remove.run(row['id'] as number)
        freedBytes += row['bytes'] as number
        freedCount++
      }
      this.#database.exec('DELETE FROM piece WHERE id < (SELECT coalesce(min(first_piece), 9e15) FROM answer); COMMIT')
      // Not before: what could not be deleted is still there, and goes on counting.
      this.#bytes -= freedBytes
      this.#count -= freedCount
    } catch {
      this.#failedMs = this.#clock.monotonicMs()
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    }
  }
}

/**
 * Takes the journal for this process: two writers would seal and forget each other's answers. The lock is the system's,
 * on a file of its own, so it is gone with its holder however that dies.
 * @throws {Error} when another process has it.
 */
function own(path: string): DatabaseSync {
  const owner = new DatabaseSync(`${path}.lock`)
  try {
    owner.exec('PRAGMA busy_timeout = 1000; BEGIN EXCLUSIVE')
    return owner
  } catch (cause) {
    owner.close()
    throw new Error(
      `the journal ${path} belongs to another running gateway. Give this one a folder of its own with --state.`,
      { cause },
    )
  }
}

function cut(data: Buffer, lengths: Uint8Array): Buffer[] {
  const sizes = new Uint32Array(lengths.buffer.slice(lengths.byteOffset, lengths.byteOffset + lengths.byteLength))
  let at = 0
  return Array.from(sizes, (size) => data.subarray(at, (at += size)))
}
