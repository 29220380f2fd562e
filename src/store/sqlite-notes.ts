/** Notes beside the streams, in the same file and the same transactions. */
import type { SqliteStreamTables } from './sqlite-stream-tables.ts'
import type { Note, Notes } from './stream-store.ts'

interface NoteAccess {
  /** Runs now. */
  query<T>(run: () => T): Promise<T>
  /** Runs in the next transaction. */
  write<T>(run: () => T): Promise<T>
}

export class SqliteNotes implements Notes {
  #tables: SqliteStreamTables
  #access: NoteAccess

  constructor(tables: SqliteStreamTables, access: NoteAccess) {
    this.#tables = tables
    this.#access = access
  }

  get(key: string): Promise<Note | null> {
    return this.#access.query(() => {
      const row = this.#tables.get('note', key)
      return row ? { version: row['version'] as number, value: row['value'] as string } : null
    })
  }

  put(key: string, version: number, value: string | null, dueMs: number | null): Promise<boolean> {
    return this.#access.write(() => {
      if (((this.#tables.get('note', key)?.['version'] as number | undefined) ?? 0) !== version) return false
      if (value === null) this.#tables.run('dropNote', key)
      // Never the version of a removed note of the same key.
      else this.#tables.run('putNote', key, this.#tables.get('nextVersion')?.['last'] as number, value, dueMs)
      return true
    })
  }

  list(prefix: string, countMax: number): Promise<readonly { key: string; version: number }[]> {
    return this.#access.query(() => {
      const rows = this.#tables.all('notes', prefix, `${prefix}\u{10ffff}`, countMax)
      return rows.map(({ key, version }) => ({ key: key as string, version: version as number }))
    })
  }

  due(nowMs: number, countMax: number): Promise<readonly string[]> {
    return this.#access.query(() => this.#tables.all('notesDue', nowMs, countMax).map(({ key }) => key as string))
  }
}
