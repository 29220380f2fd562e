/** Which addresses an answer to a changing request makes doubtful: RFC 9111 section 4.4. */
import { type HeaderList, valueOf } from './header-list.ts'

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * Addresses whose kept answers are to be dropped; of other origins none.
 * @param url of the request, as it is the key
 */
export function invalidated(method: string, url: string, status: number, headers: HeaderList): string[] {
  if (safeMethods.has(method) || status < 200 || status >= 400) return []
  const base = URL.parse(url)
  const others = ['location', 'content-location'].map((name) => {
    const value = valueOf(headers, name)
    const target = value === null || base === null ? null : URL.parse(value, base)
    return target && base && target.host === base.host ? addressOf(target) : null
  })
  return [...new Set([url, ...others.filter((each) => each !== null)])]
}

function addressOf({ protocol, host, pathname, search }: URL): string {
  return `${protocol}//${host}${pathname}${search}`
}
