/** What the control process keeps, in a small SQLite database. One that is damaged is laid aside, and begun anew. */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../ground/clock.ts'
import { isDamage, reasonOf, SqliteFile } from './sqlite-file.ts'
import { inodeOf, layAside } from './sqlite-lay-aside.ts'

const schemaSql = `
  CREATE TABLE IF NOT EXISTS note (part TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = 1`
/** The one before may still be writing its last. */
const waitMs = 2000

export class SqliteNotebook implements Disposable {
  readonly #file: SqliteFile
  readonly #warn: (detail: string) => void
  readonly #kept = new Map<string, string>()
  #warned = ''

  /** @throws when the file cannot be opened. */
  static open(path: string, clock: Clock, warn: (detail: string) => void): SqliteNotebook {
    try {
      return new SqliteNotebook(path, clock, warn)
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      layAside(path, inodeOf(path))
      return new SqliteNotebook(path, clock, warn)
    }
  }

  private constructor(path: string, clock: Clock, warn: (detail: string) => void) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#warn = warn
    this.#file = new SqliteFile(path, clock, 'full')
    try {
      chmodSync(path, 0o600)
      this.#file.waitFor(waitMs, () => this.#file.database.exec(schemaSql))
    } catch (cause) {
      this.#file.close()
      throw cause
    }
  }

  read(part: string): unknown {
    try {
      const row = this.#file.sql('SELECT json FROM note WHERE part = ?').get(part)
      return row ? JSON.parse(String(row['json'])) : null
    } catch (cause) {
      this.#warn(`${part} cannot be read: ${reasonOf(cause)}`)
      return null
    }
  }

  write(part: string, value: unknown): void {
    const json = JSON.stringify(value)
    if (this.#kept.get(part) === json) return
    try {
      this.#file.waitFor(waitMs, () => this.#file.sql('INSERT OR REPLACE INTO note VALUES (?, ?)').run(part, json))
      this.#kept.set(part, json)
      this.#warned = ''
    } catch (cause) {
      const detail = `${part} cannot be kept: ${reasonOf(cause)}`
      if (this.#warned !== detail) this.#warn(detail)
      this.#warned = detail
    }
  }

  [Symbol.dispose](): void {
    this.#file.close()
  }
}
