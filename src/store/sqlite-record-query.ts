/**
 * Reads the record's file, without ever writing to it: while a gateway does, or when it is dead. A page is read kind by
 * kind, each from an index that is in order already, and put together: so a million facts cost no more than a page.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type FactKind, factKinds } from '../observe/fact.ts'
import { type FactRow, readRow } from '../observe/fact-row.ts'
import { type CallCount, entriesMax, type Entry, type FactFilter, type Page, type RecordReader } from './record.ts'
import { placesPerMs } from './sqlite-record-file.ts'

const allKinds = Object.keys(factKinds) as FactKind[]
const columns = 'f.id, n.name AS node, f.kind, f.rank, f.ray, f.upstream, f.code, f.body'
const from = 'FROM fact f JOIN node n ON n.id = f.node'
const busyMs = 2000
const idMax = Number.MAX_SAFE_INTEGER

interface Row extends Omit<FactRow, 'atMs'> {
  readonly id: number
  readonly node: string
}

const countsSql = `
  SELECT body ->> 'route' AS route, body ->> 'model' AS model, upstream, body ->> 'outcome' AS outcome, code,
    sum(body ->> 'count') AS count, sum(body ->> 'durationMs') AS durationMs,
    sum(body ->> 'firstTokenMs') AS firstTokenMs, sum(body ->> 'firstTokenCount') AS firstTokenCount,
    sum(body ->> 'inputTokens') AS inputTokens, sum(body ->> 'outputTokens') AS outputTokens,
    sum(body ->> 'attemptCount') AS attemptCount, sum(body ->> 'seamCount') AS seamCount
  FROM fact WHERE kind = 'sum' AND id >= ? AND id < ? AND json_valid(body)
  GROUP BY 1, 2, 3, 4, 5 ORDER BY count DESC LIMIT ${entriesMax}`

export class RecordQuery implements RecordReader {
  readonly #database: DatabaseSync
  #statements = new Map<string, StatementSync>()

  /** @throws when there is no record, or it cannot be read. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true, timeout: busyMs })
    try {
      this.#database.prepare('SELECT count(*) FROM node').get()
    } catch (cause) {
      this.#database.close()
      throw cause
    }
  }

  byRay(ray: string): Entry[] {
    return this.#read(`SELECT ${columns} ${from} WHERE f.ray = ? ORDER BY f.id LIMIT ${entriesMax}`, ray)
  }

  around(fromMs: number, toMs: number, kinds: readonly FactKind[] | null, countMax = entriesMax): Entry[] {
    return this.latest({ ...(kinds && { kinds }), fromMs, toMs }, countMax).entries.toReversed()
  }

  latest(filter: FactFilter, countMax: number, cursor: number | null = null): Page {
    const limit = Math.min(countMax, entriesMax)
    const kinds = filter.kinds ?? allKinds
    const found = kinds.flatMap((kind) => this.#latestOf(kind, filter, { limit, cursor }))
    const entries = found.toSorted((a, b) => b.id - a.id).slice(0, limit)
    return { entries, next: entries.length < limit ? null : (entries.at(-1)?.id ?? null) }
  }

  lastFailure(): Entry | null {
    // What was asked of the operators' port is nobody's call.
    const where = `WHERE f.kind = 'call' AND f.code IS NOT NULL AND instr(f.body, '"route":"admin"') = 0 ORDER BY f.id DESC LIMIT 1`
    return this.#read(`SELECT ${columns} ${from} ${where}`)[0] ?? null
  }

  counts(fromMs: number, toMs: number): CallCount[] {
    return this.#sql(countsSql).all(idAt(fromMs), idAt(toMs)) as unknown as CallCount[]
  }

  [Symbol.dispose](): void {
    this.#statements.clear()
    this.#database.close()
  }

  /** A plus keeps the planner from an index that is not the one that tells most. */
  #latestOf(kind: FactKind, filter: FactFilter, { limit, cursor }: { limit: number; cursor: number | null }): Entry[] {
    const { upstream, code, fromMs, toMs } = filter
    const wanted: (string | number)[] = [kind]
    let where = 'f.kind = ?'
    if (code !== undefined) {
      where += ' AND f.code = ?'
      wanted.push(code)
    }
    if (upstream !== undefined) {
      where += code === undefined ? ' AND f.upstream = ?' : ' AND +f.upstream = ?'
      wanted.push(upstream)
    }
    const low = fromMs === undefined ? 0 : idAt(fromMs)
    const high = Math.min(cursor ?? idMax, toMs === undefined ? idMax : idAt(toMs))
    const sql = `SELECT ${columns} ${from} WHERE ${where} AND f.id >= ? AND f.id < ? ORDER BY f.id DESC LIMIT ?`
    return this.#read(sql, ...wanted, low, high, limit)
  }

  #read(sql: string, ...values: (string | number)[]): Entry[] {
    const rows = this.#sql(sql).all(...values) as unknown as Row[]
    return rows.flatMap((row) => {
      const fact = readRow({ ...row, atMs: Math.floor(row.id / placesPerMs) }, row.node)
      return fact ? [{ id: row.id, fact }] : []
    })
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (!statement) this.#statements.set(text, (statement = this.#database.prepare(text)))
    return statement
  }
}

function idAt(ms: number): number {
  return Math.max(0, Math.min(idMax, Math.floor(ms) * placesPerMs))
}
