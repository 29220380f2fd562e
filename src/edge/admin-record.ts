/**
 * The record for operators, over HTTP: `GET /record`. One call by `ray`, or a page of facts by `kind`, `upstream`,
 * `code`, `eventful`, `from` and `to`, newest first, or with `counts` the sums of a time. Every answer is bounded.
 */
import { type FactKind, factKinds } from '../observe/fact.ts'
import { factWords } from '../observe/fact-words.ts'
import { type Entry, entriesMax, type FactFilter, type RecordReader } from '../store/record.ts'

const countDefault = 100
/** Counts without `from` are of the last hour. */
const countsMsDefault = 3_600_000
const known = 'ray, kind, upstream, code, eventful, from, to, limit, cursor, counts'
const fields = new Set(known.split(', '))

/** What was asked makes no sense; the words say what would. */
export class BadQuery extends Error {}

/** @param nowMs wall time. @throws {BadQuery} */
export function answerRecord(reader: RecordReader, query: URLSearchParams, nowMs: number): object {
  for (const name of query.keys())
    if (!fields.has(name)) throw new BadQuery(`${JSON.stringify(name.slice(0, 40))} is not known; there are ${known}`)
  const ray = query.get('ray')
  if (ray !== null) return { facts: reader.byRay(ray).map(told) }
  const fromMs = moment(query, 'from')
  const toMs = moment(query, 'to')
  if (query.has('counts')) {
    const endMs = toMs ?? nowMs + 1
    return { counts: reader.counts(fromMs ?? endMs - countsMsDefault, endMs) }
  }
  const { entries, next } = reader.latest(
    filterOf(query, fromMs, toMs),
    number(query, 'limit') ?? countDefault,
    number(query, 'cursor'),
  )
  return { facts: entries.map(told), next }
}

function filterOf(query: URLSearchParams, fromMs: number | undefined, toMs: number | undefined): FactFilter {
  const kinds = query.get('kind')?.split(',')
  const bad = kinds?.find((kind) => !Object.hasOwn(factKinds, kind))
  if (bad !== undefined)
    throw new BadQuery(
      `there is no kind ${JSON.stringify(bad.slice(0, 40))}; there are ${Object.keys(factKinds).join(', ')}`,
    )
  const upstream = query.get('upstream')
  const code = query.get('code')
  return {
    ...(kinds && { kinds: [...new Set(kinds)] as FactKind[] }),
    ...(upstream !== null && { upstream }),
    ...(code !== null && { code }),
    ...(query.has('eventful') && { isEventful: true }),
    ...(fromMs !== undefined && { fromMs }),
    ...(toMs !== undefined && { toMs }),
  }
}

function told({ id, fact }: Entry): object {
  return { id, ...fact, words: factWords(fact) }
}

/** Milliseconds since 1970, or a date of ISO 8601. */
function moment(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text.slice(0, 40))
  if (Number.isNaN(ms))
    throw new BadQuery(`\`${name}\` is a time: milliseconds since 1970, or like 2026-01-31T12:00:00Z`)
  return ms
}

function number(query: URLSearchParams, name: 'limit' | 'cursor'): number | null {
  const text = query.get(name)
  if (text === null) return null
  const value = Number(text)
  const max = name === 'limit' ? entriesMax : Number.MAX_SAFE_INTEGER
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new BadQuery(`\`${name}\` is a whole number from 1 to ${max}`)
  return value
}
