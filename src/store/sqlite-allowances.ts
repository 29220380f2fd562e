/**
 * What keys have used, in a file that all workers share: one short transaction a call of a key that is limited. It is
 * not waited for the disk: after a power cut the last moments may be forgotten. A damaged file is laid aside, and
 * counting begins anew: without it no limit would hold until somebody takes it away.
 */
import type { Clock, Timer } from '../ground/clock.ts'
import {
  type AllowanceKind,
  type AllowanceStore,
  type Ask,
  decide,
  type Return,
  type Taken,
  type Used,
  usedAfter,
  usedNow,
} from './allowance-store.ts'
import { isBusy, isDamage, SqliteFile } from './sqlite-file.ts'
import { inodeOf, layAside } from './sqlite-lay-aside.ts'

export const allowancesFileName = 'usage.db'

const busyMs = 100
/** While another process holds the file, as one that was stopped would: this thread is not held up again and again. */
const heldMs = 2
/** What is given back waits for the next who takes, or so long. */
const giveMs = 50
/** Calls of a process that has said nothing for so long are over: it is dead. */
const silentMs = 15_000
const beatMs = 5000

const schemaSql = `
  CREATE TABLE IF NOT EXISTS used (
    key TEXT NOT NULL, kind TEXT NOT NULL, amount REAL NOT NULL, at_ms INTEGER NOT NULL, most REAL NOT NULL,
    PRIMARY KEY (key, kind)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS live (
    key TEXT NOT NULL, node TEXT NOT NULL, count INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (key, node)
  ) WITHOUT ROWID;
  PRAGMA user_version = 1`

interface Row {
  readonly key: string
  readonly kind: AllowanceKind
  readonly amount: number
  readonly at_ms: number
  readonly most: number
}

export class SqliteAllowances implements AllowanceStore {
  #path: string
  #file: SqliteFile
  #inode: number | null = null
  #isDamaged = false
  #isHeld = false
  #clock: Clock
  #node: string
  #givenBack: Return[] = []
  #soon: Timer | null = null
  #beat: Timer

  /** `node`: name of this process among those that share the file. @throws when it cannot be opened. */
  constructor(path: string, clock: Clock, node: string) {
    this.#clock = clock
    this.#node = node
    this.#path = path
    this.#file = this.#open()
    this.#beat = clock.every(beatMs, () => this.#sayAlive())
  }

  take(ask: Ask): Taken {
    const nowMs = this.#clock.nowMs()
    const waiting = this.#givenBack.length
    const taken = this.#write((): Taken => {
      this.#settle(nowMs)
      const live = ask.callsMax === null ? 0 : this.#countLive(ask.key, nowMs)
      const { taken, writes } = decide(ask, live, (kind) => this.#read(ask.key, kind), nowMs)
      for (const { kind, amount, limit } of writes) this.#note(ask.key, kind, { amount, atMs: nowMs }, limit)
      if (taken.isGranted && ask.callsMax !== null) this.#addLive(ask.key, 1, nowMs)
      return taken
    })
    this.#givenBack.splice(0, waiting)
    return taken
  }

  give(given: Return): void {
    this.#givenBack.push(given)
    this.#soon ??= this.#clock.after(giveMs, () => {
      this.#soon = null
      this.#flush()
    })
  }

  bury(node: string): void {
    if (node === this.#node) return
    try {
      this.#write(() => this.#file.sql('DELETE FROM live WHERE node = ?').run(node))
    } catch {
      // After `silentMs` it counts no more in any case.
    }
  }

  used(key?: string): Map<string, Map<AllowanceKind, number>> {
    const nowMs = this.#clock.nowMs()
    const of = key === undefined ? '' : 'WHERE key = ?'
    const rows = this.#file.sql(`SELECT * FROM used ${of}`).all(...(key === undefined ? [] : [key]))
    const all = new Map<string, Map<AllowanceKind, number>>()
    for (const row of rows as unknown as Row[]) {
      const kinds = all.get(row.key) ?? new Map<AllowanceKind, number>()
      kinds.set(row.kind, usedNow(row.kind, row.most, { amount: row.amount, atMs: row.at_ms }, nowMs))
      all.set(row.key, kinds)
    }
    return all
  }

  [Symbol.dispose](): void {
    this.#beat.cancel()
    this.#soon?.cancel()
    this.#flush()
    this.#file.close()
  }

  #open(): SqliteFile {
    this.#inode = inodeOf(this.#path)
    try {
      return this.#openFile()
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      layAside(this.#path, this.#inode)
      return this.#openFile()
    }
  }

  #openFile(): SqliteFile {
    const file = new SqliteFile(this.#path, this.#clock, 'normal')
    try {
      file.database.exec(`PRAGMA busy_timeout = ${busyMs}; ${schemaSql}`)
      this.#inode = inodeOf(this.#path)
      return file
    } catch (cause) {
      file.close()
      throw cause
    }
  }

  /** One transaction. @throws as the database does; where it is damaged, the next one finds a new file. */
  #write<T>(run: () => T): T {
    if (this.#isDamaged) this.#file = this.#open()
    this.#isDamaged = false
    try {
      const result = this.#file.write(run)
      if (this.#isHeld) this.#noteHeld(false)
      return result
    } catch (cause) {
      if (isBusy(cause) && !this.#isHeld) this.#noteHeld(true)
      if (isDamage(cause)) {
        this.#isDamaged = true
        this.#file.close()
        layAside(this.#path, this.#inode)
      }
      throw cause
    }
  }

  #noteHeld(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#file.database.exec(`PRAGMA busy_timeout = ${isHeld ? heldMs : busyMs}`)
  }

  /** A database that is in the way now is not at the next call. */
  #flush(): void {
    const waiting = this.#givenBack.length
    if (waiting === 0) return
    try {
      this.#write(() => this.#settle(this.#clock.nowMs()))
      this.#givenBack.splice(0, waiting)
    } catch {
      this.#soon ??= this.#clock.after(giveMs, () => {
        this.#soon = null
        this.#flush()
      })
    }
  }

  #settle(nowMs: number): void {
    for (const { key, amounts, isOver } of this.#givenBack) {
      for (const { kind, amount, limit } of amounts) {
        const used = usedNow(kind, limit, this.#read(key, kind), nowMs)
        this.#note(key, kind, { amount: usedAfter(used, amount), atMs: nowMs }, limit)
      }
      if (isOver) this.#addLive(key, -1, nowMs)
    }
  }

  #read(key: string, kind: AllowanceKind): Used | undefined {
    const row = this.#file.sql('SELECT amount, at_ms FROM used WHERE key = ? AND kind = ?').get(key, kind)
    const amount = Number(row?.['amount'])
    return row && Number.isFinite(amount) ? { amount, atMs: Number(row['at_ms']) } : undefined
  }

  #note(key: string, kind: AllowanceKind, { amount, atMs }: Used, limit: number): void {
    this.#file.sql('INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?)').run(key, kind, amount, atMs, limit)
  }

  #countLive(key: string, nowMs: number): number {
    const sql = 'SELECT sum(count) AS count FROM live WHERE key = ? AND at_ms > ?'
    return Number(this.#file.sql(sql).get(key, nowMs - silentMs)?.['count'] ?? 0)
  }

  #addLive(key: string, more: number, nowMs: number): void {
    const sql = `INSERT INTO live VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET count = max(0, count + ?), at_ms = excluded.at_ms`
    this.#file.sql(sql).run(key, this.#node, Math.max(0, more), nowMs, more)
  }

  #sayAlive(): void {
    const nowMs = this.#clock.nowMs()
    try {
      this.#file.sql('UPDATE live SET at_ms = ? WHERE node = ? AND count > 0').run(nowMs, this.#node)
      this.#file.sql('DELETE FROM live WHERE at_ms <= ?').run(nowMs - silentMs)
    } catch {
      // The next beat says so.
    }
  }
}
