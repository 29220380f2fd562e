/** What is done with a request, given what is kept for its address: RFC 9111 section 4. Pure. */
import { readContentRange, readRanges } from './byte-range.ts'
import { type Directives, readDirectives } from './directives.ts'
import { ageMs, lifetimeMs } from './freshness.ts'
import { type HeaderList, linesOf, valueOf } from './header-list.ts'
import type { Stored } from './stored.ts'
import { type Policy, policyOf } from './targeted.ts'
import { matchesVary } from './vary.ts'

export interface Asked {
  readonly method: string
  readonly headers: HeaderList
}

export interface Rules {
  /** Of the time since an answer changed, so much it is fresh where it does not say itself; 0: never. */
  readonly heuristicShare: number
  /** How long a stale answer may still stand in for an application that cannot be reached. */
  readonly staleOnErrorMs: number
}

/** Why a request goes to the application: the words of RFC 9211 section 2.2. */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale' | 'partial'

export type Decision<T> =
  /** `isStale`: and it is asked for again meanwhile. `ttlMs` is below 0 for what is no longer fresh. */
  | {
      readonly kind: 'use'
      readonly entry: T
      readonly ageMs: number
      readonly ttlMs: number
      readonly isStale: boolean
    }
  /** Ask whether it is still good. `spareMs`: so long it may stand in when the application fails, by what of that. */
  | { readonly kind: 'validate'; readonly entry: T; readonly why: Forward; readonly spare: Spare }
  | { readonly kind: 'forward'; readonly why: Forward }
  /** The client wants what is kept, or nothing: 504. */
  | { readonly kind: 'unkept' }

/** How long a stale answer may stand in: when nobody answers, and when the answer is a failure (5xx). */
export interface Spare {
  readonly unreachableMs: number
  readonly failedMs: number
}

interface Kept {
  readonly stored: Stored
}

/** `entries`: all that is kept under the address. */
export function decide<T extends Kept>(asked: Asked, entries: readonly T[], nowMs: number, rules: Rules): Decision<T> {
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return { kind: 'forward', why: 'method' }
  if (valueOf(asked.headers, 'if-match') !== null || valueOf(asked.headers, 'if-unmodified-since') !== null)
    return { kind: 'forward', why: 'bypass' }
  const wanted = requestDirectives(asked.headers)
  if (wanted.noStore) return missOf('request', wanted)
  const ours = entries.filter(({ stored }) => matchesVary(stored, asked.headers)).toSorted(byNewest)
  const entry = ours.find(({ stored }) => !stored.part) ?? ours.find(({ stored }) => covers(stored, asked))
  if (!entry) return missOf(ours.length > 0 ? 'partial' : entries.length > 0 ? 'vary-miss' : 'uri-miss', wanted)
  return judge(entry, wanted, nowMs, rules)
}

function judge<T extends Kept>(entry: T, wanted: Directives, nowMs: number, rules: Rules): Decision<T> {
  const { stored } = entry
  const policy = policyOf(stored.headers)
  const { directives } = policy
  const age = ageMs(stored, nowMs)
  const ttlMs = lifetimeMs(stored, policy, rules.heuristicShare) - age
  const mayBeStale = !directives.mustRevalidate && !directives.proxyRevalidate && directives.noCache !== true
  const mayNotUse = directives.noCache === true || stored.isDoubted === true || wanted.noCache === true
  const isTooOld = wanted.maxAge !== undefined && age > wanted.maxAge * 1000
  const isTooShort = wanted.minFresh !== undefined && ttlMs < wanted.minFresh * 1000
  const use = (isStale: boolean): Decision<T> => ({ kind: 'use', entry, ageMs: age, ttlMs, isStale })
  const spare = mayBeStale && !wanted.noCache ? spareOf(policy, ttlMs, rules) : { unreachableMs: 0, failedMs: 0 }
  if (!mayNotUse && !isTooOld && !isTooShort) {
    if (ttlMs > 0) return use(false)
    const isShared = directives.sMaxAge !== undefined
    if (mayBeStale && !isShared && wanted.maxStale !== undefined && -ttlMs <= wanted.maxStale * 1000) return use(false)
    // Whoever says how stale it may be has allowed it, beside `s-maxage`, too.
    const whileMs = (directives.staleWhileRevalidate ?? 0) * 1000
    if (mayBeStale && -ttlMs < whileMs) return use(true)
  }
  if (wanted.onlyIfCached) return { kind: 'unkept' }
  const why = ttlMs > 0 && (wanted.noCache === true || isTooOld || isTooShort) ? 'request' : 'stale'
  return { kind: 'validate', entry, why, spare }
}

function spareOf({ directives }: Policy, ttlMs: number, rules: Rules): Spare {
  const toldMs = (directives.staleIfError ?? 0) * 1000
  const staleMs = Math.max(0, -ttlMs)
  const isShared = directives.sMaxAge !== undefined && directives.staleIfError === undefined
  const unreachableMs = isShared ? 0 : directives.staleIfError === undefined ? rules.staleOnErrorMs : toldMs
  return { unreachableMs: Math.max(0, unreachableMs - staleMs), failedMs: Math.max(0, toldMs - staleMs) }
}

function missOf(why: Forward, wanted: Directives): Decision<never> {
  return wanted.onlyIfCached ? { kind: 'unkept' } : { kind: 'forward', why }
}

/** `pragma: no-cache` counts where nothing newer is said. */
function requestDirectives(headers: HeaderList): Directives {
  const lines = linesOf(headers, 'cache-control')
  if (lines.length === 0 && /(^|,)\s*no-cache\s*(,|$)/i.test(valueOf(headers, 'pragma')?.slice(0, 256) ?? ''))
    return { noCache: true }
  return readDirectives(lines)
}

/** The part that is kept has all that the request wants. */
function covers({ part }: Stored, { method, headers }: Asked): boolean {
  const value = valueOf(headers, 'range')
  if (!part || method !== 'GET' || value === null || valueOf(headers, 'if-range') !== null) return false
  const ranges = readRanges(value, part.whole)
  if (ranges === null || ranges === 'none' || ranges.length !== 1) return false
  const [range] = ranges
  return range !== undefined && range.from >= part.from && range.to <= part.to
}

function byNewest(a: Kept, b: Kept): number {
  return b.stored.responseMs - a.stored.responseMs
}

/** As `stored.part` has it; nothing where the answer is whole. */
export function partOf(status: number, headers: HeaderList): Pick<Stored, 'part'> {
  const part = status === 206 ? readContentRange(valueOf(headers, 'content-range')) : null
  return part ? { part } : {}
}
