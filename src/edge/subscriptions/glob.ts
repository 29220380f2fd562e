/** Patterns over the names of streams: `*` is one part between slashes, `**` any number of them, also none. */

export function matchesGlob(pattern: string, name: string): boolean {
  return matches(pattern.split('/'), name.split('/'))
}

/** By columns of a table, not by trying: patterns with many `**` cost no more than others. */
function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  // reach[i]: whether the pattern so far can have eaten the first i parts.
  let reach = parts.map(() => false)
  reach.unshift(true)
  for (const part of pattern) {
    let isOpen = false
    reach = reach.map((isReached, i) => {
      isOpen ||= isReached
      if (part === '**') return isOpen
      return i > 0 && reach[i - 1] === true && (part === '*' || part === parts[i - 1])
    })
  }
  return reach.at(-1) === true
}
