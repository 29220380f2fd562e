/** Makes HTTP/1.1 answers as bytes, valid ones with the body that is in them, and ones that have been damaged. */
import * as fc from 'fast-check'

export interface RawAnswer {
  /** Latin-1: one character a byte. */
  readonly text: string
  /** What a reader has to find. */
  readonly body: string
  /** Only the server's closing ends it. */
  readonly isEndless: boolean
}

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
const value = fc.stringMatching(/^([!-~\x80-\xff]([\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?)?$/)
/** Headers that say how the rest is to be read. */
const framingNames = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'trailer',
  'upgrade',
  '__proto__',
])
const header = fc.tuple(
  token.filter((name) => !framingNames.has(name.toLowerCase())),
  value,
)
const piece = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString('latin1'))

function lines(headers: readonly (readonly [string, string])[]): string {
  return headers.map(([name, text]) => `${name}:${text}\r\n`).join('')
}

export const rawAnswer: fc.Arbitrary<RawAnswer> = fc
  .record({
    head: fc.array(header, { maxLength: 8 }),
    pieces: fc.array(piece, { maxLength: 6 }),
    framing: fc.constantFrom('length', 'chunks', 'end'),
    interimCount: fc.nat(3),
    extension: fc.constantFrom('', ';a', ';b="c d"'),
    trailer: fc.array(header, { maxLength: 2 }),
  })
  .map(({ head, pieces, framing, interimCount, extension, trailer }) => {
    const body = pieces.join('')
    const interims = 'HTTP/1.1 102 Processing\r\nx: y\r\n\r\n'.repeat(interimCount)
    const start = `${interims}HTTP/1.1 200 OK\r\n${lines(head)}`
    if (framing === 'end') return { body, isEndless: true, text: `${start}\r\n${body}` }
    if (framing === 'length') {
      return { body, isEndless: false, text: `${start}content-length: ${body.length}\r\n\r\n${body}` }
    }
    const chunk = (data: string) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`
    const chunks = pieces.filter((data) => data !== '').map(chunk)
    const end = `0${extension}\r\n${lines(trailer)}\r\n`
    return { body, isEndless: false, text: `${start}transfer-encoding: chunked\r\n\r\n${chunks.join('')}${end}` }
  })

/** One change to the text, at a place between 0 and 1 of its length or of its list of lines. */
type Damage = (text: string, place: number) => string

function changeBytes(from: number, to: number, insert: string): Damage {
  return (text, place) => {
    const at = Math.floor(place * text.length)
    return text.slice(0, at + from) + insert + text.slice(at + to)
  }
}

function changeLines(change: (line: string) => string): Damage {
  return (text, place) => {
    const list = text.split(/(?<=\n)/)
    const at = Math.floor(place * Math.min(list.length, 12)) // the head, mostly
    return list.map((line, index) => (index === at ? change(line) : line)).join('')
  }
}

const byte = fc.constantFrom(...'\0\t\n\r :;,0159afAFx-+\x7f\xff').map(String)
const line = fc.constantFrom(
  'content-length: 3',
  'Content-Length: 0',
  'content-length: 1e3',
  'transfer-encoding: chunked',
  'Transfer-Encoding: gzip',
  'transfer-encoding: identity, chunked',
  'transfer-encoding : chunked',
  ' folded',
  '\tchunked',
  'x\0: y',
  'connection: close',
  'trailer: x',
  'HTTP/1.1 200 OK',
  '0',
  '',
)
const damage: fc.Arbitrary<Damage> = fc.oneof(
  byte.map((text) => changeBytes(0, 1, text)),
  byte.map((text) => changeBytes(0, 0, text)),
  fc.constant(changeBytes(0, 1, '')),
  line.map((text) => changeLines((old) => `${text}\r\n${old}`)),
  line.map((text) => changeLines((old) => `${text}\n${old}`)),
  fc.constantFrom<Damage>(
    changeLines((old) => old + old),
    changeLines((old) => old.replace('\r\n', '\n')),
    changeLines((old) => old.replace('\r\n', '\r')),
    changeLines((old) => old.toUpperCase()),
    changeLines((old) => old.replace(': ', ' : ')),
    changeLines(() => ''),
    (text, place) => text.slice(0, Math.floor(place * text.length)),
    (text) => text.replace('HTTP/1.1', 'HTTP/1.0'),
    (text) => `${text}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
    (text) => text.replace('200 OK', '204 No Content'),
  ),
)

/** Evenly spread: damage to the first byte is soon understood. */
const place = fc.noBias(fc.nat(2 ** 20 - 1)).map((part) => part / 2 ** 20)

/** An answer that has suffered one or two changes; it may still be valid. */
export const damagedAnswer: fc.Arbitrary<string> = fc
  .tuple(rawAnswer, fc.array(fc.tuple(damage, place), { minLength: 1, maxLength: 2 }))
  .map(([{ text }, changes]) => changes.reduce((whole, [change, place]) => change(whole, place), text))

/** Cuts the bytes at the places, each taken modulo their length. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((to, index) => bytes.subarray(at[index], to))
}
