/**
 * The ledger in a file of its own. Notes are gathered in memory and committed together, minute by minute; a file that
 * is locked or full is tried again half a minute later, one that is damaged is laid aside. Nothing here throws at those
 * who note. Old days are added up and forgotten in the same rhythm, a day at a time.
 */
import { existsSync, renameSync } from 'node:fs'
import type { Clock, Timer } from '../ground/clock.ts'
import { dayMs, type LedgerTally, type LedgerWriter, ledgerLevels, levelOfMinute, minuteMs } from './ledger.ts'
import type { LedgerOptions } from './ledger-options.ts'
import { SlotTimes, slotMs } from './slot-times.ts'
import { isDamage, reasonOf, SqliteFile } from './sqlite-file.ts'

export const ledgerFileName = 'ledger.db'

const version = 1
/** Twice a minute, so that each is written, once, soon after it is over. */
const flushPeriodMs = 30_000
/** What is told late of a minute still becomes part of it. */
const lateMs = 20_000
/** What may wait for a file that cannot be written; what is noted beyond is lost. */
const waitingMax = 20_000
/** Components, and callers of each; further ones are lost. */
const seriesMax = 5000
const busyMs = 200
const lastWaitMs = 1000
/** A day is added up when it has been over for so long. */
const settledMs = 10 * 60_000
/** Days that one look adds up, or forgets for want of room. */
const daysPerLook = 4

const minutesPerDay = dayMs / minuteMs
const outageLevels = [ledgerLevels.indexOf('partial_outage'), ledgerLevels.indexOf('major_outage')] as const

const schemaSql = `
  CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, component TEXT NOT NULL, caller TEXT, UNIQUE (component, caller)
  );
  CREATE UNIQUE INDEX IF NOT EXISTS series_of_all ON series (component) WHERE caller IS NULL;
  CREATE TABLE IF NOT EXISTS minute (
    minute INTEGER, series INTEGER, calls INTEGER NOT NULL, failed INTEGER NOT NULL, slow INTEGER NOT NULL,
    level INTEGER NOT NULL, PRIMARY KEY (minute, series)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS day (
    day INTEGER, series INTEGER, calls INTEGER NOT NULL, failed INTEGER NOT NULL, slow INTEGER NOT NULL,
    degraded INTEGER NOT NULL, partial INTEGER NOT NULL, major INTEGER NOT NULL, maintenance INTEGER NOT NULL,
    PRIMARY KEY (day, series)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS watched (day INTEGER PRIMARY KEY, minutes INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS first_token (
    slot INTEGER PRIMARY KEY, median REAL NOT NULL, p95 REAL NOT NULL, count INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
  PRAGMA user_version = ${version}`

const noteSql = `
  INSERT INTO minute (minute, series, calls, failed, slow, level) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, failed = failed + excluded.failed,
    slow = slow + excluded.slow, level = max(level, excluded.level)`

/** Sums of minutes by day; `WHERE` follows. */
export const daySumsSql = `
  SELECT minute / ${minutesPerDay} AS day, series, sum(calls) AS calls, sum(failed) AS failed, sum(slow) AS slow,
    sum(level = 1) AS degraded, sum(level = 2) AS partial, sum(level = 3) AS major, sum(level = 4) AS maintenance
  FROM minute`

/** Of days before this only minutes of an outage are left. */
export const thinnedSql = `SELECT coalesce((SELECT value FROM mark WHERE name = 'thinned'), 0) AS day`

/** Days before this are added up already. */
export const addedUpSql = `SELECT coalesce((SELECT value FROM mark WHERE name = 'addedUp'), 0) AS day`

interface Waiting {
  readonly minute: number
  readonly component: string
  readonly caller: string | null
  calls: number
  failed: number
  slow: number
  /** Its place in the list; -1: judged by the calls when the minute is over. */
  level: number
}

interface LedgerLog {
  warn(facts: object, message: string): void
}

export class SqliteLedger implements LedgerWriter {
  lostCount = 0
  readonly #path: string
  readonly #clock: Clock
  /** May be replaced. */
  options: LedgerOptions
  readonly #log: LedgerLog
  readonly #timer: Timer
  #file: SqliteFile | null = null
  #waiting = new Map<string, Waiting>()
  #times = new SlotTimes()
  #series = new Map<string, number>()
  #isBroken = false
  #isClosed = false

  constructor(path: string, clock: Clock, options: LedgerOptions, log: LedgerLog) {
    this.#path = path
    this.#clock = clock
    this.options = options
    this.#log = log
    this.#timer = clock.every(flushPeriodMs, () => this.flush())
    this.#attempt(() => this.#open())
  }

  note(atMs: number, component: string, caller: string | null, { calls, failed, slow, level }: LedgerTally): void {
    const minute = Math.floor(atMs / minuteMs)
    const rank = level === null ? -1 : ledgerLevels.indexOf(level)
    const key = JSON.stringify([minute, component, caller])
    const known = this.#waiting.get(key)
    if (known) {
      known.calls += calls
      known.failed += failed
      known.slow += slow
      known.level = Math.max(known.level, rank)
    } else if (this.#isClosed || this.#waiting.size >= waitingMax || !Number.isSafeInteger(minute)) this.lostCount++
    else this.#waiting.set(key, { minute, component, caller, calls, failed, slow, level: rank })
  }

  noteFirstTokens(atMs: number, timesMs: readonly number[]): void {
    this.#times.add(atMs, timesMs)
  }

  /** Writes what waits, and keeps the file in bounds. */
  flush(waitMs = busyMs, isLast = false): void {
    if (this.#isClosed) return
    this.#attempt(() => {
      const file = this.#open()
      const over = this.#over(isLast)
      if (over.length > 0) file.waitFor(waitMs, () => file.write(() => this.#write(file, over)))
      for (const [key] of over) this.#waiting.delete(key)
      file.waitFor(waitMs, () => this.#writeTimes(file))
      file.waitFor(waitMs, () => this.#tidy(file))
    })
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#timer.cancel()
    this.flush(lastWaitMs, true)
    this.lostCount += this.#waiting.size
    this.#isClosed = true
    this.#file?.close()
  }

  /** Those of minutes that are over; at the end all. */
  #over(isLast: boolean): [string, Waiting][] {
    const lastMinute = Math.floor((this.#clock.nowMs() - lateMs) / minuteMs)
    return [...this.#waiting].filter(([, { minute }]) => isLast || minute < lastMinute)
  }

  #write(file: SqliteFile, rows: readonly [string, Waiting][]): void {
    const firstDay = addedUpTo(file)
    const insert = file.sql(noteSql)
    for (const [, { minute, component, caller, calls, failed, slow, level: told }] of rows) {
      const level = told >= 0 ? told : ledgerLevels.indexOf(levelOfMinute({ calls, failed, slow }))
      const series = this.#seriesOf(file, component, caller)
      // A clock that went back by months writes into what is added up already.
      if (series === null || minute < firstDay * minutesPerDay) this.lostCount++
      else insert.run(minute, series, calls, failed, slow, level)
    }
  }

  #writeTimes(file: SqliteFile): void {
    const nowMs = this.#clock.nowMs()
    const over = this.#times.before(nowMs)
    if (over.length === 0) return
    file.write(() => {
      for (const { slot, medianMs, p95Ms, count } of over)
        file.sql('INSERT OR IGNORE INTO first_token VALUES (?, ?, ?, ?)').run(slot, medianMs, p95Ms, count)
    })
    this.#times.forget(nowMs)
  }

  #seriesOf(file: SqliteFile, component: string, caller: string | null): number | null {
    const key = JSON.stringify([component, caller])
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const find = file.sql('SELECT id FROM series WHERE component = ? AND caller IS ?')
    if (!find.get(component, caller)) {
      const count = Number(file.sql('SELECT count(*) AS count FROM series').get()?.['count'])
      if (count >= seriesMax) return null
      file.sql('INSERT INTO series (component, caller) VALUES (?, ?)').run(component, caller)
    }
    const id = Number(find.get(component, caller)?.['id'])
    this.#series.set(key, id)
    return id
  }

  #tidy(file: SqliteFile): void {
    const { keepDays, minutesDays, totalBytesMax } = this.options
    const nowMs = this.#clock.nowMs()
    const today = Math.floor(nowMs / dayMs)
    const isSettled = nowMs - today * dayMs > settledMs
    for (let i = 0; i < daysPerLook && addUp(file, isSettled ? today : today - 1); i++);
    for (let i = 0; i < daysPerLook && thin(file, today - minutesDays); i++);
    forget(file, today - keepDays)
    file.sql('DELETE FROM first_token WHERE slot < ?').run(((today - minutesDays) * dayMs) / slotMs)
    // Short of room, minutes go before their time, but for those of yesterday; then the oldest days.
    for (let i = 0; i < daysPerLook && usedBytes(file) > totalBytesMax; i++) {
      if (thin(file, today - 1)) continue
      const oldest = file.sql('SELECT min(day) AS day FROM watched').get()?.['day']
      if (typeof oldest !== 'number' || oldest >= today - 1) return
      forget(file, oldest + 1)
    }
  }

  #open(): SqliteFile {
    return (this.#file ??= openFile(this.#path, this.#clock))
  }

  #attempt(run: () => void): void {
    try {
      run()
      if (this.#isBroken) this.#log.warn({ lost: this.lostCount }, 'the ledger is written again')
      this.#isBroken = false
    } catch (cause) {
      if (!this.#isBroken) this.#log.warn({ detail: reasonOf(cause) }, 'the ledger cannot be written')
      this.#isBroken = true
      this.#file?.close()
      this.#file = null
      this.#series.clear()
      if (isDamage(cause)) layAside(this.#path)
    }
  }
}

function openFile(path: string, clock: Clock): SqliteFile {
  const file = new SqliteFile(path, clock, 'normal')
  try {
    file.waitFor(lastWaitMs, () => file.write(() => file.database.exec(schemaSql)))
    return file
  } catch (cause) {
    file.close()
    throw cause
  }
}

function layAside(path: string): void {
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged${suffix}`)
}

function addedUpTo(file: SqliteFile): number {
  return Number(file.sql(addedUpSql).get()?.['day'])
}

/** Adds up the oldest day that is not yet, if it is before this; false when there is none. Its minutes stay. */
function addUp(file: SqliteFile, beforeDay: number): boolean {
  const day = oldestDay(file, addedUpTo(file))
  if (day === null || day >= beforeDay) return false
  const [first, next] = [day * minutesPerDay, (day + 1) * minutesPerDay]
  file.write(() => {
    file.sql(`INSERT OR REPLACE INTO day ${daySumsSql} WHERE minute >= ? AND minute < ? GROUP BY 1, 2`).run(first, next)
    const watched = 'SELECT ?, count(DISTINCT minute) FROM minute WHERE minute >= ? AND minute < ?'
    file.sql(`INSERT OR REPLACE INTO watched ${watched}`).run(day, first, next)
    file.sql(`INSERT OR REPLACE INTO mark VALUES ('addedUp', ?)`).run(day + 1)
  })
  return true
}

/** Takes away the minutes of the oldest such day that is added up, but those of an outage: they can be asked about. */
function thin(file: SqliteFile, beforeDay: number): boolean {
  const day = oldestDay(file, Number(file.sql(thinnedSql).get()?.['day']))
  if (day === null || day >= beforeDay || day >= addedUpTo(file)) return false
  const sql = 'DELETE FROM minute WHERE minute >= ? AND minute < ? AND level NOT IN (?, ?)'
  file.write(() => {
    file.sql(sql).run(day * minutesPerDay, (day + 1) * minutesPerDay, ...outageLevels)
    file.sql(`INSERT OR REPLACE INTO mark VALUES ('thinned', ?)`).run(day + 1)
  })
  return true
}

/** From this one on. */
function oldestDay(file: SqliteFile, from: number): number | null {
  const found = file.sql('SELECT min(minute) AS minute FROM minute WHERE minute >= ?').get(from * minutesPerDay)
  return typeof found?.['minute'] === 'number' ? Math.floor(found['minute'] / minutesPerDay) : null
}

/** All days before this. */
function forget(file: SqliteFile, day: number): void {
  file.write(() => {
    file.sql('DELETE FROM day WHERE day < ?').run(day)
    file.sql('DELETE FROM watched WHERE day < ?').run(day)
    file.sql('DELETE FROM minute WHERE minute < ?').run(day * minutesPerDay)
  })
}

function usedBytes(file: SqliteFile): number {
  const [pages, free, size] = ['page_count', 'freelist_count', 'page_size'].map((name) =>
    Number(file.sql(`PRAGMA ${name}`).get()?.[name]),
  ) as [number, number, number]
  return (pages - free) * size
}
