/** Percent-encoding undone. */

/** Null where it is not properly encoded, or what it says is no UTF-8. */
export function percentDecoded(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
