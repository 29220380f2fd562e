/**
 * `cache-control`, RFC 9111 section 5.2, of requests and of answers. What cannot be read counts against reuse: a
 * lifetime that is no number is none, and of two the shorter holds.
 */
import { splitList, unquote } from './field-list.ts'

export interface Directives {
  /** Seconds; left out where nothing is said. */
  readonly maxAge?: number
  readonly sMaxAge?: number
  readonly staleWhileRevalidate?: number
  readonly staleIfError?: number
  readonly minFresh?: number
  /** `Infinity` where any age will do. */
  readonly maxStale?: number
  readonly noStore?: boolean
  /** `true` for all of the answer, else the fields it is about, in lower case. */
  readonly noCache?: true | readonly string[]
  readonly isPrivate?: true | readonly string[]
  readonly isPublic?: boolean
  readonly mustRevalidate?: boolean
  readonly proxyRevalidate?: boolean
  readonly mustUnderstand?: boolean
  readonly noTransform?: boolean
  readonly onlyIfCached?: boolean
}

/** Delta seconds beyond this say no more: RFC 9111 section 1.2.2. */
export const secondsMax = 2 ** 31
const directivesMax = 128

const flags: Readonly<Record<string, keyof Directives>> = {
  'no-store': 'noStore',
  public: 'isPublic',
  'must-revalidate': 'mustRevalidate',
  'proxy-revalidate': 'proxyRevalidate',
  'must-understand': 'mustUnderstand',
  'no-transform': 'noTransform',
  'only-if-cached': 'onlyIfCached',
}
const spans: Readonly<Record<string, keyof Directives>> = {
  'max-age': 'maxAge',
  's-maxage': 'sMaxAge',
  'stale-while-revalidate': 'staleWhileRevalidate',
  'stale-if-error': 'staleIfError',
  'min-fresh': 'minFresh',
}
const fieldLists: Readonly<Record<string, 'noCache' | 'isPrivate'>> = { 'no-cache': 'noCache', private: 'isPrivate' }

type Draft = { -readonly [Name in keyof Directives]: Directives[Name] }

/** Reads the lines of a `cache-control` field. */
export function readDirectives(lines: readonly string[]): Directives {
  const found: Draft = {}
  for (const item of splitList(lines, directivesMax)) {
    const equals = item.indexOf('=')
    const name = (equals === -1 ? item : item.slice(0, equals)).toLowerCase()
    note(found, name, equals === -1 ? null : item.slice(equals + 1))
  }
  return found
}

/** @param argument what stands behind the `=`; null for none */
function note(found: Draft, name: string, argument: string | null): void {
  const flag = flags[name]
  if (flag !== undefined) Object.assign(found, { [flag]: true })
  const span = spans[name]
  if (span !== undefined) {
    const seconds = readSeconds(argument ?? '')
    const before = found[span]
    Object.assign(found, { [span]: typeof before === 'number' ? Math.min(before, seconds) : seconds })
  }
  const list = fieldLists[name]
  if (list !== undefined) {
    const before = found[list]
    const names = argument === null ? [] : fieldNames(argument)
    if (before === true || names.length === 0) found[list] = true
    else found[list] = [...(before ?? []), ...names]
  }
  if (name === 'max-stale') found.maxStale = argument === null ? Number.POSITIVE_INFINITY : readSeconds(argument)
}

/** 0 for what is no whole number of seconds. */
function readSeconds(text: string): number {
  const digits = unquote(text)
  return /^\d+$/.test(digits) ? Math.min(secondsMax, Number(digits)) : 0
}

function fieldNames(argument: string): string[] {
  return splitList([unquote(argument)], directivesMax).map((each) => each.toLowerCase())
}
