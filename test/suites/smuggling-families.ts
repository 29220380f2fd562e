/**
 * Ways to write `transfer-encoding: chunked` so that some readers see it and others do not, by family: one odd byte at
 * one place, the same byte at two places, and words that look like it. Whoever is careless takes the body by its length
 * here and by its chunks there.
 */

/** `few`: the bytes that have fooled somebody; `all`: each of 256. */
export type FamilySize = 'few' | 'all'

export interface OddLine {
  readonly family: string
  readonly name: string
  /** May hold several lines. */
  readonly line: string
}

/** Ends of strings, blanks of all kinds, ends of lines, and the borders of what is visible. */
const fewBytes = [0, 1, 4, 8, 9, 10, 11, 12, 13, 0x1f, 0x20, 0x7f, 0x85, 0xa0, 0xff]

const onePlace: Readonly<Record<string, (byte: string) => string>> = {
  'before the name': (byte) => `${byte}transfer-encoding: chunked`,
  'in the name': (byte) => `transfer${byte}encoding: chunked`,
  'after the name': (byte) => `transfer-encoding${byte}: chunked`,
  'for the colon': (byte) => `transfer-encoding${byte}chunked`,
  'after the colon': (byte) => `transfer-encoding:${byte}chunked`,
  'in the value': (byte) => `transfer-encoding: chu${byte}nked`,
  'after the value': (byte) => `transfer-encoding: chunked${byte}`,
  'after another header': (byte) => `x: y${byte}transfer-encoding: chunked`,
  'after another header and CR': (byte) => `x: y\r${byte}transfer-encoding: chunked`,
  'before LF': (byte) => `x: y${byte}\ntransfer-encoding: chunked`,
  'between value and another header': (byte) => `transfer-encoding: chunked${byte}x: y`,
  'between value, CR and another header': (byte) => `transfer-encoding: chunked\r${byte}x: y`,
  'between value and LF': (byte) => `transfer-encoding: chunked${byte}\nx: y`,
}

const twoPlaces: Readonly<Record<string, (byte: string) => string>> = {
  'before and after the name': (byte) => `${byte}transfer-encoding${byte}: chunked`,
  'before the name and after the colon': (byte) => `${byte}transfer-encoding:${byte}chunked`,
  'before the name and after the value': (byte) => `${byte}transfer-encoding: chunked${byte}`,
  'on both sides of the colon': (byte) => `transfer-encoding${byte}:${byte}chunked`,
  'after the name and after the value': (byte) => `transfer-encoding${byte}: chunked${byte}`,
  'on both sides of the value': (byte) => `transfer-encoding:${byte}chunked${byte}`,
}

const lookAlikes: readonly string[] = [
  'transfer_encoding: chunked',
  'transfer encoding:chunked',
  'transferencoding: chunked',
  'transfer--encoding: chunked',
  'content-encoding: chunked',
  'x-transfer-encoding: chunked',
  'te: chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'tRaNsFeR-eNcOdInG: cHuNkEd',
  'transfer-encoding:   chunked',
  'transfer-encoding: chunked, other',
  'transfer-encoding: other, chunked',
  'transfer-encoding: other chunked more',
  'transfer-encoding: chunk',
  'transfer-encoding: chunkedd',
  'transfer-encoding: "chunked"',
  "transfer-encoding: 'chunked'",
  'transfer-encoding: (x) chunked',
  'transfer-encoding: chunked (x)',
  'transfer-encoding: chunked;',
  'transfer-encoding:\n chunked',
  'transfer-encoding:\r\n chunked',
  'transfer-encoding: other\r\ntransfer-encoding: chunked',
  'transfer-encoding: chunked\r\ntransfer-encoding: other',
  'transfer-encoding:\r\ntransfer-encoding: chunked',
  'transfer\r-encoding: chunked',
  'transf\x82r-encoding: chunked',
  'transfer-encoding: ch\x96nked',
  'transfer-encoding: \xc4\x8ehunked',
  'x:x\rtransfer-encoding: chunked',
  'x:x\ntransfer-encoding: chunked',
]

export function oddLines(size: FamilySize): OddLine[] {
  const bytes = size === 'few' ? fewBytes : Array.from({ length: 256 }, (_, code) => code)
  const places = { ...onePlace, ...twoPlaces }
  return [
    ...lookAlikes.map((line) => ({ family: 'what looks like the coding', name: JSON.stringify(line), line })),
    ...Object.entries(places).flatMap(([place, lineOf]) =>
      bytes.map((code) => ({
        family: `a byte ${place}`,
        name: `0x${code.toString(16).padStart(2, '0')}`,
        line: lineOf(String.fromCharCode(code)),
      })),
    ),
  ]
}
