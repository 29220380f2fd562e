/**
 * Durable streams in SQLite (WAL), one file for all workers. What is written in one turn, over all streams, is one
 * transaction; nobody hears of it before it is committed. Readers on this node are woken then, those on others find out
 * by asking the file, as long as somebody waits, whether it has changed.
 */
import { Fault } from '../fault/fault.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { SqliteNotes } from './sqlite-notes.ts'
import { type StreamRow, SqliteStreamTables } from './sqlite-stream-tables.ts'
import { SqliteStreamWriter } from './sqlite-stream-writer.ts'
import type {
  Absence,
  Append,
  Appended,
  Created,
  NewStream,
  Position,
  Slice,
  StreamInfo,
  StreamStore,
} from './stream-store.ts'
import type { StreamStoreOptions } from './stream-store-options.ts'
import { StreamWatchers } from './stream-watchers.ts'

const sweepPeriodMs = 15_000
/** Expired streams that one transaction forgets. */
const sweptMax = 100
/** How often the file is asked whether another process has changed it. */
const lookPeriodMs = 25
/** How long a transaction may wait for that of another process: first blocking, then in between other work. */
const lockWaitMs = 20
const lockRetryMs = 5
const lockWaitMsMax = 5000
/** A time to live is begun anew on the disk when so much of it is over. */
const touchShare = 0.01
/** Writes that wait for their turn; a backstop, since each belongs to a request that is counted elsewhere. */
const waitingMax = 50_000

/** A write that waits for the next transaction. */
interface Waiting {
  /** Writes, and returns what tells its result once that is safe. */
  readonly run: (writer: SqliteStreamWriter) => () => void
  readonly reject: (fault: Fault) => void
}

export class SqliteStreams implements StreamStore {
  readonly engine = 'sqlite'
  readonly notes: SqliteNotes
  #clock: Clock
  #tables: SqliteStreamTables
  #writer: SqliteStreamWriter
  #watchers = new StreamWatchers()
  #waiting: Waiting[] = []
  #isScheduled = false
  #waitsSinceMs: number | null = null
  #sweeper: Timer
  #looker: Timer | null = null
  /** What a watched stream looked like when last looked at. */
  #seen = new Map<string, string>()
  #dataVersion = 0
  /** What woken readers were given in this turn, by what they asked. */
  #answers = new Map<string, Promise<Slice | Absence | 'misplaced'>>()

  /** @throws {Error} when the file cannot be used */
  constructor(path: string, clock: Clock, options: StreamStoreOptions) {
    this.#clock = clock
    this.#tables = new SqliteStreamTables(path, { sync: options.sync, lockWaitMs })
    this.#writer = new SqliteStreamWriter(this.#tables, clock, options)
    this.notes = new SqliteNotes(this.#tables, { query: (run) => this.#query(run), write: (run) => this.#write(run) })
    this.#sweeper = clock.every(sweepPeriodMs, () => this.#sweep())
  }

  create(key: string, asked: NewStream): Promise<Created> {
    return this.#write((writer) => writer.create(key, asked))
  }

  append(key: string, append: Append): Promise<Appended> {
    return this.#write((writer) => writer.append(key, append))
  }

  remove(key: string): Promise<'removed' | Absence> {
    return this.#write((writer) => writer.remove(key))
  }

  look(key: string): Promise<StreamInfo | Absence> {
    return this.#query(() => this.#find(key))
  }

  read(key: string, from: Position, bytesMax: number, isWoken = false): Promise<Slice | Absence | 'misplaced'> {
    if (!isWoken) return this.#query(() => this.#read(key, from, bytesMax))
    // Many readers of one stream are woken at once and ask the same: one read is enough for them all.
    const question = `${from.no} ${from.bytes} ${bytesMax} ${key}`
    const known = this.#answers.get(question)
    if (known) return known
    if (this.#answers.size === 0) this.#clock.soon(() => this.#answers.clear())
    const answer = this.#query(() => this.#read(key, from, bytesMax))
    this.#answers.set(question, answer)
    return answer
  }

  #read(key: string, from: Position, bytesMax: number): Slice | Absence | 'misplaced' {
    const row = this.#find(key)
    if (typeof row === 'string') return row
    if (!this.#writer.hasPosition(row, from)) return 'misplaced'
    const records: Slice['records'][number][] = []
    let { no } = from
    let size = 0
    for (const { end, data } of no === row.tail.no ? [] : this.#writer.records(row, no)) {
      size += data.length
      if (records.length > 0 && size > bytesMax) break
      records.push({ data, end: { no: ++no, bytes: end } })
    }
    return { info: row, records }
  }

  touch(key: string): void {
    const row = this.#tables.byKey(key)
    if (!row || row.ttlSeconds === null || row.deadlineMs === null) return
    const ttlMs = row.ttlSeconds * 1000
    if (this.#clock.nowMs() + ttlMs - row.deadlineMs < ttlMs * touchShare) return
    // It is a wish: whoever reads does not wait for it, and a disk that refuses it is heard of by those who write.
    this.#write((writer) => writer.touch(key)).catch(() => {})
  }

  list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    return this.#query(() =>
      this.#tables.all('keys', after, prefix, `${prefix}\u{10ffff}`, countMax).map(({ key }) => key as string),
    )
  }

  watch(key: string, listener: () => void): Disposable {
    if (!this.#watchers.has(key)) this.#seen.set(key, this.#stampOf(key))
    if (!this.#looker) {
      this.#dataVersion = this.#askVersion()
      this.#looker = this.#clock.every(lookPeriodMs, () => this.#lookAround())
    }
    return this.#watchers.add(key, listener)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sweeper.cancel()
    this.#looker?.cancel()
    this.#commit()
    this.#settle(new Fault('HF_STREAM_BUSY', { detail: 'the store is being closed' }))
    this.#tables[Symbol.dispose]()
    return Promise.resolve()
  }

  /** What is there now. An expired one is forgotten by whoever writes next. */
  #find(key: string): StreamRow | Absence {
    const row = this.#tables.byKey(key)
    if (!row) return 'missing'
    if (row.isGone) return 'gone'
    if (row.deadlineMs === null || this.#clock.nowMs() < row.deadlineMs) return row
    return row.forks > 0 ? 'gone' : 'missing'
  }

  #query<T>(run: () => T): Promise<T> {
    try {
      return Promise.resolve(run())
    } catch (thrown) {
      return Promise.reject(faultOf(thrown))
    }
  }

  #write<T>(run: (writer: SqliteStreamWriter) => T): Promise<T> {
    if (this.#waiting.length >= waitingMax)
      return Promise.reject(new Fault('HF_STREAM_BUSY', { detail: `${waitingMax} writes wait`, retryAfterMs: 1000 }))
    return new Promise((resolve, reject) => {
      const runWith = (writer: SqliteStreamWriter): (() => void) => {
        const result = run(writer)
        return () => resolve(result)
      }
      this.#waiting.push({ run: runWith, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      this.#clock.soon(() => this.#commit())
    })
  }

  #commit(): void {
    this.#isScheduled = false
    if (this.#waiting.length === 0) return
    try {
      this.#tables.run('begin')
    } catch (thrown) {
      return this.#waitForLock(thrown)
    }
    this.#waitsSinceMs = null
    const waiting = this.#waiting
    this.#waiting = []
    if (this.#transact(waiting) || waiting.length === 1) return
    // One of them may be what the disk or the database does not take: each on its own.
    for (const each of waiting) {
      try {
        this.#tables.run('begin')
      } catch (thrown) {
        each.reject(faultOf(thrown))
        continue
      }
      this.#transact([each])
    }
  }

  /** All or nothing; says whether it was all. A single write that failed is told so. */
  #transact(waiting: readonly Waiting[]): boolean {
    const done: (() => void)[] = []
    try {
      this.#writer.begin()
      for (const { run } of waiting) done.push(run(this.#writer))
      this.#writer.end()
      this.#tables.run('commit')
    } catch (thrown) {
      if (this.#tables.database.isTransaction) this.#tables.run('rollback')
      if (waiting.length === 1) waiting[0]?.reject(faultOf(thrown))
      return false
    }
    this.#answers.clear()
    for (const each of done) each()
    for (const key of this.#writer.changedKeys) {
      if (this.#watchers.has(key)) this.#seen.set(key, this.#stampOf(key))
      this.#watchers.wake(key)
    }
    return true
  }

  #waitForLock(thrown: unknown): void {
    const nowMs = this.#clock.monotonicMs()
    this.#waitsSinceMs ??= nowMs
    if (!isLocked(thrown) || nowMs - this.#waitsSinceMs >= lockWaitMsMax) {
      this.#waitsSinceMs = null
      this.#settle(faultOf(thrown))
      return
    }
    this.#isScheduled = true
    this.#clock.after(lockRetryMs, () => this.#commit())
  }

  #settle(fault: Fault): void {
    for (const { reject } of this.#waiting.splice(0)) reject(fault)
  }

  #sweep(): void {
    const expired = this.#tables.all('expired', this.#clock.nowMs(), sweptMax)
    for (const { key } of expired) this.#write((writer) => writer.expire(key as string)).catch(() => {})
  }

  /** Whether another process has written, and if so, which of the watched streams are not what they were. */
  #lookAround(): void {
    if (this.#watchers.isEmpty) {
      this.#looker?.cancel()
      this.#looker = null
      this.#seen.clear()
      return
    }
    const version = this.#askVersion()
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    const watched = [...this.#watchers.keys]
    if (this.#seen.size > 2 * watched.length + 100)
      for (const key of this.#seen.keys()) if (!this.#watchers.has(key)) this.#seen.delete(key)
    for (const key of watched) {
      const stamp = this.#stampOf(key)
      if (this.#seen.get(key) === stamp) continue
      this.#seen.set(key, stamp)
      this.#watchers.wake(key)
    }
  }

  #askVersion(): number {
    return this.#tables.get('dataVersion')?.['data_version'] as number
  }

  #stampOf(key: string): string {
    const row = this.#tables.byKey(key)
    return row ? `${row.id} ${row.tail.no} ${row.isClosed} ${row.isGone}` : ''
  }
}

/** The code of SQLite's error, without its extension; 0 for any other. */
function codeOf(thrown: unknown): number {
  return Number((thrown as { errcode?: number }).errcode) & 0xff
}

/** SQLITE_BUSY, SQLITE_LOCKED. */
function isLocked(thrown: unknown): boolean {
  return codeOf(thrown) === 5 || codeOf(thrown) === 6
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. */
function isDamaged(thrown: unknown): boolean {
  return codeOf(thrown) === 11 || codeOf(thrown) === 26
}

function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  if (isLocked(thrown)) return new Fault('HF_STREAM_BUSY', { detail, retryAfterMs: 1000, cause: thrown })
  if (isDamaged(thrown))
    return new Fault('HF_INTERNAL', { detail: `the file of streams is damaged: ${detail}`, cause: thrown })
  return new Fault('HF_STREAMS_FULL', { detail: `the disk refuses: ${detail}`, cause: thrown })
}
