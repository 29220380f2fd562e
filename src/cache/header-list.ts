/** Header fields as they came: names and values in turn, in order, in the case of their sender. */

export type HeaderList = readonly string[]

/** Every line of this name (given in lower case), in order. */
export function linesOf(headers: HeaderList, name: string): string[] {
  const found: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const each = headers[i] as string
    if (each.length === name.length && each.toLowerCase() === name) found.push(headers[i + 1] as string)
  }
  return found
}

/** The lines of this name as one; null for none. */
export function valueOf(headers: HeaderList, name: string): string | null {
  const lines = linesOf(headers, name)
  return lines.length === 0 ? null : lines.join(', ')
}

/** Without the fields of these names, given in lower case. */
export function without(headers: HeaderList, names: { has(name: string): boolean }): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string)
  }
  return kept
}

/** Of one connection only, RFC 9110 section 7.6.1; what proxies say to each other about keys is so, too. */
const hopNames: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'trailer'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'],
])
const connectionNamesMax = 64

/** Names of the fields that end with this connection: the known ones and those that `connection` lists. */
export function hopByHop(headers: HeaderList): ReadonlySet<string> {
  const listed = valueOf(headers, 'connection')
  if (listed === null) return hopNames
  const names = new Set(hopNames)
  for (const each of listed.split(',', connectionNamesMax)) names.add(each.trim().toLowerCase())
  return names
}
