/** Comparing what a client has with what there is: RFC 9110 sections 8.8.3 and 13. */
import { splitList } from './field-list.ts'
import { type HeaderList, linesOf, valueOf } from './header-list.ts'
import { parseHttpDate } from './http-date.ts'

const tagsMax = 256

/** What there is. */
export interface Validators {
  /** As it stands in the field; null for none. */
  readonly etag: string | null
  readonly changedMs: number | null
}

/** @param laterMs stands in for `last-modified` where there is none */
export function validatorsOf(headers: HeaderList, laterMs: number): Validators {
  const changed = valueOf(headers, 'last-modified')
  return { etag: valueOf(headers, 'etag'), changedMs: changed === null ? null : parseHttpDate(changed, laterMs) }
}

/** The client has it already. `nowMs`: for what changed at an unknown time, when it was received. */
export function isKnown(request: HeaderList, { etag, changedMs }: Validators, nowMs: number): boolean {
  const tags = linesOf(request, 'if-none-match')
  if (tags.length > 0) return matches(tags, etag, false)
  const since = valueOf(request, 'if-modified-since')
  const sinceMs = since === null ? null : parseHttpDate(since, nowMs)
  return sinceMs !== null && changedMs !== null && wholeSeconds(changedMs) <= sinceMs
}

/** What the client wants to change, or to go on with, is no longer what it knows: 412. */
export function isUnmet(request: HeaderList, { etag, changedMs }: Validators, nowMs: number): boolean {
  const tags = linesOf(request, 'if-match')
  if (tags.length > 0) return !matches(tags, etag, true)
  const since = valueOf(request, 'if-unmodified-since')
  const sinceMs = since === null ? null : parseHttpDate(since, nowMs)
  return sinceMs !== null && changedMs !== null && wholeSeconds(changedMs) > sinceMs
}

/** Whether a range may be cut out of what there is, as far as `if-range` goes. */
export function meetsIfRange(request: HeaderList, { etag, changedMs }: Validators, nowMs: number): boolean {
  const value = valueOf(request, 'if-range')
  if (value === null) return true
  if (/^(W\/)?"/.test(value)) return matches([value], etag, true)
  const ms = parseHttpDate(value, nowMs)
  return ms !== null && changedMs !== null && wholeSeconds(changedMs) === ms
}

/** @param isStrong weak tags then match nothing */
function matches(lines: readonly string[], etag: string | null, isStrong: boolean): boolean {
  if (lines.some((line) => line.trim() === '*')) return true
  if (etag === null || (isStrong && isWeak(etag))) return false
  const wanted = opaque(etag)
  return splitList(lines, tagsMax).some((tag) => !(isStrong && isWeak(tag)) && opaque(tag) === wanted)
}

const isWeak = (tag: string): boolean => tag.startsWith('W/')

/** Without the mark of weakness. */
function opaque(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000
