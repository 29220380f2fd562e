/**
 * The caller's bytes with an index of their top level: what the relay reads of a body, and how it changes a field
 * without copying or re-spelling the rest. Unknown fields, number spellings and base64 images pass byte for byte.
 */
import { isUtf8 } from 'node:buffer'
import { Fault } from '../fault/fault.ts'
import { badJson, scanObject, type FieldSpan, type ScanLimits } from './json-scan.ts'

export interface BodyLimits extends Partial<ScanLimits> {
  /** Fields that may stand only once: of two, one reader on the way takes the first, and another the last. */
  readonly uniqueFields?: readonly string[]
}

const depthMaxDefault = 128
const fieldsMaxDefault = 1024
/** What we route by. */
const uniqueFieldsDefault = ['model', 'stream']

const backslash = 0x5c
const openBrace = 0x7b

/** JSON's kinds of value, told by the first byte. */
export type ValueKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

/** One JSON object as bytes. Immutable; the bytes must not change while it lives. */
export class JsonBody {
  readonly bytes: Buffer
  #fields: readonly FieldSpan[]

  private constructor(bytes: Buffer, fields: readonly FieldSpan[]) {
    this.bytes = bytes
    this.#fields = fields
  }

  /**
   * Checks the whole grammar and UTF-8, and finds the top-level fields. A repeated field counts by its last place, as
   * in JSON.parse, but the ones in `uniqueFields` (default: model, stream) are refused. A byte order mark is refused:
   * JSON forbids sending one, and not every model server behind us would bear it.
   * Defaults: depthMax 128, fieldsMax 1024.
   * @throws {Fault} HF_BAD_JSON, its detail naming line, column, byte and what was expected.
   */
  static parse(bytes: Buffer, limits: BodyLimits = {}): JsonBody {
    if (!isUtf8(bytes)) throw badJson(bytes, firstInvalid(bytes), 'expected valid UTF-8')
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
      throw badJson(bytes, 0, 'expected an object, without a byte order mark before it')
    const { depthMax = depthMaxDefault, fieldsMax = fieldsMaxDefault, uniqueFields = uniqueFieldsDefault } = limits
    const body = new JsonBody(bytes, scanObject(bytes, { depthMax, fieldsMax }))
    for (let i = 0; i < uniqueFields.length; i++) body.#refuseRepeated(uniqueFields[i] as string)
    return body
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /** The kind of the field's value; undefined when the field is absent. */
  kind(name: string): ValueKind | undefined {
    const field = this.#find(name)
    return field && kindOf(this.bytes[field.valueStart])
  }

  /** Undefined when absent or null. @throws {Fault} HF_BAD_CALL with `param` when it is something else. */
  string(name: string): string | undefined {
    return this.#typed(name, 'string') as string | undefined
  }

  /** Undefined when absent or null. @throws {Fault} HF_BAD_CALL with `param` when it is something else. */
  boolean(name: string): boolean | undefined {
    return this.#typed(name, 'boolean') as boolean | undefined
  }

  /** Undefined when absent or null. @throws {Fault} HF_BAD_CALL with `param` when it is something else. */
  number(name: string): number | undefined {
    return this.#typed(name, 'number') as number | undefined
  }

  /** The bytes of the value as they were spelled; undefined when absent. */
  raw(name: string): Buffer | undefined {
    const field = this.#find(name)
    return field && this.bytes.subarray(field.valueStart, field.valueEnd)
  }

  /** The value, parsed anew at each call; undefined when absent. */
  value(name: string): unknown {
    const field = this.#find(name)
    return field && JSON.parse(this.bytes.toString('utf8', field.valueStart, field.valueEnd))
  }

  /** Everything, parsed anew at each call; for translations that look at all of it. */
  whole(): Record<string, unknown> {
    return JSON.parse(this.bytes.toString('utf8')) as Record<string, unknown>
  }

  /**
   * The body with some top-level values replaced or appended; undefined removes the field. The values are JSON texts.
   * What stays is not copied: the slices share this body's bytes.
   */
  with(changes: Readonly<Record<string, string | undefined>>): Buffer[] {
    const fields = this.#fields
    const pieces: Buffer[] = []
    const missing = new Map(Object.entries(changes).filter(([, text]) => text !== undefined))
    let at = 0
    let keptCount = 0
    for (const [i, field] of fields.entries()) {
      const name = Object.keys(changes).find((changed) => this.#isNamed(field, changed))
      const text = name !== undefined && this.#find(name) === field ? changes[name] : undefined
      if (text !== undefined) {
        pieces.push(this.bytes.subarray(at, field.valueStart), Buffer.from(text))
        at = field.valueEnd
      } else if (name !== undefined) {
        // The comma goes with it: the one before when something stays before, else the one after.
        const from = keptCount > 0 ? (fields[i - 1]?.valueEnd ?? field.start) : field.start
        pieces.push(this.bytes.subarray(at, Math.max(at, from)))
        at = keptCount > 0 ? field.valueEnd : (fields[i + 1]?.start ?? field.valueEnd)
      }
      if (name === undefined || text !== undefined) keptCount++
      if (name !== undefined) missing.delete(name)
    }
    if (missing.size > 0) {
      const end = fields.at(-1)?.valueEnd ?? this.bytes.indexOf(openBrace) + 1
      const added = [...missing].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')
      pieces.push(this.bytes.subarray(at, end), bytesOfAdded(keptCount > 0 ? `,${added}` : added))
      at = end
    }
    pieces.push(this.bytes.subarray(at))
    return pieces.filter((piece) => piece.length > 0)
  }

  #find(name: string): FieldSpan | undefined {
    const fields = this.#fields
    for (let i = fields.length - 1; i >= 0; i--) {
      const field = fields[i] as FieldSpan
      if (this.#isNamed(field, name)) return field
    }
    return undefined
  }

  #isNamed(field: FieldSpan, name: string): boolean {
    const { bytes } = this
    const from = field.start + 1
    const length = field.nameEnd - 1 - from
    if (length === name.length) {
      let i = 0
      while (i < length && bytes[from + i] === name.charCodeAt(i)) i++
      if (i === length) return true
    }
    // Same text in another spelling: escapes, or letters beyond ASCII. Rare, so decoded only where it may be.
    if (length <= name.length && isAscii(name)) return false
    for (let i = 0; i < length; i++) {
      const byte = bytes[from + i] as number
      if (byte === backslash || byte > 0x7f)
        return JSON.parse(bytes.toString('utf8', field.start, field.nameEnd)) === name
    }
    return false
  }

  #refuseRepeated(name: string): void {
    let isFound = false
    for (const field of this.#fields) {
      if (!this.#isNamed(field, name)) continue
      if (isFound) throw badJson(this.bytes, field.start, `expected the field "${name}" only once`)
      isFound = true
    }
  }

  #typed(name: string, kind: ValueKind): unknown {
    const field = this.#find(name)
    if (!field) return undefined
    const { valueStart, valueEnd } = field
    const found = kindOf(this.bytes[valueStart])
    if (found === 'null') return undefined
    if (found !== kind)
      throw new Fault('HF_BAD_CALL', { param: name, detail: `${name} must be a ${kind}, not ${withArticle(found)}` })
    const text = this.bytes.toString('utf8', valueStart, valueEnd)
    // The usual string has no escapes, and is what stands between its quotes.
    return kind === 'string' && !text.includes('\\') ? text.slice(1, -1) : JSON.parse(text)
  }
}

/** The kind of the JSON value that begins with this byte. */
function kindOf(byte: number | undefined): ValueKind {
  if (byte === 0x22) return 'string'
  if (byte === openBrace) return 'object'
  if (byte === 0x5b) return 'array'
  if (byte === 0x74 || byte === 0x66) return 'boolean'
  return byte === 0x6e ? 'null' : 'number'
}

function withArticle(kind: ValueKind): string {
  if (kind === 'null') return kind
  return kind === 'object' || kind === 'array' ? `an ${kind}` : `a ${kind}`
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** The place of the first character that is not UTF-8, by halving what is left: each byte is looked at about twice. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0
  let invalid = bytes.length
  while (invalid - valid > 8) {
    let middle = valid + ((invalid - valid) >> 1)
    while (middle > valid + 1 && ((bytes[middle] ?? 0) & 0xc0) === 0x80) middle-- // not through a character
    if (isUtf8(bytes.subarray(valid, middle))) valid = middle
    else invalid = middle
  }
  for (;;) {
    const length = [1, 2, 3, 4].find((count) => isUtf8(bytes.subarray(valid, valid + count)))
    if (length === undefined || valid >= bytes.length) return valid
    valid += length
  }
}

/** Short texts that were added to bodies before; there are few. */
const addedBefore = new Map<string, Buffer>()
const addedBeforeMax = 32
const addedLengthMax = 96

/** Bytes of their own for each body would hold on to the whole pool they are cut from, as long as its call lives. */
function bytesOfAdded(text: string): Buffer {
  if (text.length > addedLengthMax) return Buffer.from(text)
  const known = addedBefore.get(text)
  if (known) return known
  const bytes = Buffer.from(text)
  if (addedBefore.size < addedBeforeMax) addedBefore.set(text, bytes)
  return bytes
}
