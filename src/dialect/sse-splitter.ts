/**
 * Cuts a stream of server-sent events into events, at whatever bytes the network cut it. Stands between the wire and
 * the readers of the languages. Lines end with LF or CR LF; a lone CR, which the standard also allows, is part of its
 * line here: no model server ends lines so, and it could not be told from half a CR LF.
 */
import { Fault } from '../fault/fault.ts'

const cr = 13
const lf = 10
const space = 32
const colon = 58
const pendingBytesMin = 4096

export interface SseSplitterOptions {
  /** Bytes of one event, line ends included. Default 8 MiB. */
  readonly eventBytesMax?: number
}

export class SseSplitter {
  readonly #onEvent: (event: Buffer) => void
  readonly #eventBytesMax: number
  /** The beginning of an event whose end has not come; grows by doubling. */
  #pending: Buffer | null = null
  #pendingBytes = 0
  // All of these count from the first byte of the current event.
  #eventFrom = 0
  #lineFrom = 0
  #contentTo = 0
  #hasField = false
  #isFirstLine = true
  #commentCount = 0

  /**
   * @param onEvent gets each event without its blank line and last line end; the bytes are valid only during the call:
   *   every reader makes new ones of them, and a copy here as well would be the dearest part of the splitting.
   */
  constructor(onEvent: (event: Buffer) => void, options: SseSplitterOptions = {}) {
    this.#onEvent = onEvent
    this.#eventBytesMax = options.eventBytesMax ?? 8 * 1024 * 1024
  }

  /** Count of events left out because they held nothing but comments, or nothing at all. */
  get commentCount(): number {
    return this.#commentCount
  }

  /** Bytes of an event that has begun and not ended. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Takes bytes that are valid only during the call; of them only an event that has not ended is copied.
   * @throws {Fault} HF_UPSTREAM_GARBLED when an event grows beyond `eventBytesMax`
   */
  push(bytes: Buffer): void {
    let rest = bytes
    if (this.#pending !== null) {
      const to = this.#scan(rest, 0)
      this.#keep(rest, 0, to === -1 ? rest.length : to)
      if (to === -1) return
      const whole = this.#pending
      this.#pending = null
      this.#pendingBytes = 0
      this.#emit(whole, 0)
      if (to === rest.length) return
      rest = rest.subarray(to)
    }
    let from = 0
    for (;;) {
      const to = this.#scan(rest, from)
      if (to === -1) break
      this.#emit(rest, from)
      from = to
    }
    if (from < rest.length) this.#keep(rest, from, rest.length)
  }

  /**
   * Reads on to the blank line that ends the event. `base` is where the bytes after the pending ones stand.
   * Looks at each byte once: what was read before is remembered as offsets.
   * @returns the index after the blank line, or -1 when it has not come
   */
  #scan(bytes: Buffer, base: number): number {
    const shift = this.#pendingBytes - base
    let at = base
    for (;;) {
      const end = bytes.indexOf(lf, at)
      if (end === -1) return -1
      const lineEnd = end + shift
      if (this.#isFirstLine) this.#skipByteOrderMark(bytes, shift, lineEnd)
      const hasCr = lineEnd > this.#lineFrom && this.#byteAt(bytes, shift, lineEnd - 1) === cr
      const lineTo = hasCr ? lineEnd - 1 : lineEnd
      at = end + 1
      if (lineTo === this.#lineFrom) return at
      if (lineEnd + 1 > this.#eventBytesMax) this.#refuse()
      if (!this.#hasField) this.#hasField = this.#byteAt(bytes, shift, this.#lineFrom) !== colon
      this.#contentTo = lineTo
      this.#lineFrom = lineEnd + 1
    }
  }

  #byteAt(bytes: Buffer, shift: number, offset: number): number | undefined {
    return offset < this.#pendingBytes ? this.#pending?.[offset] : bytes[offset - shift]
  }

  #skipByteOrderMark(bytes: Buffer, shift: number, lineEnd: number): void {
    this.#isFirstLine = false
    if (lineEnd < 3 || this.#byteAt(bytes, shift, 0) !== 0xef) return
    if (this.#byteAt(bytes, shift, 1) !== 0xbb || this.#byteAt(bytes, shift, 2) !== 0xbf) return
    this.#eventFrom = 3
    this.#lineFrom = 3
  }

  /** Gives out the event that stands at `base` and makes ready for the next. */
  #emit(bytes: Buffer, base: number): void {
    const from = base + this.#eventFrom
    const to = base + this.#contentTo
    const hasField = this.#hasField
    this.#eventFrom = 0
    this.#lineFrom = 0
    this.#contentTo = 0
    this.#hasField = false
    if (hasField) this.#onEvent(bytes.subarray(from, to))
    else this.#commentCount++
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const size = this.#pendingBytes + to - from
    // A blank line may stand after the last byte that is allowed, and it is not counted.
    if (size > this.#eventBytesMax + 2) this.#refuse()
    if (this.#pending === null) this.#pending = Buffer.allocUnsafe(Math.max(size, pendingBytesMin))
    else if (size > this.#pending.length) {
      const larger = Buffer.allocUnsafe(size * 2)
      this.#pending.copy(larger, 0, 0, this.#pendingBytes)
      this.#pending = larger
    }
    bytes.copy(this.#pending, this.#pendingBytes, from, to)
    this.#pendingBytes = size
  }

  #refuse(): never {
    throw new Fault('HF_UPSTREAM_GARBLED', { detail: `an event of more than ${this.#eventBytesMax} bytes` })
  }
}

const nothing = Buffer.alloc(0)

/** Where the line that begins at `from` ends, its CR and LF not counted. */
function lineEnd(event: Buffer, from: number): number {
  const end = event.indexOf(lf, from)
  const to = end === -1 ? event.length : end
  return to > from && event[to - 1] === cr ? to - 1 : to
}

/** Where the value of the field begins when this line holds that field, else -1. `to` is the line's end. */
function valueFrom(event: Buffer, name: Buffer, from: number, to: number): number {
  const after = from + name.length
  if (after > to || event.compare(name, 0, name.length, from, after) !== 0) return -1
  if (after === to) return to
  if (event[after] !== colon) return -1
  return after + 1 < to && event[after + 1] === space ? after + 2 : after + 1
}

/** The values of all lines of that field, in order, as views of the event. */
function values(event: Buffer, name: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let from = 0; from < event.length; ) {
    const to = lineEnd(event, from)
    const value = valueFrom(event, name, from, to)
    if (value !== -1) found.push(event.subarray(value, to))
    const end = event.indexOf(lf, to)
    from = end === -1 ? event.length : end + 1
  }
  return found
}

const dataField = Buffer.from('data')
const eventField = Buffer.from('event')
const lineFeed = Buffer.from('\n')

/** The data lines of an event joined by LF, empty when it has none; a view of the event when there is one line. */
export function eventData(event: Buffer): Buffer {
  // The usual event is one `data: …` line and nothing else.
  if (event.indexOf(lf) === -1) {
    const to = lineEnd(event, 0)
    const from = valueFrom(event, dataField, 0, to)
    return from === -1 ? nothing : event.subarray(from, to)
  }
  const lines = values(event, dataField)
  if (lines.length <= 1) return lines[0] ?? nothing
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [lineFeed, line])))
}

/** The event's name (the last `event:` line), or null when it has none. */
export function eventName(event: Buffer): string | null {
  const last = values(event, eventField).at(-1)
  return last === undefined ? null : last.toString('utf8')
}
