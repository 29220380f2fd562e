/** One cookie of a request: RFC 6265 section 5.4, as far as one needs it. Pure. */

/** The pass of who has done the proof of work. It is between browser and gateway: no application gets it. */
export const passCookie = 'holdfast-pass'

/** Fields without the pass; one in which nothing else stood is left out. `fields`: names and values in turn. */
export function withoutPass(fields: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const [name = '', value = ''] = [fields[i], fields[i + 1]]
    if (name.toLowerCase() !== 'cookie' || !value.includes(passCookie)) {
      kept.push(name, value)
      continue
    }
    const left = value.split(';').filter((pair) => pair.split('=', 1)[0]?.trim() !== passCookie)
    if (left.length > 0) kept.push(name, left.join(';').trim())
  }
  return kept
}

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
