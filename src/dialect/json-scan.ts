/**
 * The JSON grammar (RFC 8259) as one linear walk over bytes: says whether they are JSON, and where the top-level fields
 * lie. Builds no values and copies nothing, so a body of many megabytes costs its length once. Below json-body.ts.
 */
import { Fault } from '../fault/fault.ts'

/** Where one top-level field lies; offsets into the scanned bytes, ends are exclusive. */
export interface FieldSpan {
  /** The key's opening quote. */
  readonly start: number
  /** Just behind the key's closing quote. */
  readonly nameEnd: number
  readonly valueStart: number
  readonly valueEnd: number
}

export interface ScanLimits {
  /** Objects and arrays inside each other, the outermost counted. */
  readonly depthMax: number
  /** Fields of the outermost object. */
  readonly fieldsMax: number
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const minus = 0x2d
const zero = 0x30
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const simpleEscapes: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))

/**
 * Finds the top-level fields of the JSON object that `bytes` hold, in order, repeated ones included.
 * The bytes must be valid UTF-8 (not checked here).
 * @throws {Fault} HF_BAD_JSON with line, column and what was expected there.
 */
export function scanObject(bytes: Buffer, limits: ScanLimits): FieldSpan[] {
  const start = skipBlank(bytes, 0)
  if (bytes[start] !== openBrace) throw badJson(bytes, start, 'expected an object')
  const fields: FieldSpan[] = []
  const end = skipBlank(
    bytes,
    skipObject(bytes, start + 1, limits.depthMax - 1, { fields, fieldsMax: limits.fieldsMax }),
  )
  if (end !== bytes.length) throw badJson(bytes, end, 'expected nothing more after the object')
  return fields
}

/** A fault that names a place in the body; never quotes the body itself, which may be private. */
export function badJson(bytes: Buffer, at: number, problem: string): Fault {
  const lineStart = at === 0 ? 0 : bytes.lastIndexOf(0x0a, at - 1) + 1
  let line = 1
  for (let i = bytes.indexOf(0x0a); i !== -1 && i < lineStart; i = bytes.indexOf(0x0a, i + 1)) line++
  const place = `line ${line}, column ${at - lineStart + 1}, byte ${at}`
  return new Fault('HF_BAD_JSON', {
    detail: at >= bytes.length ? `${place} (the end): ${problem}` : `${place}: ${problem}`,
  })
}

interface Collector {
  readonly fields: FieldSpan[]
  readonly fieldsMax: number
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from
  while (isBlank(bytes[at])) at++
  return at
}

/** `from` is the value's first byte; returns the place just behind the value, as all `skip…` do. */
function skipValue(bytes: Buffer, from: number, depthLeft: number): number {
  const byte = bytes[from]
  if (byte === quote) return skipString(bytes, from + 1)
  if (byte === openBrace || byte === openBracket) {
    if (depthLeft === 0)
      throw badJson(bytes, from, 'expected less nesting: objects and arrays are too deep inside each other')
    if (byte === openBrace) return skipObject(bytes, from + 1, depthLeft - 1, null)
    return skipArray(bytes, from + 1, depthLeft - 1)
  }
  if (byte === minus || isDigit(byte)) return skipNumber(bytes, from)
  if (byte === 0x74) return skipLiteral(bytes, from, 'true')
  if (byte === 0x66) return skipLiteral(bytes, from, 'false')
  if (byte === 0x6e) return skipLiteral(bytes, from, 'null')
  throw badJson(bytes, from, 'expected a value')
}

function skipObject(bytes: Buffer, from: number, depthLeft: number, collector: Collector | null): number {
  let at = skipBlank(bytes, from)
  if (bytes[at] === closeBrace) return at + 1
  for (;;) {
    const start = at
    if (bytes[at] !== quote) throw badJson(bytes, at, 'expected a field name in double quotes')
    const nameEnd = skipString(bytes, at + 1)
    at = skipBlank(bytes, nameEnd)
    if (bytes[at] !== colon) throw badJson(bytes, at, 'expected a colon')
    const valueStart = skipBlank(bytes, at + 1)
    const valueEnd = skipValue(bytes, valueStart, depthLeft)
    if (collector) {
      if (collector.fields.length === collector.fieldsMax)
        throw badJson(bytes, start, `expected at most ${collector.fieldsMax} fields`)
      collector.fields.push({ start, nameEnd, valueStart, valueEnd })
    }
    at = skipBlank(bytes, valueEnd)
    if (bytes[at] === closeBrace) return at + 1
    if (bytes[at] !== comma) throw badJson(bytes, at, 'expected a comma or }')
    at = skipBlank(bytes, at + 1)
  }
}

function skipArray(bytes: Buffer, from: number, depthLeft: number): number {
  let at = skipBlank(bytes, from)
  if (bytes[at] === closeBracket) return at + 1
  for (;;) {
    at = skipBlank(bytes, skipValue(bytes, at, depthLeft))
    if (bytes[at] === closeBracket) return at + 1
    if (bytes[at] !== comma) throw badJson(bytes, at, 'expected a comma or ]')
    at = skipBlank(bytes, at + 1)
  }
}

/** The one loop that sees every byte of an inlined image: three comparisons each. */
function skipString(bytes: Buffer, from: number): number {
  const end = bytes.length
  let at = from
  for (;;) {
    let byte = 0
    while (at < end && (byte = bytes[at] as number) >= 0x20 && byte !== quote && byte !== backslash) at++
    if (at >= end) throw badJson(bytes, end, 'expected the closing quote of a string')
    if (byte === quote) return at + 1
    if (byte !== backslash) throw badJson(bytes, at, 'expected control characters inside a string to be escaped')
    at = skipEscape(bytes, at + 1)
  }
}

function skipEscape(bytes: Buffer, from: number): number {
  const byte = bytes[from]
  if (byte !== undefined && simpleEscapes.has(byte)) return from + 1
  if (byte !== 0x75) throw badJson(bytes, from, 'expected one of " \\ / b f n r t u after a backslash')
  for (let at = from + 1; at < from + 5; at++) {
    if (!isHexDigit(bytes[at])) throw badJson(bytes, at, 'expected four hexadecimal digits after \\u')
  }
  return from + 5
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= 0x39
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false
  const lower = byte | 0x20
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66)
}

function skipNumber(bytes: Buffer, from: number): number {
  let at = bytes[from] === minus ? from + 1 : from
  at = bytes[at] === zero ? at + 1 : skipDigits(bytes, at)
  if (isDigit(bytes[at])) throw badJson(bytes, at, 'expected no digit after a leading zero')
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1)
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const isSigned = bytes[at + 1] === minus || bytes[at + 1] === 0x2b
    at = skipDigits(bytes, isSigned ? at + 2 : at + 1)
  }
  return at
}

function skipDigits(bytes: Buffer, from: number): number {
  let at = from
  while (isDigit(bytes[at])) at++
  if (at === from) throw badJson(bytes, at, 'expected a digit')
  return at
}

function skipLiteral(bytes: Buffer, from: number, literal: string): number {
  for (let i = 1; i < literal.length; i++) {
    if (bytes[from + i] !== literal.charCodeAt(i)) throw badJson(bytes, from, 'expected a value')
  }
  return from + literal.length
}
