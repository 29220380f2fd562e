/** How an answer tells what the cache had to do with it: for people, for `Cache-Status` (RFC 9211), and its age. */
import type { Ray } from '../fault/ray.ts'
import type { CacheState } from './cache-wish.ts'

/** Why an answer did not come from the cache, or is old; as RFC 9211 words it. */
const forwards: Readonly<Record<CacheState, string>> = {
  hit: 'hit',
  semantic: 'hit',
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
  /** Of the answer, where it was made for another call. */
  readonly answerRay?: Ray
  /** Of the question whose answer it is to the one that was asked; left out where they are the same. */
  readonly similarity?: number
  /** The fault for which an old answer had to do. */
  readonly detail?: string
}

/** Names and values in turn. What an answer says of its usage is what was used when it was made. */
export function markHeaders({ state, ageMs, leftMs, detail, similarity }: CacheMark): string[] {
  const age = String(Math.max(0, Math.floor(ageMs / 1000)))
  const isKept = state === 'hit' || state === 'semantic' || state === 'stale'
  const near = similarity === undefined ? '' : `; similarity=${similarityText(similarity)}`
  const own = isKept
    ? `${state}${near}; age=${age}; usage=recorded`
    : state === 'collapsed'
      ? `${state}; age=${age}`
      : state
  const ttl = leftMs === null ? '' : `; ttl=${Math.floor(leftMs / 1000)}`
  const why = near === '' ? (detail === undefined ? '' : `; detail=${detail}`) : `; detail=semantic${near}`
  const headers = ['holdfast-cache', own, 'cache-status', `holdfast; ${forwards[state]}${ttl}${why}`]
  return isKept ? [...headers, 'age', age] : headers
}

/** Three digits, and never more than it was. */
const similarityText = (similarity: number): string => (Math.floor(similarity * 1000) / 1000).toFixed(3)

/** Of a call that wanted the cache and goes past it, and why. */
export function bypassHeaders(why: string): string[] {
  return ['holdfast-cache', `bypass; reason=${why}`, 'cache-status', `holdfast; fwd=bypass; detail=${why}`]
}
