/**
 * Writes facts into the file of the record: gathers them, and commits them half a second's worth at a time. A file that
 * is busy is tried again, one that is full is left alone for a while; what cannot wait any longer is lost and counted.
 * Nothing here throws at those who note, and nothing makes them wait.
 */
import type { Clock, Timer } from '../ground/clock.ts'
import type { FactRow } from '../observe/fact-row.ts'
import type { FactShelf } from '../observe/recording.ts'
import { isBusy, isDamage, reasonOf, type SqliteFile } from './sqlite-file.ts'
import { inodeOf, layAside, openRecordFile, placesPerMs } from './sqlite-record-file.ts'

/** Facts are gathered for so long, or up to so much. */
const gatherMs = 500
const gatherBytes = 64 * 2 ** 10
/** Another process writes for a moment. */
const busyPauseMs = 20
/** A disk that is full, or broken, is tried again after this. */
const brokenPauseMs = 5000
/** What may wait; what is noted beyond is lost. */
const waitingBytesMax = 4 * 2 ** 20
/** A row costs so much beside its text. */
const rowBytes = 100
/** At the end another process that writes is waited for so long. */
const lastWaitMs = 1000
/** Numbers that are tried for a fact: others may have been given to facts of the same moment. */
const placesTried = 4 * placesPerMs

const insertSql = `
  INSERT OR IGNORE INTO fact (id, node, kind, rank, ray, upstream, code, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

/** Where it is said that the record cannot be written. */
export interface RecordLog {
  warn(facts: object, message: string): void
}

export class SqliteRecord implements FactShelf {
  readonly #path: string
  readonly #clock: Clock
  readonly #nodeName: string
  readonly #log: RecordLog
  readonly #timer: Timer
  #file: SqliteFile
  #inode: number | null
  #node = 0
  #waiting: FactRow[] = []
  #waitingBytes = 0
  #isAsked = false
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #lastId = 0
  #lostCount = 0
  #isBroken = false
  #isClosed = false

  /** @throws when the file cannot be opened. */
  constructor(path: string, clock: Clock, nodeName: string, log: RecordLog) {
    this.#path = path
    this.#clock = clock
    this.#nodeName = nodeName
    this.#log = log
    this.#file = openRecordFile(path, clock)
    this.#inode = inodeOf(path)
    this.#timer = clock.every(gatherMs, () => this.#flush())
  }

  get file(): SqliteFile {
    return this.#file
  }

  get lostCount(): number {
    return this.#lostCount
  }

  put(row: FactRow): void {
    const bytes = row.body.length + rowBytes
    if (this.#isClosed || this.#waitingBytes + bytes > waitingBytesMax) {
      this.#lostCount++
      return
    }
    this.#waiting.push(row)
    this.#waitingBytes += bytes
    if (this.#waitingBytes >= gatherBytes && !this.#isAsked) this.#flushIn(0)
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#timer.cancel()
    try {
      this.#file.waitFor(lastWaitMs, () => this.#write())
    } catch {
      this.#lostCount += this.#waiting.length
    }
    this.#isClosed = true
    this.#file.close()
  }

  #flushIn(delayMs: number): void {
    this.#isAsked = true
    this.#clock.after(delayMs, () => {
      this.#isAsked = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#isClosed || this.#waiting.length === 0 || this.#clock.monotonicMs() < this.#notBeforeMs) return
    try {
      this.#write()
      if (this.#isBroken) this.#log.warn({ lost: this.#lostCount }, 'the record is written again')
      this.#isBroken = false
    } catch (cause) {
      if (!isBusy(cause)) return this.#break(cause)
      if (!this.#isAsked) this.#flushIn(busyPauseMs)
    }
  }

  #write(): void {
    const rows = this.#waiting
    this.#file.write(() => {
      this.#node ||= this.#enrol()
      for (const row of rows) this.#insert(row)
    })
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #insert({ atMs, kind, rank, ray, upstream, code, body }: FactRow): void {
    // Each process begins at another place, so that they seldom meet.
    const place = (this.#node * 97) % placesPerMs
    const isSameMs = Math.floor(this.#lastId / placesPerMs) === atMs
    let id = isSameMs ? this.#lastId + 1 : atMs * placesPerMs + place
    const insert = this.#file.sql(insertSql)
    for (const end = id + placesTried; id < end; id++) {
      if (Number(insert.run(id, this.#node, kind, rank, ray, upstream, code, body).changes) === 1) {
        this.#lastId = id
        return
      }
    }
    this.#lostCount++
  }

  #enrol(): number {
    this.#file.sql('INSERT OR IGNORE INTO node (name) VALUES (?)').run(this.#nodeName)
    return Number(this.#file.sql('SELECT id FROM node WHERE name = ?').get(this.#nodeName)?.['id'])
  }

  /** What waits is lost; later there may be room again, or a file that is whole. */
  #break(cause: unknown): void {
    this.#lostCount += this.#waiting.length
    this.#waiting = []
    this.#waitingBytes = 0
    this.#notBeforeMs = this.#clock.monotonicMs() + brokenPauseMs
    if (!this.#isBroken) this.#log.warn({ detail: reasonOf(cause) }, 'the record cannot be written')
    this.#isBroken = true
    if (isDamage(cause)) this.#reopen()
  }

  #reopen(): void {
    try {
      this.#file.close()
      layAside(this.#path, this.#inode)
      this.#file = openRecordFile(this.#path, this.#clock)
      this.#inode = inodeOf(this.#path)
      this.#node = 0
    } catch (cause) {
      this.#log.warn({ detail: reasonOf(cause) }, 'the record cannot be opened')
    }
  }
}
