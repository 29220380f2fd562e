/** Keys of callers in a file of their own, written by operators' commands and by the supervisor, read by workers. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type KeptKey, type KeptSecret, keysMax, type KeyStore } from './key-store.ts'

export const keysFileName = 'keys.db'

const busyMs = 2000
const schemaSql = `
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS key (
    name TEXT PRIMARY KEY, settings TEXT NOT NULL, created_ms INTEGER NOT NULL, ends_ms INTEGER, revoked_ms INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS secret (
    hash TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES key (name), prefix TEXT NOT NULL, created_ms INTEGER NOT NULL,
    ends_ms INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS secret_key ON secret (key);
  PRAGMA user_version = 1`

/** Whether there is such a file: an operator has made a key. */
export const isKept = (path: string): boolean => existsSync(path)

type Row = Readonly<Record<string, string | number | null>>

export class SqliteKeys<Settings> implements KeyStore<Settings> {
  #database: DatabaseSync

  /** @throws when it cannot be opened. */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Hashes of keys are for the gateway's own user, whatever the umask of a command is.
    closeSync(openSync(path, 'a', 0o600))
    this.#database = new DatabaseSync(path, { timeout: busyMs })
    try {
      this.#database.exec(schemaSql)
    } catch (cause) {
      this.#database.close()
      throw cause
    }
  }

  version(): number {
    return Number(this.#database.prepare('PRAGMA data_version').get()?.['data_version'] ?? 0)
  }

  all(): KeptKey<Settings>[] {
    const secrets = new Map<string, KeptSecret[]>()
    for (const row of this.#rows('SELECT * FROM secret ORDER BY created_ms, hash')) {
      const of = String(row['key'])
      const secret = { hash: String(row['hash']), prefix: String(row['prefix']), ...timesOf(row) }
      secrets.set(of, [...(secrets.get(of) ?? []), secret])
    }
    return this.#rows('SELECT * FROM key ORDER BY name').map((row) => ({
      name: String(row['name']),
      settings: JSON.parse(String(row['settings'])) as Settings,
      ...timesOf(row),
      revokedMs: numberOrNull(row['revoked_ms']),
      secrets: secrets.get(String(row['name'])) ?? [],
    }))
  }

  add(
    { name, settings, createdMs, endsMs }: Omit<KeptKey<Settings>, 'revokedMs' | 'secrets'>,
    secret: KeptSecret,
  ): void {
    this.#write(() => {
      const { count } = this.#database.prepare('SELECT count(*) AS count FROM key').get() as { count: number }
      if (count >= keysMax) throw new Error(`There are ${keysMax} keys already.`)
      const isGiven = this.#database.prepare('SELECT 1 FROM key WHERE name = ?').get(name) !== undefined
      if (isGiven) throw new Error(`The name ${name} has been given before, and is not given again.`)
      const insert = this.#database.prepare('INSERT INTO key VALUES (?, ?, ?, ?, NULL)')
      insert.run(name, JSON.stringify(settings), createdMs, endsMs)
      this.#addSecret(name, secret)
    })
  }

  change(name: string, settings: Settings): boolean {
    const update = this.#database.prepare('UPDATE key SET settings = ? WHERE name = ? AND revoked_ms IS NULL')
    return this.#write(() => update.run(JSON.stringify(settings), name).changes === 1)
  }

  rotate(name: string, secret: KeptSecret, oldEndsMs: number): boolean {
    return this.#write(() => {
      const isThere = this.#database.prepare('SELECT 1 FROM key WHERE name = ? AND revoked_ms IS NULL').get(name)
      if (!isThere) return false
      const end = this.#database.prepare('UPDATE secret SET ends_ms = min(coalesce(ends_ms, ?), ?) WHERE key = ?')
      end.run(oldEndsMs, oldEndsMs, name)
      this.#addSecret(name, secret)
      return true
    })
  }

  revoke(name: string, atMs: number): boolean {
    const update = this.#database.prepare('UPDATE key SET revoked_ms = ? WHERE name = ? AND revoked_ms IS NULL')
    return this.#write(() => update.run(atMs, name).changes === 1)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #addSecret(name: string, { hash, prefix, createdMs, endsMs }: KeptSecret): void {
    this.#database.prepare('INSERT INTO secret VALUES (?, ?, ?, ?, ?)').run(hash, name, prefix, createdMs, endsMs)
  }

  #rows(sql: string): Row[] {
    return this.#database.prepare(sql).all() as unknown as Row[]
  }

  #write<T>(run: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = run()
      this.#database.exec('COMMIT')
      return result
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw cause
    }
  }
}

function timesOf(row: Row): { createdMs: number; endsMs: number | null } {
  return { createdMs: Number(row['created_ms']), endsMs: numberOrNull(row['ends_ms']) }
}

function numberOrNull(value: string | number | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}
