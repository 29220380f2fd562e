/** Which of the languages that there are a browser asks for (`Accept-Language`, RFC 9110, 12.5.4; basic filtering). */

const rangesMax = 20

/** The first where none of them is wanted, or nothing is said. */
export function pickLanguage(asked: string | undefined, offered: readonly string[]): string {
  const first = offered[0] ?? ''
  if (!asked || offered.length < 2) return first
  const ranges = asked
    .slice(0, 500)
    .split(',', rangesMax)
    .map((part) => {
      const [range = '', ...rest] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const quality = Number(rest.find((each) => each.startsWith('q='))?.slice(2) ?? 1)
      return { range, quality: quality >= 0 && quality <= 1 ? quality : 0 }
    })
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
  for (const { range } of ranges) {
    if (range === '*') return first
    const found = offered.find((tag) => range === tag || range.startsWith(`${tag}-`))
    if (found !== undefined) return found
  }
  return first
}
