/** How old an answer is and how long it is fresh: RFC 9111 section 4.2. Milliseconds throughout. */
import { secondsMax } from './directives.ts'
import { type HeaderList, linesOf, valueOf } from './header-list.ts'
import { parseHttpDate } from './http-date.ts'
import type { Stored } from './stored.ts'
import type { Policy } from './targeted.ts'

/** Statuses whose answers may be used again without a word on how long: RFC 9110 section 15.1. */
const heuristicStatuses: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
/** However old a file is: after so long it is asked for again. */
const heuristicMsMax = 86_400_000

/**
 * How long an answer is fresh, from its own date on.
 * @param heuristicShare of the time since it was changed, where it says nothing itself; 0 for never
 */
export function lifetimeMs(stored: Stored, { directives, field }: Policy, heuristicShare: number): number {
  const { headers, responseMs } = stored
  const told = directives.sMaxAge ?? directives.maxAge
  if (told !== undefined) return told * 1000
  const dateMs = dateOf(headers, responseMs)
  if (field === 'cache-control') {
    const expires = linesOf(headers, 'expires')
    if (expires.length > 0) {
      // Two of them are no date.
      const expiresMs = expires.length === 1 ? parseHttpDate(expires[0] as string, responseMs) : null
      return expiresMs === null ? 0 : Math.max(0, expiresMs - dateMs)
    }
  }
  if (heuristicShare === 0 || !(heuristicStatuses.has(stored.status) || directives.isPublic)) return 0
  const changed = valueOf(headers, 'last-modified')
  const changedMs = changed === null ? null : parseHttpDate(changed, responseMs)
  return changedMs === null ? 0 : Math.min(heuristicMsMax, Math.max(0, dateMs - changedMs) * heuristicShare)
}

/** RFC 9111 section 4.2.3. */
export function ageMs({ headers, requestMs, responseMs }: Stored, nowMs: number): number {
  const apparentMs = Math.max(0, responseMs - dateOf(headers, responseMs))
  const correctedMs = ageToldMs(headers) + Math.max(0, responseMs - requestMs)
  return Math.max(apparentMs, correctedMs) + Math.max(0, nowMs - responseMs)
}

/** What the caches before us say: the first number; what is none is passed over (RFC 9111 section 5.1). */
function ageToldMs(headers: HeaderList): number {
  const [first = ''] = (valueOf(headers, 'age') ?? '').split(',', 1)
  return /^\s*\d+\s*$/.test(first) ? Math.min(secondsMax, Number(first)) * 1000 : 0
}

function dateOf(headers: HeaderList, responseMs: number): number {
  const date = valueOf(headers, 'date')
  return (date === null ? null : parseHttpDate(date, responseMs)) ?? responseMs
}
