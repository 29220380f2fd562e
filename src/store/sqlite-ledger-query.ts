/** Reads the ledger's file, without ever writing to it: while a gateway does, or when it is dead. */
import { DatabaseSync } from 'node:sqlite'
import {
  dayMs,
  type LedgerDay,
  type LedgerFirstTokens,
  type LedgerHour,
  type LedgerMinute,
  type LedgerOutage,
  type LedgerReader,
  ledgerLevels,
  minuteMs,
  wholeHouse,
} from './ledger.ts'
import { slotMs } from './slot-times.ts'
import { addedUpSql, daySumsSql, thinnedSql } from './sqlite-ledger.ts'

const busyMs = 2000
const outagesMax = 100_000
const hoursMax = 20_000
const minutesMax = 200_000
const minutesPerDay = dayMs / minuteMs
const hourMs = 3_600_000

type Row = Readonly<Record<string, number | string | null>>

export class LedgerQuery implements LedgerReader {
  readonly #database: DatabaseSync

  /** @throws when there is no ledger, or it cannot be read. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true, timeout: busyMs })
    try {
      this.#database.prepare('SELECT count(*) FROM series').get()
    } catch (cause) {
      this.#database.close()
      throw cause
    }
  }

  days(fromMs: number, toMs: number): LedgerDay[] {
    const [from, to, live] = this.#bounds(fromMs, toMs)
    const sql = `
      SELECT s.component, s.caller, d.* FROM (
        SELECT day, series, calls, failed, slow, degraded, partial, major, maintenance FROM day
        WHERE day >= ?1 AND day < ?2
        UNION ALL ${daySumsSql} WHERE minute >= ?3 AND minute < ?4 GROUP BY 1, 2
      ) d JOIN series s ON s.id = d.series ORDER BY d.day, s.component, s.caller`
    const rows = this.#all(sql, from, to, live * minutesPerDay, to * minutesPerDay)
    return rows.map((row) => ({
      component: String(row['component']),
      caller: row['caller'] === null ? null : String(row['caller']),
      dayMs: Number(row['day']) * dayMs,
      calls: Number(row['calls']),
      failed: Number(row['failed']),
      slow: Number(row['slow']),
      degradedMinutes: Number(row['degraded']),
      partialMinutes: Number(row['partial']),
      majorMinutes: Number(row['major']),
      maintenanceMinutes: Number(row['maintenance']),
    }))
  }

  watched(fromMs: number, toMs: number): ReadonlyMap<number, number> {
    const [from, to, live] = this.#bounds(fromMs, toMs)
    const sql = `
      SELECT day, minutes FROM watched WHERE day >= ? AND day < ?
      UNION ALL SELECT minute / ${minutesPerDay}, count(DISTINCT minute) FROM minute
      WHERE minute >= ? AND minute < ? GROUP BY 1`
    const rows = this.#all(sql, from, to, live * minutesPerDay, to * minutesPerDay)
    return new Map(rows.map(({ day, minutes }) => [Number(day) * dayMs, Number(minutes)]))
  }

  outages(fromMs: number, toMs: number): LedgerOutage[] {
    const sql = `
      SELECT s.component, s.caller, m.minute, m.level, m.calls, m.failed
      FROM minute m JOIN series s ON s.id = m.series
      WHERE m.minute >= ? AND m.minute < ? AND m.level IN (2, 3) ORDER BY m.minute LIMIT ${outagesMax}`
    const rows = this.#all(sql, Math.floor(fromMs / minuteMs), Math.ceil(toMs / minuteMs))
    return rows.map((row) => ({
      component: String(row['component']),
      caller: row['caller'] === null ? null : String(row['caller']),
      minuteMs: Number(row['minute']) * minuteMs,
      level: ledgerLevels[Number(row['level'])] ?? 'operational',
      calls: Number(row['calls']),
      failed: Number(row['failed']),
    }))
  }

  hours(fromMs: number, toMs: number): LedgerHour[] {
    const thinned = Number(this.#database.prepare(thinnedSql).get()?.['day'])
    const sql = `
      SELECT m.minute / 60 AS hour, count(DISTINCT m.minute) AS watched,
        sum(CASE WHEN s.component = ? AND s.caller IS NULL THEN m.calls ELSE 0 END) AS calls
      FROM minute m JOIN series s ON s.id = m.series WHERE m.minute >= ? AND m.minute < ?
      GROUP BY 1 ORDER BY 1 LIMIT ${hoursMax}`
    const from = Math.max(thinned * minutesPerDay, Math.floor(fromMs / minuteMs))
    const rows = this.#all(sql, wholeHouse, from, Math.ceil(toMs / minuteMs))
    return rows.map(({ hour, watched, calls }) => ({
      hourMs: Number(hour) * hourMs,
      calls: Number(calls),
      watchedMinutes: Number(watched),
    }))
  }

  minutes(fromMs: number, toMs: number): LedgerMinute[] {
    const sql = `
      SELECT m.minute, m.calls, m.level FROM minute m JOIN series s ON s.id = m.series
      WHERE s.component = ? AND s.caller IS NULL AND m.minute >= ? AND m.minute < ?
      ORDER BY m.minute LIMIT ${minutesMax}`
    const thinned = Number(this.#database.prepare(thinnedSql).get()?.['day'])
    const from = Math.max(thinned * minutesPerDay, Math.floor(fromMs / minuteMs))
    return this.#all(sql, wholeHouse, from, Math.ceil(toMs / minuteMs)).map(({ minute, calls, level }) => ({
      minuteMs: Number(minute) * minuteMs,
      calls: Number(calls),
      level: ledgerLevels[Number(level)] ?? 'operational',
    }))
  }

  firstTokens(fromMs: number, toMs: number, countMax: number): LedgerFirstTokens[] {
    const [from, to] = [Math.floor(fromMs / slotMs), Math.ceil(toMs / slotMs)]
    const step = Math.max(1, Math.ceil((to - from) / Math.max(1, countMax)))
    const sql = `
      SELECT CAST(slot / ?1 AS INTEGER) AS piece, avg(median) AS median, avg(p95) AS p95 FROM first_token
      WHERE slot >= ?2 AND slot < ?3 GROUP BY 1 ORDER BY 1 LIMIT ?4`
    return this.#all(sql, step, from, to, countMax + 1).map(({ piece, median, p95 }) => ({
      atMs: Number(piece) * step * slotMs,
      medianMs: Math.round(Number(median)),
      p95Ms: Math.round(Number(p95)),
    }))
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  /** The first day and the one behind the last, and from which on minutes count: before it they are added up. */
  #bounds(fromMs: number, toMs: number): [number, number, number] {
    const from = Math.floor(fromMs / dayMs)
    const addedUp = Number(this.#database.prepare(addedUpSql).get()?.['day'])
    return [from, Math.ceil(toMs / dayMs), Math.max(from, addedUp)]
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#database.prepare(sql).all(...values) as unknown as Row[]
  }
}
