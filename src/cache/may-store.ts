/** Whether an answer may be kept: RFC 9111 section 3. */
import { readContentRange } from './byte-range.ts'
import { readDirectives } from './directives.ts'
import { type HeaderList, linesOf, valueOf } from './header-list.ts'
import type { Policy } from './targeted.ts'
import { varyNames } from './vary.ts'

export interface Answer {
  readonly status: number
  readonly headers: HeaderList
}

/** Why an answer is not kept; a word for `cache-status`. */
export type WhyNot =
  | 'method'
  | 'status'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'vary'
  | 'set-cookie'
  | 'nothing-to-go-by'

/** Statuses that are understood, for `must-understand`. */
const understood: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])

/** Null where it may. @param heuristicShare 0 where only answers that say how long they last are used again */
export function whyNotStore(
  method: string,
  request: HeaderList,
  answer: Answer,
  policy: Policy,
  heuristicShare: number,
): WhyNot | null {
  const { status, headers } = answer
  const { directives } = policy
  if (method !== 'GET') return 'method'
  if (status < 200 || status === 304 || (status === 206 && !mayKeepPart(headers))) return 'status'
  if (readDirectives(linesOf(request, 'cache-control')).noStore) return 'request-no-store'
  // One that must be understood and is, is kept in spite of `no-store`, which is for those that do not know the word.
  const isUnderstood = directives.mustUnderstand === true && understood.has(status)
  if (directives.noStore && !isUnderstood) return 'no-store'
  if (directives.mustUnderstand && !isUnderstood) return 'no-store'
  if (directives.isPrivate === true) return 'private'
  const mayShare = directives.isPublic || directives.mustRevalidate || directives.sMaxAge !== undefined
  if (valueOf(request, 'authorization') !== null && !mayShare) return 'authorization'
  if (valueOf(headers, 'set-cookie') !== null && !isCookieShared(policy)) return 'set-cookie'
  if (varyNames(headers) === null) return 'vary'
  return hasSomethingToGoBy(headers, policy, heuristicShare) ? null : 'nothing-to-go-by'
}

/**
 * A cookie is for one reader, as a rule: with a lifetime alone, which frameworks add by themselves, nobody has said
 * that it is for all (RFC 9111 section 7.3 leaves it to the cache; nginx and Varnish keep none either).
 */
function isCookieShared({ directives, field }: Policy): boolean {
  const { isPublic, sMaxAge, noCache } = directives
  const isLeftOut = Array.isArray(noCache) && noCache.some((name: string) => name.toLowerCase() === 'set-cookie')
  return isPublic === true || sMaxAge !== undefined || field !== 'cache-control' || isLeftOut
}

/** Without a lifetime and without a validator it could never be used. */
function hasSomethingToGoBy(headers: HeaderList, { directives, field }: Policy, heuristicShare: number): boolean {
  if ((directives.sMaxAge ?? directives.maxAge ?? 0) > 0) return true
  const has = (name: string): boolean => valueOf(headers, name) !== null
  if (field === 'cache-control' && has('expires')) return true
  if (directives.staleIfError || directives.staleWhileRevalidate) return true
  return has('etag') || has('last-modified') || (heuristicShare > 0 && directives.isPublic === true)
}

function mayKeepPart(headers: HeaderList): boolean {
  return readContentRange(valueOf(headers, 'content-range')) !== null
}
