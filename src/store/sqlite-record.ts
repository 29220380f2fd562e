/**
 * Writes facts into the file of the record: gathers them, and commits them half a second's worth at a time. A file that
 * is busy is tried again, one that is full is left alone for a while; what cannot wait any longer is lost and counted.
 * Nothing here throws at those who note, and nothing makes them wait.
 */
import type { StatementSync } from 'node:sqlite'
import type { Clock, Timer } from '../ground/clock.ts'
import type { FactKind } from '../observe/fact.ts'
import { type FactRow, ranks } from '../observe/fact-row.ts'
import type { FactShelf } from '../observe/recording.ts'
import { isBusy, isDamage, isFull, reasonOf, type SqliteFile } from './sqlite-file.ts'
import { placesPerMs, RecordFile } from './sqlite-record-file.ts'

/** Facts are gathered for so long, or up to so much. */
const gatherMs = 500
const gatherBytes = 64 * 2 ** 10
/** A call to which something happened is asked for at once, and may be what its process dies of: it waits less. */
const eventfulMs = 50
/** What may be the last that this process notes, or tells of the end of another: it does not wait. */
const urgent: ReadonlySet<FactKind> = new Set(['deploy', 'config', 'worker', 'engine'])
/** Another process writes for a moment. */
const busyPauseMs = 20
/** What one commit writes; the rest a moment later, so that calls get their turn. */
const rowsPerWrite = 200
const restPauseMs = 2
/** A disk that is full, or broken, is tried again after this. */
const brokenPauseMs = 5000
/** What may wait; what is noted beyond is lost. */
const waitingBytesMax = 4 * 2 ** 20
/** A row costs so much beside its text. */
const rowBytes = 100
/** At the end another process that writes is waited for so long. */
const lastWaitMs = 1000
/** Numbers that are tried for a fact, in steps that double: another process has facts of the same moment. */
const triesMax = 16
/** Facts of one moment may run over into so many that follow. */
const overrunMs = 1000

const insertSql = `
  INSERT OR IGNORE INTO fact (id, node, kind, rank, ray, upstream, code, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

/** Where it is said that the record cannot be written. */
export interface RecordLog {
  warn(facts: object, message: string): void
}

export class SqliteRecord implements FactShelf {
  readonly #clock: Clock
  readonly #nodeName: string
  readonly #log: RecordLog
  readonly #timer: Timer
  readonly #file: RecordFile
  /** Of this process in the file of that generation; 0 while it is not known. */
  #node = 0
  #nodeGeneration = -1
  #waiting: FactRow[] = []
  #waitingBytes = 0
  #isAsked = false
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #lastId = 0
  #lostCount = 0
  #isBroken = false
  #isClosed = false

  constructor(path: string, clock: Clock, nodeName: string, log: RecordLog) {
    this.#clock = clock
    this.#nodeName = nodeName
    this.#log = log
    this.#file = new RecordFile(path, clock)
    this.#timer = clock.every(gatherMs, () => this.#flush())
  }

  get file(): SqliteFile {
    return this.#file.now
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
    if (urgent.has(row.kind)) this.#flushIn(0)
    else if (this.#isAsked) return
    else if (this.#waitingBytes >= gatherBytes) this.#flushIn(0)
    else if (row.rank === ranks.calls) this.#flushIn(eventfulMs)
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#timer.cancel()
    try {
      const file = this.#file.now
      file.waitFor(lastWaitMs, () => this.#write(file, this.#waiting.length))
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
      this.#write(this.#file.now, rowsPerWrite)
      if (this.#isBroken) this.#log.warn({ lost: this.#lostCount }, 'the record is written again')
      this.#isBroken = false
      if (this.#waiting.length > 0 && !this.#isAsked) this.#flushIn(restPauseMs)
    } catch (cause) {
      if (!isBusy(cause)) return this.#break(cause)
      if (!this.#isAsked) this.#flushIn(busyPauseMs)
    }
  }

  #write(file: SqliteFile, countMax: number): void {
    const { generation } = this.#file
    const rows = this.#waiting.length <= countMax ? this.#waiting : this.#waiting.slice(0, countMax)
    let lostCount = 0
    let node = this.#nodeGeneration === generation ? this.#node : 0
    file.write(() => {
      node ||= this.#enrol(file)
      const insert = file.sql(insertSql)
      for (const row of rows) if (!this.#insert(insert, node, row)) lostCount++
    })
    this.#node = node
    this.#nodeGeneration = generation
    this.#lostCount += lostCount
    this.#waiting = this.#waiting.slice(rows.length)
    this.#waitingBytes = this.#waiting.length === 0 ? 0 : this.#waitingBytes - sizeOf(rows)
  }

  #insert(insert: StatementSync, node: number, { atMs, kind, rank, ray, upstream, code, body }: FactRow): boolean {
    const first = atMs * placesPerMs
    const isOfThis = this.#lastId >= first && this.#lastId < first + overrunMs * placesPerMs
    // Each process begins at another place, so that they seldom meet.
    let id = isOfThis ? this.#lastId + 1 : first + ((node * 97) % placesPerMs)
    for (let tries = 0; tries < triesMax; tries++) {
      if (Number(insert.run(id, node, kind, rank, ray, upstream, code, body).changes) === 1) {
        this.#lastId = id
        return true
      }
      id += 2 ** tries
    }
    return false
  }

  #enrol(file: SqliteFile): number {
    file.sql('INSERT OR IGNORE INTO node (name) VALUES (?)').run(this.#nodeName)
    return Number(file.sql('SELECT id FROM node WHERE name = ?').get(this.#nodeName)?.['id'])
  }

  /** A full disk may have room again later: as much waits for that as may wait. What a broken file refuses is lost. */
  #break(cause: unknown): void {
    if (!isFull(cause)) {
      this.#lostCount += this.#waiting.length
      this.#waiting = []
      this.#waitingBytes = 0
    }
    this.#notBeforeMs = this.#clock.monotonicMs() + brokenPauseMs
    if (!this.#isBroken) this.#log.warn({ detail: reasonOf(cause) }, 'the record cannot be written')
    this.#isBroken = true
    if (isDamage(cause)) this.#file.layAside()
  }
}

function sizeOf(rows: readonly FactRow[]): number {
  return rows.reduce((sum, { body }) => sum + body.length + rowBytes, 0)
}
