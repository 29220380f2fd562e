/**
 * Finds Debian archives among the package sources of this machine, so that the engine comes from the same mirror as
 * everything else here. Reads both formats of sources.list(5): one line an entry (`.list`), and stanzas (`.sources`).
 * Pure: texts in, archives out.
 */

export interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly components: readonly string[]
  /** The keyring or fingerprint that this entry insists on; empty when it trusts the common ones. */
  readonly signedBy: string
}

/** Names under which the releases of Debian go, as far as they can be met today. */
const debianSuite = /^(stable|testing|unstable|sid|oldstable|buster|bullseye|bookworm|trixie|forky|duke)$/

/** Entries for binary packages in a `.list` file. Comments, disabled lines and source packages are left out. */
export function parseListFile(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line)
    if (!match) return []
    const [, settings = '', uri = '', suite = '', components = ''] = match
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(settings)?.[1] ?? ''
    return [{ uri, suite, components: splitWords(components), signedBy }]
  })
}

/** Entries for binary packages in a `.sources` file: stanzas of `Field: value`, going on in indented lines. */
export function parseSourcesFile(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = parseStanza(stanza)
    const isOn = !/^(no|false|off|0)$/i.test(fields.get('enabled') ?? 'yes')
    if (!isOn || !splitWords(fields.get('types') ?? '').includes('deb')) return []
    const components = splitWords(fields.get('components') ?? '')
    const signedBy = fields.get('signed-by') ?? ''
    return splitWords(fields.get('uris') ?? '').flatMap((uri) =>
      splitWords(fields.get('suites') ?? '').map((suite) => ({ uri, suite, components, signedBy })),
    )
  })
}

/**
 * The URIs that look like Debian's main archive, the likeliest first, each once. Third parties often use Debian's suite
 * and component names too, so an address that ends in `/debian`, or an entry signed by Debian's own keys, goes first,
 * and an entry with somebody else's key does not count at all.
 */
export function debianMirrors(sources: readonly AptSource[]): string[] {
  const points = (source: AptSource): number => {
    if (!debianSuite.test(source.suite) || !source.components.includes('main')) return 0
    const hasDebianName = /\/debian\/?$|\bdebian\.list$/.test(source.uri)
    const hasDebianKey = /debian-archive/.test(source.signedBy)
    if (source.signedBy !== '' && !hasDebianKey) return 0
    return 1 + (hasDebianName ? 2 : 0) + (hasDebianKey ? 1 : 0)
  }
  const likely = sources.filter((source) => points(source) > 0).sort((a, b) => points(b) - points(a))
  return [...new Set(likely.map((source) => source.uri))]
}

function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>()
  let name = ''
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue
    const match = /^([A-Za-z][A-Za-z-]*):(.*)$/.exec(line)
    if (match) {
      name = (match[1] ?? '').toLowerCase()
      fields.set(name, (match[2] ?? '').trim())
    } else if (name !== '') {
      fields.set(name, `${fields.get(name) ?? ''} ${line.trim()}`)
    }
  }
  return fields
}

function splitWords(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
