/**
 * From the body of an append to records, and back to what readers get. A record is what is read in one piece, so large
 * bodies become several; they are kept together or not at all.
 */
import { isUtf8 } from 'node:buffer'
import { Fault } from '../../fault/fault.ts'
import { mediaType } from '../../store/stream-rules.ts'

/** A record grows no larger than this, unless a single message is. */
const recordBytesMax = 256 * 2 ** 10

export function isJson(contentType: string): boolean {
  return mediaType(contentType) === 'application/json'
}

/** Goes through server-sent events as it is; anything else as base64. */
export function isText(contentType: string): boolean {
  return isJson(contentType) || mediaType(contentType).startsWith('text/')
}

/** Records of a body; none for an empty one and for an empty array. @throws {Fault} HF_BAD_JSON */
export function toRecords(body: Buffer, contentType: string): Buffer[] {
  if (body.length === 0) return []
  return isJson(contentType) ? pack(jsonMessages(body)) : cut(body, isText(contentType))
}

/** What a reader gets of some records. */
export function fromRecords(records: readonly { readonly data: Buffer }[], contentType: string): Buffer {
  if (!isJson(contentType)) return Buffer.concat(records.map(({ data }) => data))
  const pieces = records.flatMap(({ data }, i) => (i === 0 ? [data] : [comma, data]))
  return Buffer.concat([open, ...pieces, close])
}

/** The beginning of a record: so many messages of JSON, or so many bytes. Null when there is not so much. */
export function firstOf(record: Buffer, count: number, contentType: string): Buffer[] | null {
  if (!isJson(contentType)) return record.length < count ? null : [record.subarray(0, count)]
  const messages = jsonMessages(Buffer.concat([open, record, close]))
  return messages.length < count ? null : pack(messages.slice(0, count))
}

const open = Buffer.from('[')
const close = Buffer.from(']')
const comma = Buffer.from(',')

/**
 * The messages of a JSON body: the elements of an array, one level deep, or the one value. Each is kept as it was
 * written: numbers that JavaScript cannot hold stay what they are. @throws {Fault} HF_BAD_JSON
 */
export function jsonMessages(body: Buffer): Buffer[] {
  if (!isUtf8(body)) throw new Fault('HF_BAD_JSON', { detail: 'it is not UTF-8' })
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch (error) {
    // What the parser says may quote the body, which belongs to nobody's log.
    throw new Fault('HF_BAD_JSON', { detail: 'the body of this stream’s appends is JSON', cause: error })
  }
  const text = trim(body, 0, body.length)
  return Array.isArray(value) ? elements(text) : [text]
}

/** Where the elements of an array that is known to be one begin and end. */
function elements(array: Buffer): Buffer[] {
  const found: Buffer[] = []
  let depth = 0
  let start = 1
  for (let at = 1; at < array.length - 1; at++) {
    const byte = array[at]
    if (byte === 0x22) at = endOfString(array, at)
    else if (byte === 0x5b || byte === 0x7b) depth++
    else if (byte === 0x5d || byte === 0x7d) depth--
    else if (byte === 0x2c && depth === 0) {
      found.push(trim(array, start, at))
      start = at + 1
    }
  }
  const last = trim(array, start, array.length - 1)
  return last.length === 0 ? found : [...found, last]
}

/** Of the string that begins at `at`: the place of its closing quote. */
function endOfString(text: Buffer, at: number): number {
  let end = at + 1
  while (text[end] !== 0x22) end += text[end] === 0x5c ? 2 : 1
  return end
}

function trim(text: Buffer, start: number, end: number): Buffer {
  let [from, to] = [start, end]
  while (from < to && (text[from] as number) <= 0x20) from++
  while (to > from && (text[to - 1] as number) <= 0x20) to--
  return text.subarray(from, to)
}

/** Messages next to each other in records, none of them in two. */
function pack(messages: readonly Buffer[]): Buffer[] {
  const records: Buffer[] = []
  let group: Buffer[] = []
  let size = 0
  const flush = (): void => {
    if (group.length > 0) records.push(Buffer.concat(group.flatMap((each, i) => (i === 0 ? [each] : [comma, each]))))
    group = []
    size = 0
  }
  for (const message of messages) {
    if (size + message.length > recordBytesMax) flush()
    group.push(message)
    size += message.length + 1
  }
  flush()
  return records
}

function cut(body: Buffer, isTextual: boolean): Buffer[] {
  const records: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + recordBytesMax)
    const isLast = at + piece.length >= body.length
    const length = isTextual && !isLast ? piece.length - brokenTail(piece, piece.length) : piece.length
    records.push(body.subarray(at, at + length))
    at += length
  }
  return records
}

/** How many of the last bytes before `end` begin a character of UTF-8 without ending it; 0 to 3. */
export function brokenTail(text: Buffer, end: number): number {
  for (let back = 1; back <= Math.min(3, end); back++) {
    const byte = text[end - back] as number
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return length > back ? back : 0
  }
  return 0
}
