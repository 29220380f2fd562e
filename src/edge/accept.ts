/** Which of several forms of an answer its reader wants: RFC 9110 section 12.5.1, as far as one needs it. */

/** Longer lists are cut: nobody means them. */
const rangesMax = 50

interface Range {
  readonly type: string
  readonly q: number
}

/**
 * The offered media type that the reader likes best; of those liked alike, the one that the reader named first. The
 * first of `offered` where all is alike, and where nothing is wanted that there is: an answer in a form that was not
 * asked for is better than none.
 */
export function preferred(accept: string, offered: readonly string[]): string {
  const [usual = ''] = offered
  let best: { type: string; q: number } | null = null
  for (const range of readRanges(accept)) {
    if (range.q === 0 || (best && range.q <= best.q)) continue
    const type = offered.find((each) => isIn(each, range.type))
    if (type !== undefined) best = { type, q: range.q }
  }
  return best?.type ?? usual
}

function readRanges(accept: string): Range[] {
  return accept
    .split(',', rangesMax)
    .map((text) => {
      const [type = '', ...parameters] = text.split(';')
      const q = parameters.map((each) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(each)?.[1]).find((each) => each !== undefined)
      return { type: type.trim().toLowerCase(), q: q === undefined ? 1 : Math.min(1, Number(q) || 0) }
    })
    .filter(({ type }) => type.includes('/'))
}

function isIn(type: string, range: string): boolean {
  if (range === '*/*') return true
  return range.endsWith('/*') ? type.startsWith(range.slice(0, -1)) : type === range
}
