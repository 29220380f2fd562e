/**
 * Questions as vectors in SQLite, one file for all processes of a machine; those of scopes in use lie in memory, and
 * only what is new is read. What operators purge is gone from the file at once; its name leads to no answer any more,
 * so that those still in memory do no harm.
 */
import { rmSync } from 'node:fs'
import type { Clock } from '../ground/clock.ts'
import type { AnswerChoice } from './sqlite-kept-answers.ts'
import { isDamage, reasonOf, SqliteFile } from './sqlite-file.ts'
import type { NewVector, VectorScope, VectorStore } from './vector-store.ts'

export interface SqliteVectorsOptions {
  /** Null: in the memory of this process, shared with nobody. */
  readonly path: string | null
  /** Vectors of one scope that are compared: the newest. */
  readonly perScopeMax: number
  /** Vectors of all scopes; the oldest make room. */
  readonly vectorsMax: number
  readonly warn: (detail: string) => void
}

/** Changes with the tables: a file of another layout is begun anew, there is nothing in it to lose. */
const layout = 2
const tables = `
  CREATE TABLE IF NOT EXISTS vector (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, name TEXT NOT NULL,
    caller TEXT NOT NULL, model TEXT NOT NULL, until_ms INTEGER NOT NULL, wording TEXT NOT NULL,
    data BLOB NOT NULL, UNIQUE (scope, name));
  CREATE INDEX IF NOT EXISTS vector_scope ON vector (scope, id);
  CREATE INDEX IF NOT EXISTS vector_until ON vector (until_ms);
  PRAGMA user_version = ${layout};`
/** Room is made at every so many-th vector. */
const sweepEvery = 50
/** Most of the scopes in memory; half of it is what was used last. */
const memoryBytesMax = 64 * 2 ** 20
const scopeOverheadBytes = 500
const vectorOverheadBytes = 250

class Scope implements VectorScope {
  lastId = 0
  names: string[] = []
  wordings: string[] = []
  vectors: Float32Array[] = []
  untilMs: number[] = []
  bytes = scopeOverheadBytes
}

const nothing: VectorScope = { names: [], wordings: [], vectors: [] }

export class SqliteVectors implements VectorStore {
  #clock: Clock
  #options: SqliteVectorsOptions
  #file: SqliteFile
  #isClosed = false
  #putCount = 0
  /** Two generations: what was not used in the time of one is forgotten. No entry moves at each use. */
  #young = new Map<string, Scope>()
  #old = new Map<string, Scope>()
  #youngBytes = 0

  /** A file that is damaged is thrown away; for one that cannot be opened the memory of this process does. */
  constructor(clock: Clock, options: SqliteVectorsOptions) {
    this.#clock = clock
    this.#options = options
    this.#file = this.#open()
  }

  of(scope: string): VectorScope {
    if (this.#isClosed) return nothing
    try {
      return this.#fresh(scope)
    } catch (cause) {
      this.#options.warn(reasonOf(cause))
      return nothing
    }
  }

  async put({ scope, name, caller, model, vector, wording, untilMs }: NewVector): Promise<boolean> {
    const data = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
    const run = (): void => {
      this.#file
        .sql(
          'INSERT OR REPLACE INTO vector (scope, name, caller, model, until_ms, wording, data) VALUES (?, ?, ?, ?, ?, ?, ?)',
        )
        .run(scope, name, caller, model, untilMs, wording, data)
      if (this.#putCount++ % sweepEvery === 0) this.#makeRoom()
    }
    try {
      if (this.#isClosed) return false
      await this.#file.patiently(() => this.#file.write(run))
      return true
    } catch (cause) {
      if (!this.#isClosed) this.#options.warn(reasonOf(cause))
      return false
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#file.close()
  }

  #open(): SqliteFile {
    const { path } = this.#options
    if (path === null) return this.#ready(':memory:')
    try {
      return this.#ready(path)
    } catch (cause) {
      return this.#begunAnew(path, cause)
    }
  }

  /** No gateway is to stand still for this. */
  #begunAnew(path: string, why: unknown): SqliteFile {
    const { warn } = this.#options
    try {
      if (!isDamage(why) && !(why instanceof OtherLayout)) throw why
      warn(`begun anew: ${reasonOf(why)}`)
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
      return this.#ready(path)
    } catch (cause) {
      warn(`kept in the memory of this worker: ${reasonOf(cause)}`)
      return this.#ready(':memory:')
    }
  }

  #ready(path: string): SqliteFile {
    const file = new SqliteFile(path, this.#clock, 'normal')
    try {
      const version = Number(file.sql('PRAGMA user_version').get()?.['user_version'])
      if (version !== 0 && version !== layout) throw new OtherLayout('it has another layout')
      if (version === 0) file.waitFor(5000, () => file.database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`))
      return file
    } catch (cause) {
      file.close()
      throw cause
    }
  }

  #fresh(name: string): VectorScope {
    const scope = this.#young.get(name) ?? this.#old.get(name) ?? new Scope()
    const nowMs = this.#clock.nowMs()
    const bytesBefore = scope.bytes
    const rows = this.#file
      .sql('SELECT id, name, until_ms, wording, data FROM vector WHERE scope = ? AND id > ? ORDER BY id DESC LIMIT ?')
      .all(name, scope.lastId, this.#options.perScopeMax)
    if (rows.length > 0 || scope.untilMs.some((ms) => ms <= nowMs)) this.#renew(scope, rows, nowMs)
    if (scope.names.length === 0) return nothing
    if (!this.#young.has(name)) this.#keep(name, scope)
    else this.#youngBytes += scope.bytes - bytesBefore
    return scope
  }

  /** The newest first. */
  #renew(scope: Scope, rows: readonly Record<string, unknown>[], nowMs: number): void {
    const { names, wordings, vectors, untilMs } = scope
    const isNew = new Set(rows.map((row) => row['name'] as string))
    scope.names = []
    scope.wordings = []
    scope.vectors = []
    scope.untilMs = []
    scope.bytes = scopeOverheadBytes
    const add = (name: string, wording: string, vector: Float32Array, untilMs: number): void => {
      if (untilMs <= nowMs || scope.names.length >= this.#options.perScopeMax) return
      scope.names.push(name)
      scope.wordings.push(wording)
      scope.vectors.push(vector)
      scope.untilMs.push(untilMs)
      scope.bytes += vector.byteLength + vectorOverheadBytes
    }
    for (const row of rows) {
      scope.lastId = Math.max(scope.lastId, row['id'] as number)
      const vector = vectorOf(row['data'] as Uint8Array)
      add(row['name'] as string, row['wording'] as string, vector, row['until_ms'] as number)
    }
    names.forEach((name, i) => {
      if (!isNew.has(name)) add(name, wordings[i] as string, vectors[i] as Float32Array, untilMs[i] as number)
    })
  }

  #keep(name: string, scope: Scope): void {
    if (this.#youngBytes + scope.bytes > memoryBytesMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#old.delete(name)
    this.#young.set(name, scope)
    this.#youngBytes += scope.bytes
  }

  #makeRoom(): void {
    this.#file.sql('DELETE FROM vector WHERE until_ms <= ?').run(this.#clock.nowMs())
    const count = Number(this.#file.sql('SELECT count(*) AS n FROM vector').get()?.['n'])
    if (count > this.#options.vectorsMax)
      this.#file
        .sql('DELETE FROM vector WHERE id IN (SELECT id FROM vector ORDER BY id LIMIT ?)')
        .run(count - this.#options.vectorsMax)
  }
}

class OtherLayout extends Error {}

/** A copy: what the database gives need not begin where numbers may. */
function vectorOf(data: Uint8Array): Float32Array {
  return new Float32Array(data.slice().buffer)
}

const isChosen = '(?1 IS NULL OR caller = ?1) AND (?2 IS NULL OR model = ?2)'

/** For operators, while the gateway is running or not: questions that belong to such answers. */
export function countVectors(path: string, clock: Clock, { key, model }: AnswerChoice): number {
  const file = new SqliteFile(path, clock, 'normal')
  try {
    const sql = `SELECT count(*) AS count FROM vector WHERE ${isChosen} AND until_ms > ?3`
    return Number(file.sql(sql).get(key, model, clock.nowMs())?.['count'])
  } finally {
    file.close()
  }
}

/** For operators: takes away what belongs to answers that they purge. */
export async function purgeVectors(path: string, clock: Clock, { key, model }: AnswerChoice): Promise<void> {
  const file = new SqliteFile(path, clock, 'normal')
  try {
    const run = (): unknown => file.sql(`DELETE FROM vector WHERE ${isChosen}`).run(key, model)
    await file.patiently(() => file.write(run))
  } finally {
    file.close()
  }
}
