/** Which page is shown: it stands behind the # of the address, so that every page can be linked and gone back to. */
import { signal } from '@preact/signals'

export interface Route {
  readonly page: string
  /** What of the page, as the ray of `#/ray/<ray>`. */
  readonly subject: string
  readonly query: URLSearchParams
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const [page = '', subject = ''] = path.split('/')
  return { page: page || 'overview', subject: safeDecode(subject), query: new URLSearchParams(query) }
}

/** People paste half an address. */
function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const route = signal(read())
addEventListener('hashchange', () => {
  route.value = read()
})

export function rayHref(ray: string): string {
  return `#/ray/${encodeURIComponent(ray)}`
}

/** The live tail with these filters. */
export function liveHref(filters: Readonly<Record<string, string>>): string {
  return `#/live?${new URLSearchParams(filters).toString()}`
}
