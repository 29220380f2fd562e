/** Notes beside the streams, in the same file and the same transactions. */
import type { SqliteStreamTables } from './sqlite-stream-tables.ts'
import type { Note, Notes } from './stream-store.ts'

export class SqliteNotes implements Notes {
  #tables: SqliteStreamTables
  #write: (run: () => boolean) => Promise<boolean>

  /** `write` runs in the next transaction. */
  constructor(tables: SqliteStreamTables, write: (run: () => boolean) => Promise<boolean>) {
    this.#tables = tables
    this.#write = write
  }

  get(key: string): Promise<Note | null> {
    const row = this.#tables.get('note', key)
    return Promise.resolve(row ? { version: row['version'] as number, value: row['value'] as string } : null)
  }

  put(key: string, version: number, value: string | null, dueMs: number | null): Promise<boolean> {
    return this.#write(() => {
      if (((this.#tables.get('note', key)?.['version'] as number | undefined) ?? 0) !== version) return false
      if (value === null) this.#tables.run('dropNote', key)
      // Never the version of a removed note of the same key.
      else this.#tables.run('putNote', key, this.#tables.get('nextVersion')?.['last'] as number, value, dueMs)
      return true
    })
  }

  list(prefix: string, countMax: number): Promise<readonly { key: string; version: number }[]> {
    const rows = this.#tables.all('notes', prefix, `${prefix}\u{10ffff}`, countMax)
    return Promise.resolve(rows.map(({ key, version }) => ({ key: key as string, version: version as number })))
  }

  due(nowMs: number, countMax: number): Promise<readonly string[]> {
    return Promise.resolve(this.#tables.all('notesDue', nowMs, countMax).map(({ key }) => key as string))
  }
}
