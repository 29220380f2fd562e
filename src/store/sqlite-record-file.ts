/**
 * The file of the record: its tables, and what becomes of it when it is damaged (it is laid aside: the record is worth
 * less than a gateway that serves).
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../ground/clock.ts'
import { isDamage, reasonOf, SqliteFile } from './sqlite-file.ts'
import { inodeOf, layAside, openAnew } from './sqlite-lay-aside.ts'

export const recordFileName = 'record.db'

const version = 1

/**
 * The number of a fact begins with its time, so that one order serves for both, and facts of a time lie together:
 * milliseconds times this, plus a place among those of the same millisecond. Good until the year 2248.
 */
export const placesPerMs = 1024

/** An index by kind alone and behind each other link: pages are read kind by kind, see `RecordQuery`. */
const schemaSql = `
  CREATE TABLE IF NOT EXISTS node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS fact (
    id INTEGER PRIMARY KEY, node INTEGER NOT NULL, kind TEXT NOT NULL, rank INTEGER NOT NULL,
    ray TEXT, upstream TEXT, code TEXT, body TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS fact_kind ON fact (kind);
  CREATE INDEX IF NOT EXISTS fact_ray ON fact (ray) WHERE ray IS NOT NULL;
  CREATE INDEX IF NOT EXISTS fact_upstream ON fact (upstream, kind) WHERE upstream IS NOT NULL;
  CREATE INDEX IF NOT EXISTS fact_code ON fact (code, kind) WHERE code IS NOT NULL;
  DROP INDEX IF EXISTS fact_failed;
  CREATE INDEX IF NOT EXISTS fact_eventful ON fact (kind) WHERE rank = 1;
  CREATE INDEX IF NOT EXISTS fact_spare ON fact (id) WHERE rank = 0;
  PRAGMA user_version = ${version}`

/** Before calls come there is time; later nobody is to wait for the record. */
const firstWaitMs = 1000

/** It is there or not, and cannot be opened: locked by another process, on a disk that is full or cannot be written. */
export class Unopened extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause })
  }
}

/** The file as it lies at its path now: it may have been laid aside or deleted while it is written. */
export class RecordFile {
  /** Counts up each time that it is another file. */
  generation = 0
  readonly #path: string
  readonly #clock: Clock
  #file: SqliteFile | null = null
  #inode: number | null = null

  /** One that cannot be opened now is tried again at each look. */
  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    try {
      this.#open(firstWaitMs)
    } catch {
      // `now` says why
    }
  }

  /** @throws {Unopened} when it cannot be opened. */
  get now(): SqliteFile {
    if (this.#file?.database.isOpen && inodeOf(this.#path) === this.#inode) return this.#file
    this.#file?.close()
    this.#file = null
    this.generation++
    return this.#open(0)
  }

  #open(waitMs: number): SqliteFile {
    try {
      this.#file = openRecordFile(this.#path, this.#clock, waitMs)
    } catch (cause) {
      throw new Unopened(cause)
    }
    this.#inode = inodeOf(this.#path)
    return this.#file
  }

  /** It is damaged: the next look is at a new one. */
  layAside(): void {
    this.#file?.close()
    layAside(this.#path, this.#inode)
  }

  close(): void {
    this.#file?.close()
  }
}

/** A file that is damaged, or of another version, is laid aside. */
function openRecordFile(path: string, clock: Clock, waitMs: number): SqliteFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const isUseless = (cause: unknown): boolean => isDamage(cause) || cause instanceof OtherVersion
  return openAnew(path, () => open(path, clock, waitMs), { isUseless })
}

class OtherVersion extends Error {}

function open(path: string, clock: Clock, waitMs: number): SqliteFile {
  const file = new SqliteFile(path, clock, 'normal', waitMs)
  try {
    file.waitFor(waitMs, () => {
      const found = Number(file.database.prepare('PRAGMA user_version').get()?.['user_version'])
      if (found > version) throw new OtherVersion(`the record is of version ${found}`)
      file.write(() => file.database.exec(schemaSql))
    })
    file.database.exec('PRAGMA cache_size = -4000')
    return file
  } catch (cause) {
    file.close()
    throw cause
  }
}
