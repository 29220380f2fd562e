/** What becomes of a kept answer when the application says that it is still good: RFC 9111 section 3.2. */
import { type HeaderList, hopByHop, valueOf, without } from './header-list.ts'
import type { Stored } from './stored.ts'

/** They describe the body that is kept, or the connection; a new head does not change them. */
const ofTheBody: ReadonlySet<string> = new Set([
  ...['content-encoding', 'content-length', 'content-md5', 'content-range', 'etag', 'digest'],
  ...['content-digest', 'repr-digest'],
])
/** A 304 says these of itself, not of the body. */
const replaced: ReadonlySet<string> = new Set(['age'])

/** The kept answer with the fields of the new head; each field that comes takes the place of all of its name. */
export function freshen(stored: Stored, head: HeaderList, times: Pick<Stored, 'requestMs' | 'responseMs'>): Stored {
  const isEnding = hopByHop(head)
  const news = without(head, { has: (name) => isEnding.has(name) || ofTheBody.has(name) })
  const told = new Set(news.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))
  const kept = without(stored.headers, { has: (name) => told.has(name) || replaced.has(name) })
  const { isDoubted: _, ...rest } = stored
  return { ...rest, headers: [...kept, ...news], ...times }
}

/** A new answer is the same as the kept one, as far as a validator tells. */
export function isSame(stored: Stored, head: HeaderList): boolean {
  const etag = valueOf(head, 'etag')
  if (etag !== null) return etag === valueOf(stored.headers, 'etag')
  const changed = valueOf(head, 'last-modified')
  return changed === null || changed === valueOf(stored.headers, 'last-modified')
}
