/**
 * The index of a store of copies, in SQLite: every worker and every command reads and writes the same one, so that what
 * is purged is gone for all. Small bodies stand in it. What is used again stays (CLOCK: one mark, a second chance).
 */
import type { SQLInputValue } from 'node:sqlite'
import type { Clock } from '../ground/clock.ts'
import type { CacheChoice, CacheEntry, CacheSize, ListedEntry, NewEntry } from './cache-store.ts'
import { SqliteFile } from './sqlite-file.ts'

/** Another number, another layout: an old file is thrown away. */
const layout = 1
/** Room that an entry takes beside body and words. */
const overheadBytes = 512
const variantsMax = 64
/** So many are looked at to make room for one; where that is not enough, it is not kept. */
const sweepMax = 200
/** So many are dropped in one go: others write in between. */
const batchMax = 500
/** Blocks this thread for so long at most while another process writes: most writes take a tenth of it. */
const waitMs = 2

const tables = `
  CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, variant TEXT NOT NULL, meta TEXT NOT NULL,
    body BLOB, bodyBytes INTEGER NOT NULL, bytes INTEGER NOT NULL, storedMs INTEGER NOT NULL,
    turn INTEGER NOT NULL, isUsed INTEGER NOT NULL DEFAULT 0, UNIQUE (key, variant)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS entryTurn ON entry (turn);
  CREATE TABLE IF NOT EXISTS tag (tag TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (tag, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tagOfEntry ON tag (id);
  CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER, bytes INTEGER) STRICT;
  INSERT OR IGNORE INTO total VALUES (1, 0, 0);
  CREATE TRIGGER IF NOT EXISTS entryIn AFTER INSERT ON entry BEGIN
    UPDATE total SET entries = entries + 1, bytes = bytes + new.bytes;
  END;
  CREATE TRIGGER IF NOT EXISTS entryOut AFTER DELETE ON entry BEGIN
    UPDATE total SET entries = entries - 1, bytes = bytes - old.bytes;
    DELETE FROM tag WHERE id = old.id;
  END;
  CREATE TABLE IF NOT EXISTS lease (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, untilMs INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${layout};
`

/** An entry that was dropped; `hasFile`: its body is a file of its own. */
export interface Dropped {
  readonly id: number
  readonly hasFile: boolean
}

export class SqliteCacheIndex {
  #file: SqliteFile
  #clock: Clock
  #bytesMax: number

  /** @param path `:memory:` for one that nobody shares. @throws when the file cannot be opened or is none of ours */
  constructor(path: string, clock: Clock, bytesMax: number) {
    this.#clock = clock
    this.#bytesMax = bytesMax
    this.#file = new SqliteFile(path, clock, 'normal')
    try {
      const found = (this.#file.sql('PRAGMA user_version').get() as { user_version: number }).user_version
      if (found !== 0 && found !== layout) throw new Error(`the cache is of layout ${found}`)
      this.#file.waitFor(5000, () => this.#file.database.exec(tables))
    } catch (cause) {
      this.#file.close()
      throw cause
    }
  }

  find(key: string): CacheEntry[] {
    return this.#file
      .sql('SELECT id, key, meta, bodyBytes FROM entry WHERE key = ? LIMIT 64')
      .all(key) as unknown as CacheEntry[]
  }

  /** Null where it is not in the index. */
  body(id: number): Buffer | null {
    const row = this.#file.sql('SELECT body FROM entry WHERE id = ?').get(id)
    const body = row?.['body'] as Uint8Array | null | undefined
    return body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null
  }

  has(id: number): boolean {
    return this.#file.sql('SELECT 1 FROM entry WHERE id = ?').get(id) !== undefined
  }

  /** The last number that was given; 0 for none. */
  get lastId(): number {
    const row = this.#file.sql("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").get()
    return (row?.['seq'] as number | undefined) ?? 0
  }

  /**
   * `entry`: null where there was no room to be made in one go. @param isInline whether the body stands in the index.
   * @throws when another process writes, or the disk is full
   */
  put(
    { key, variant, meta, body, tags }: NewEntry,
    isInline: boolean,
  ): { entry: CacheEntry | null; dropped: Dropped[] } {
    const nowMs = this.#clock.nowMs()
    return this.#write(() => {
      const dropped = this.#drop('key = ? AND variant = ?', [key, variant])
      const count = this.#file.sql('SELECT count(*) AS count FROM entry WHERE key = ?').get(key)?.['count'] as number
      if (count >= variantsMax)
        dropped.push(...this.#drop('id = (SELECT id FROM entry WHERE key = ? ORDER BY turn LIMIT 1)', [key]))
      const bytes = sizeOf(key, meta, body)
      dropped.push(...this.#makeRoom(bytes))
      if (this.size.bytes + bytes > this.#bytesMax) return { entry: null, dropped }
      const { lastInsertRowid } = this.#file
        .sql(
          `INSERT INTO entry (key, variant, meta, body, bodyBytes, bytes, storedMs, turn)
           VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(turn), 0) + 1 FROM entry))`,
        )
        .run(key, variant, meta, isInline ? body : null, body.length, bytes, nowMs)
      const id = Number(lastInsertRowid)
      for (const tag of tags) this.#file.sql('INSERT OR IGNORE INTO tag VALUES (?, ?)').run(tag, id)
      return { entry: { id, key, meta, bodyBytes: body.length }, dropped }
    })
  }

  renew(id: number, meta: string): void {
    this.#write(() => this.#file.sql('UPDATE entry SET meta = ? WHERE id = ?').run(meta, id))
  }

  /** Marks what was used since the last time. */
  markUsed(ids: Iterable<number>): void {
    this.#write(() => {
      for (const id of ids) this.#file.sql('UPDATE entry SET isUsed = 1 WHERE id = ? AND isUsed = 0').run(id)
    })
  }

  /** False while another has it. @throws when another process writes */
  lease(key: string, owner: string, untilMs: number): boolean {
    const sql = `INSERT INTO lease VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, untilMs = excluded.untilMs WHERE untilMs <= ?`
    return this.#write(() => this.#file.sql(sql).run(key, owner, untilMs, this.#clock.nowMs()).changes) === 1
  }

  isLeased(key: string): boolean {
    const row = this.#file.sql('SELECT 1 FROM lease WHERE key = ? AND untilMs > ?').get(key, this.#clock.nowMs())
    return row !== undefined
  }

  endLease(key: string, owner: string): void {
    this.#write(() => this.#file.sql('DELETE FROM lease WHERE key = ? AND owner = ?').run(key, owner))
  }

  /** Removes those that are over: of processes that died, or found the file busy when theirs ended. */
  sweepLeases(): void {
    const sql = `DELETE FROM lease WHERE key IN (SELECT key FROM lease WHERE untilMs <= ? LIMIT ${batchMax})`
    this.#write(() => this.#file.sql(sql).run(this.#clock.nowMs()))
  }

  /** @param patienceMs blocks so long while another process writes. @throws when that is over */
  drop(choice: CacheChoice, patienceMs = waitMs): Dropped[] {
    const [where, values] = whereOf(choice)
    const dropped: Dropped[] = []
    for (;;) {
      const some = this.#file.waitFor(patienceMs, () => this.#file.write(() => this.#drop(where, values, batchMax)))
      dropped.push(...some)
      if (some.length < batchMax) return dropped
    }
  }

  list(choice: CacheChoice, countMax: number): ListedEntry[] {
    const [where, values] = whereOf(choice)
    return this.#file
      .sql(`SELECT key, bytes, storedMs, meta FROM entry WHERE ${where} ORDER BY storedMs DESC LIMIT ?`)
      .all(...values, countMax) as unknown as ListedEntry[]
  }

  get size(): CacheSize {
    return this.#file.sql('SELECT entries, bytes FROM total').get() as unknown as CacheSize
  }

  close(): void {
    this.#file.close()
  }

  #write<T>(run: () => T): T {
    return this.#file.waitFor(waitMs, () => this.#file.write(run))
  }

  #drop(where: string, values: readonly SQLInputValue[], countMax = -1): Dropped[] {
    const rows = this.#file
      .sql(
        `DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE ${where} LIMIT ${countMax}) RETURNING id, body IS NULL AND bodyBytes > 0 AS hasFile`,
      )
      .all(...values)
    return rows.map(({ id, hasFile }) => ({ id: id as number, hasFile: hasFile === 1 }))
  }

  /** The oldest go first; one that was used since its last turn gets another. */
  #makeRoom(bytes: number): Dropped[] {
    const dropped: Dropped[] = []
    for (let looked = 0; looked < sweepMax && this.size.bytes + bytes > this.#bytesMax; looked++) {
      const row = this.#file.sql('SELECT id, isUsed FROM entry ORDER BY turn LIMIT 1').get()
      if (row === undefined) break
      if (row['isUsed'] === 1)
        this.#file
          .sql('UPDATE entry SET isUsed = 0, turn = (SELECT max(turn) + 1 FROM entry) WHERE id = ?')
          .run(row['id'] as number)
      else dropped.push(...this.#drop('id = ?', [row['id'] as number]))
    }
    return dropped
  }
}

function sizeOf(key: string, meta: string, body: Buffer): number {
  return key.length + meta.length + body.length + overheadBytes
}

function whereOf(choice: CacheChoice): readonly [where: string, values: readonly string[]] {
  if ('key' in choice) return ['key = ?', [choice.key]]
  // The last of all characters ends what begins so.
  if ('prefix' in choice) return ['key >= ? AND key < ?', [choice.prefix, `${choice.prefix}\u{10ffff}`]]
  if ('tag' in choice) return ['id IN (SELECT id FROM tag WHERE tag = ?)', [choice.tag]]
  return ['1 = 1', []]
}
