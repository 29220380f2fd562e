/** How an answer tells what the cache had to do with it: for people, for `Cache-Status` (RFC 9211), and its age. */
import type { CacheState } from './cache-wish.ts'

/** Why an answer did not come from the cache, or is old; as RFC 9211 words it. */
const forwards: Readonly<Record<CacheState, string>> = {
  hit: 'hit',
  miss: 'fwd=miss',
  refreshed: 'fwd=request',
  stale: 'fwd=stale',
  collapsed: 'fwd=miss; collapsed',
}

export interface CacheMark {
  readonly state: CacheState
  /** How long ago the call was begun whose answer this is. */
  readonly ageMs: number
  /** How much longer it serves; below 0: for how long it no longer does. Null where that is not known yet. */
  readonly leftMs: number | null
  /** The fault for which an old answer had to do. */
  readonly detail?: string
}

/** Names and values in turn. What an answer says of its usage is what was used when it was made. */
export function markHeaders({ state, ageMs, leftMs, detail }: CacheMark): string[] {
  const age = String(Math.max(0, Math.floor(ageMs / 1000)))
  const isKept = state === 'hit' || state === 'stale'
  const own = isKept ? `${state}; age=${age}; usage=recorded` : state === 'collapsed' ? `${state}; age=${age}` : state
  const ttl = leftMs === null ? '' : `; ttl=${Math.floor(leftMs / 1000)}`
  const why = detail === undefined ? '' : `; detail=${detail}`
  const headers = ['holdfast-cache', own, 'cache-status', `holdfast; ${forwards[state]}${ttl}${why}`]
  return isKept ? [...headers, 'age', age] : headers
}

/** Of a call that wanted the cache and goes past it, and why. */
export function bypassHeaders(why: string): string[] {
  return ['holdfast-cache', `bypass; reason=${why}`, 'cache-status', `holdfast; fwd=bypass; detail=${why}`]
}
