/** Lists in header fields, RFC 9110 section 5.6.1, read in one pass: whatever comes, time grows with length only. */

/**
 * The items of a list over one or more lines, without blanks at their ends and without empty ones. Commas in quoted
 * strings do not part. @param itemsMax further items are left out
 */
export function splitList(lines: readonly string[], itemsMax: number): string[] {
  const items: string[] = []
  for (const line of lines) {
    let from = 0
    let isQuoted = false
    for (let at = 0; at <= line.length && items.length < itemsMax; at++) {
      const char = line[at]
      if (isQuoted && char === '\\') at++
      else if (char === '"') isQuoted = !isQuoted
      else if (char === undefined || (char === ',' && !isQuoted)) {
        const item = line.slice(from, at).trim()
        if (item !== '') items.push(item)
        from = at + 1
      }
    }
    // A quotation that does not end: what is left is one item.
    if (isQuoted && from < line.length && items.length < itemsMax) items.push(line.slice(from).trim())
  }
  return items
}

/** The text within a quoted string; anything else as it is. */
export function unquote(text: string): string {
  return /^"(?:[^"\\]|\\.)*"$/.test(text) ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text
}
