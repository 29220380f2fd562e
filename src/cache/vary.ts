/** Which of the answers of one address is for a request: RFC 9111 section 4.1. */
import { splitList } from './field-list.ts'
import { type HeaderList, valueOf } from './header-list.ts'
import type { Stored } from './stored.ts'

const namesMax = 32
/** Of each request its own, and told to the application by us: who varies by these varies by everything. */
const unlike: ReadonlySet<string> = new Set(['*', 'x-forwarded-for', 'forwarded', 'x-real-ip', 'x-request-id', 'via'])

/** Names that the answer varies by, in lower case; null for `*` and its like, or for more than anyone means. */
export function varyNames(headers: HeaderList): string[] | null {
  const value = valueOf(headers, 'vary')
  if (value === null) return []
  const names = splitList([value], namesMax + 1).map((name) => name.toLowerCase())
  return names.some((name) => unlike.has(name)) || names.length > namesMax ? null : [...new Set(names)].toSorted()
}

/** What a request says in these fields. */
export function varyValues(names: readonly string[], request: HeaderList): Stored['vary'] {
  return names.map((name) => [name, told(request, name)])
}

export function matchesVary({ vary, headers }: Pick<Stored, 'vary' | 'headers'>, request: HeaderList): boolean {
  return vary.every(
    ([name, value]) => told(request, name) === value || (name === 'accept-language' && isFirstChoice(headers, request)),
  )
}

/** Blanks around commas are no difference; nor are case and order in fields where they mean nothing. */
function told(request: HeaderList, name: string): string | null {
  const value = valueOf(request, name)
  if (value === null) return null
  const items = splitList([value], itemsMax)
  return negotiated.has(name)
    ? items
        .map((item) => item.toLowerCase())
        .toSorted()
        .join(',')
    : items.join(',')
}

const negotiated: ReadonlySet<string> = new Set(['accept-encoding', 'accept-language', 'accept-charset'])
const itemsMax = 128

/** Whatever else there may be: what is kept is in the one language that the request likes best. */
function isFirstChoice(headers: HeaderList, request: HeaderList): boolean {
  const language = valueOf(headers, 'content-language')?.trim().toLowerCase()
  if (!language) return false
  const liked = splitList([valueOf(request, 'accept-language') ?? ''], itemsMax).map((item) => {
    const [tag = '', ...parameters] = item.split(';')
    const q = parameters.map((each) => /^\s*q=([\d.]{1,5})\s*$/i.exec(each)?.[1]).find((each) => each !== undefined)
    return { tag: tag.trim().toLowerCase(), q: q === undefined ? 1 : Number(q) }
  })
  const best = Math.max(0, ...liked.map(({ q }) => q))
  const firsts = liked.filter(({ q }) => q === best)
  return best > 0 && firsts.length === 1 && firsts[0]?.tag === language
}
