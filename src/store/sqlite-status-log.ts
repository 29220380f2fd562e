/**
 * The log of incidents in a file of its own, beside the record: it is small, kept for good, and written by the gateway
 * and by operators' commands alike. Each entry's seal is the SHA-256 of the seal before it and of its text.
 */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { entryLengthMax, type StatusEntry, type StatusLog } from './status-log.ts'

export const statusFileName = 'status.db'

const version = 1
const busyMs = 2000
const pageCount = 1000
const schemaSql = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY, text TEXT NOT NULL, seal TEXT NOT NULL);
  PRAGMA user_version = ${version}`

/** Written by a later Holdfast: it is not for us to change. */
export class LaterStatusLog extends Error {}

interface Sealed extends StatusEntry {
  readonly seal: string
}

export class SqliteStatusLog implements StatusLog {
  readonly #database: DatabaseSync

  /** @throws when it cannot be opened. @throws {LaterStatusLog} */
  constructor(path: string, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.#database = new DatabaseSync(path, { timeout: busyMs, readOnly })
    try {
      const found = Number(this.#database.prepare('PRAGMA user_version').get()?.['user_version'])
      if (found > version)
        throw new LaterStatusLog(`${statusFileName} is of version ${found}; this Holdfast knows ${version}`)
      if (found < version) this.#database.exec(schemaSql)
      this.#database.exec('PRAGMA synchronous = FULL')
    } catch (cause) {
      this.#database.close()
      throw cause
    }
  }

  append(text: string): void {
    if (text.length > entryLengthMax) throw new RangeError('an entry of the log of incidents is too long')
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const last = this.#last()
      const insert = this.#database.prepare('INSERT INTO entry (number, text, seal) VALUES (?, ?, ?)')
      insert.run((last?.number ?? 0) + 1, text, seal(last?.seal ?? '', text))
      this.#database.exec('COMMIT')
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw cause
    }
  }

  read(after: number, countMax: number): readonly StatusEntry[] {
    return this.#page(after, countMax).map(({ number, text }) => ({ number, text }))
  }

  firstBroken(): number | null {
    let [number, before] = [0, '']
    for (let page = this.#page(0, pageCount); page.length > 0; page = this.#page(number, pageCount)) {
      for (const entry of page) {
        if (entry.number !== number + 1 || entry.seal !== seal(before, entry.text)) return number + 1
        number = entry.number
        before = entry.seal
      }
    }
    return null
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #last(): Sealed | undefined {
    const sql = 'SELECT number, text, seal FROM entry ORDER BY number DESC LIMIT 1'
    return this.#database.prepare(sql).get() as unknown as Sealed | undefined
  }

  #page(after: number, countMax: number): Sealed[] {
    const sql = 'SELECT number, text, seal FROM entry WHERE number > ? ORDER BY number LIMIT ?'
    return this.#database.prepare(sql).all(after, countMax) as unknown as Sealed[]
  }
}

function seal(before: string, text: string): string {
  return createHash('sha256').update(before).update('\n').update(text).digest('hex')
}
