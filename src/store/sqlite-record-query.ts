/**
 * Reads the record's file, without ever writing to it: while a gateway does, or when it is dead. A page is put
 * together kind by kind, each from an index that is in order already: so a million facts cost no more than a page.
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
/** Questions of one shape share a statement; there are few shapes in use. */
const statementsMax = 64
const idMax = Number.MAX_SAFE_INTEGER

interface Row extends Omit<FactRow, 'atMs'> {
  readonly id: number
  readonly node: string
}

const countsSql = `
  SELECT body ->> 'route' AS route, body ->> 'model' AS model, upstream, body ->> 'outcome' AS outcome, code,
    coalesce(body ->> 'tier', 'standard') AS tier, coalesce(body ->> 'caller', '') AS caller,
    sum(body ->> 'count') AS count, total(body ->> 'slowCount') AS slowCount, sum(body ->> 'durationMs') AS durationMs,
    sum(body ->> 'firstTokenMs') AS firstTokenMs, sum(body ->> 'firstTokenCount') AS firstTokenCount,
    sum(body ->> 'inputTokens') AS inputTokens, sum(body ->> 'outputTokens') AS outputTokens,
    sum(body ->> 'attemptCount') AS attemptCount, sum(body ->> 'seamCount') AS seamCount
  FROM fact WHERE kind = 'sum' AND id >= ? AND id < ? AND json_valid(body)
  GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY count DESC LIMIT ${entriesMax}`

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

  latest(filter: FactFilter, countMax: number, cursor: number | null = null): Page {
    const limit = Math.min(countMax, entriesMax)
    const rows = this.#page(filter, { limit, cursor, order: 'DESC' })
    return { entries: toEntries(rows), next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) }
  }

  earliest(filter: FactFilter, countMax: number): Entry[] {
    return toEntries(this.#page(filter, { limit: Math.min(countMax, entriesMax), cursor: null, order: 'ASC' }))
  }

  lastFailure(): Entry | null {
    // What was asked of the operators' port is nobody's call.
    const where = `WHERE f.kind = 'call' AND f.rank = 1 AND f.code IS NOT NULL AND instr(f.body, '"route":"admin"') = 0 ORDER BY f.id DESC LIMIT 1`
    return this.#read(`SELECT ${columns} ${from} ${where}`)[0] ?? null
  }

  counts(fromMs: number, toMs: number): CallCount[] {
    return this.#sql(countsSql).all(idAt(fromMs), idAt(toMs)) as unknown as CallCount[]
  }

  [Symbol.dispose](): void {
    this.#statements.clear()
    this.#database.close()
  }

  /** Of each kind the numbers of a page, out of an index alone; then the facts of those that are on the page. */
  #page({ kinds = allKinds, upstream, code, isEventful = false, fromMs, toMs }: FactFilter, page: PageOrder): Row[] {
    const { limit, cursor, order } = page
    const links = linksSql(upstream !== undefined, code !== undefined)
    const each = kinds.map((kind) => {
      const spare = isEventful && kind === 'call' ? 'AND rank = 1' : ''
      const where = `kind = '${kind}' ${spare} ${links} AND id >= :low AND id < :high`
      return `SELECT id FROM (SELECT id FROM fact WHERE ${where} ORDER BY id ${order} LIMIT :limit)`
    })
    if (each.length === 0) return []
    const ids = `${each.join(' UNION ALL ')} ORDER BY id ${order} LIMIT :limit`
    return this.#sql(`SELECT ${columns} ${from} WHERE f.id IN (${ids}) ORDER BY f.id ${order}`).all({
      low: fromMs === undefined ? 0 : idAt(fromMs),
      high: Math.min(cursor ?? idMax, toMs === undefined ? idMax : idAt(toMs)),
      limit,
      ...(upstream !== undefined && { upstream }),
      ...(code !== undefined && { code }),
    }) as unknown as Row[]
  }

  #read(sql: string, ...values: (string | number)[]): Entry[] {
    return toEntries(this.#sql(sql).all(...values) as unknown as Row[])
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement) return statement
    if (this.#statements.size >= statementsMax) this.#statements.clear()
    this.#statements.set(text, (statement = this.#database.prepare(text)))
    return statement
  }
}

interface PageOrder {
  readonly limit: number
  readonly cursor: number | null
  readonly order: 'ASC' | 'DESC'
}

/** A plus keeps the planner from an index that is not the one that tells most. */
function linksSql(hasUpstream: boolean, hasCode: boolean): string {
  const code = hasCode ? 'AND code = :code' : ''
  const upstream = hasUpstream ? `AND ${hasCode ? '+' : ''}upstream = :upstream` : ''
  return `${code} ${upstream}`
}

function toEntries(rows: readonly Row[]): Entry[] {
  return rows.flatMap((row) => {
    const fact = readRow({ ...row, atMs: Math.floor(row.id / placesPerMs) }, row.node)
    return fact ? [{ id: row.id, fact }] : []
  })
}

function idAt(ms: number): number {
  return Math.max(0, Math.min(idMax, Math.floor(ms) * placesPerMs))
}
