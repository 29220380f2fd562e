/**
 * The quarantine in SQLite, shared by the workers of a gateway, and looked into by its commands. After a power cut the
 * last of it may be forgotten. A file that cannot be read is begun anew: it holds nothing that is not found out again.
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../ground/clock.ts'
import {
  type Condemned,
  condemnedMax,
  deathsMax,
  type Quarantine,
  type ServerDeath,
  type SuspectTrace,
} from './quarantine.ts'
import { openPrivateFile, type SqliteFile } from './sqlite-file.ts'
import { openAnew } from './sqlite-lay-aside.ts'

/** Another worker writes for a moment. */
const busyMs = 250
/** Several workers begin at once. */
const openMs = 5000

const schemaSql = `
  CREATE TABLE IF NOT EXISTS death (
    id TEXT PRIMARY KEY, upstream TEXT NOT NULL, at_ms INTEGER NOT NULL, is_explained INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS suspect (
    death TEXT NOT NULL, key TEXT NOT NULL, place INTEGER NOT NULL, age_ms INTEGER NOT NULL,
    is_stream INTEGER NOT NULL, ray TEXT NOT NULL, PRIMARY KEY (death, key)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS suspect_key ON suspect (key);
  CREATE TABLE IF NOT EXISTS condemned (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, route TEXT NOT NULL, ray TEXT NOT NULL, at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, upstreams TEXT NOT NULL, refused INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ward (
    upstream TEXT PRIMARY KEY, key TEXT NOT NULL, until_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  PRAGMA user_version = 1`

type Row = Readonly<Record<string, string | number>>

export class SqliteQuarantine implements Quarantine {
  readonly #file: SqliteFile
  /** What this connection has changed itself, `data_version` does not tell. */
  #ownCount = 0

  /** @throws when the file cannot be opened. */
  static open(path: string, clock: Clock): SqliteQuarantine {
    return openAnew(path, () => new SqliteQuarantine(path, clock))
  }

  /** That of a gateway that may be running, or not; null where there is none. @throws when it cannot be opened. */
  static find(path: string, clock: Clock): SqliteQuarantine | null {
    return existsSync(path) ? new SqliteQuarantine(path, clock) : null
  }

  private constructor(path: string, clock: Clock) {
    this.#file = openPrivateFile(path, clock, { sync: 'normal', schemaSql, waitMs: openMs })
  }

  version(): number {
    const { data_version: others = 0 } = this.#file.sql('PRAGMA data_version').get() as { data_version?: number }
    return others * 2 ** 20 + this.#ownCount
  }

  note({ id, upstream, atMs, suspects }: Omit<ServerDeath, 'isExplained'>): void {
    this.#write(() => {
      this.#run('INSERT OR IGNORE INTO death (id, upstream, at_ms) VALUES (?, ?, ?)', id, upstream, Math.round(atMs))
      for (const [key, { place, ageMs, isStream, ray }] of suspects) {
        const values = [id, key, place, Math.round(ageMs), Number(isStream), ray]
        this.#run('INSERT OR REPLACE INTO suspect VALUES (?, ?, ?, ?, ?, ?)', ...values)
      }
      const old = 'SELECT id FROM death ORDER BY at_ms DESC LIMIT -1 OFFSET ?'
      this.#run(`DELETE FROM suspect WHERE death IN (${old})`, deathsMax)
      this.#run(`DELETE FROM death WHERE id IN (${old})`, deathsMax)
    })
  }

  deaths(sinceMs: number): ServerDeath[] {
    const deaths = new Map<string, ServerDeath & { suspects: Map<string, SuspectTrace> }>()
    for (const row of this.#all('SELECT * FROM death WHERE at_ms >= ? ORDER BY at_ms', Math.round(sinceMs))) {
      const [id, upstream] = [String(row['id']), String(row['upstream'])]
      const [atMs, isExplained] = [Number(row['at_ms']), row['is_explained'] === 1]
      deaths.set(id, { id, upstream, atMs, isExplained, suspects: new Map() })
    }
    for (const { death, key, place, age_ms, is_stream, ray } of this.#all('SELECT * FROM suspect')) {
      const trace = { place: Number(place), ageMs: Number(age_ms), isStream: is_stream === 1, ray: String(ray) }
      deaths.get(String(death))?.suspects.set(String(key), trace)
    }
    return [...deaths.values()]
  }

  acquit(key: string): void {
    this.#write(() => {
      this.#run('DELETE FROM suspect WHERE key = ?', key)
      this.#run('DELETE FROM ward WHERE key = ?', key)
    })
  }

  condemn({ key, model, route, ray, atMs, untilMs, upstreams }: Omit<Condemned, 'refusedCount'>): boolean {
    return this.#write(() => {
      const values = [key, model, route, ray, Math.round(atMs), Math.round(untilMs), JSON.stringify(upstreams)]
      const sql = `INSERT INTO condemned (key, model, route, ray, at_ms, until_ms, upstreams)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`
      this.#run('DELETE FROM condemned WHERE key = ? AND until_ms <= ?', key, Math.round(atMs))
      const isNew = this.#run(sql, ...values) > 0
      this.#run('UPDATE death SET is_explained = 1 WHERE id IN (SELECT death FROM suspect WHERE key = ?)', key)
      const old = 'SELECT key FROM condemned ORDER BY at_ms DESC LIMIT -1 OFFSET ?'
      this.#run(`DELETE FROM condemned WHERE key IN (${old})`, condemnedMax)
      return isNew
    })
  }

  condemned(nowMs: number): Condemned[] {
    const rows = this.#all('SELECT * FROM condemned WHERE until_ms > ? ORDER BY at_ms DESC', Math.round(nowMs))
    return rows.map((row) => ({
      ...{ key: String(row['key']), model: String(row['model']), route: String(row['route']), ray: String(row['ray']) },
      ...{ atMs: Number(row['at_ms']), untilMs: Number(row['until_ms']), refusedCount: Number(row['refused']) },
      upstreams: JSON.parse(String(row['upstreams'])) as string[],
    }))
  }

  countRefusal(key: string): void {
    this.#write(() => this.#run('UPDATE condemned SET refused = refused + 1 WHERE key = ?', key))
  }

  release(keyPrefix: string): number {
    return this.#write(() => {
      const begins = 'substr(key, 1, ?) = ?'
      this.#run(`DELETE FROM suspect WHERE ${begins}`, keyPrefix.length, keyPrefix)
      return this.#run(`DELETE FROM condemned WHERE ${begins}`, keyPrefix.length, keyPrefix)
    })
  }

  enter(upstream: string, key: string, nowMs: number, untilMs: number): boolean {
    return this.#write(() => {
      this.#run('DELETE FROM ward WHERE until_ms <= ?', Math.round(nowMs))
      if (this.#all('SELECT 1 FROM ward WHERE upstream = ? OR key = ?', upstream, key).length > 0) return false
      return this.#run('INSERT INTO ward VALUES (?, ?, ?)', upstream, key, Math.round(untilMs)) > 0
    })
  }

  leave(key: string): void {
    this.#write(() => this.#run('DELETE FROM ward WHERE key = ?', key))
  }

  [Symbol.dispose](): void {
    this.#file.close()
  }

  #write<T>(run: () => T): T {
    this.#ownCount++
    return this.#file.waitFor(busyMs, () => this.#file.write(run))
  }

  #run(sql: string, ...values: (string | number)[]): number {
    return Number(this.#file.sql(sql).run(...values).changes)
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#file.sql(sql).all(...values) as Row[]
  }
}
