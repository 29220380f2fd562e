/** One cookie of a request: RFC 6265 section 5.4, as far as one needs it. Pure. */

/** Null where there is none of this name; of several the first. */
export function readCookie(header: string | undefined, name: string): string | null {
  if (header === undefined) return null
  for (const pair of header.split(';', cookiesMax)) {
    const at = pair.indexOf('=')
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return null
}

/** Those behind are not looked at. */
const cookiesMax = 100
