/** Ranges of bytes, RFC 9110 section 14. */

/** Both ends inclusive. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** Nobody who means well asks for more pieces at once; one who does gets the whole. */
const rangesMax = 16
const headerLengthMax = 1024

/**
 * What `range` asks for of so many bytes. Null: nothing that is to be heeded, send the whole. `none`: nothing that there
 * is (416).
 */
export function readRanges(header: string | null, wholeBytes: number): ByteRange[] | 'none' | null {
  if (header === null || header.length > headerLengthMax) return null
  const [, list] = /^bytes=(.*)$/i.exec(header.trim()) ?? []
  if (list === undefined) return null
  const specs = list.split(',')
  if (specs.length > rangesMax) return null
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const [, first, last] = /^\s*(\d{0,15})-(\d{0,15})\s*$/.exec(spec) ?? []
    if (first === undefined || last === undefined || (first === '' && last === '')) return null
    if (first !== '' && last !== '' && Number(last) < Number(first)) return null
    const from = first === '' ? Math.max(0, wholeBytes - Number(last)) : Number(first)
    const to = first === '' || last === '' ? wholeBytes - 1 : Math.min(wholeBytes - 1, Number(last))
    if (from <= to && !(first === '' && Number(last) === 0)) ranges.push({ from, to })
  }
  if (ranges.length === 0) return 'none'
  // Pieces that overlap, or are together more than the whole, are no way to save anything.
  const sum = ranges.reduce((total, { from, to }) => total + to - from + 1, 0)
  return ranges.length > 1 && sum > wholeBytes ? null : ranges
}

/** `bytes 0-4/10`; null where it is not that, or the whole is unknown. */
export function readContentRange(value: string | null): (ByteRange & { readonly whole: number }) | null {
  const [, from, to, whole] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(value?.trim() ?? '') ?? []
  if (whole === undefined) return null
  const range = { from: Number(from), to: Number(to), whole: Number(whole) }
  return range.from <= range.to && range.to < range.whole ? range : null
}

export function contentRange({ from, to }: ByteRange, wholeBytes: number): string {
  return `bytes ${from}-${to}/${wholeBytes}`
}
