/**
 * Reads HTTP/1.1 answers off a connection: bytes in, status, headers and body slices out, as they come.
 * A small state machine that refuses whatever two readers could understand differently (RFC 9112 sections 2.2, 5, 6, 7
 * and 11): a gateway that guesses is a gateway that can be made to mix up two answers.
 */
import { Fault } from '../../fault/fault.ts'
import {
  extensionPattern,
  forbiddenPattern,
  hasToken,
  hexValue,
  lengthPattern,
  statusLinePattern,
  tokenPattern,
  trimBlanks,
} from './http-grammar.ts'

/** Bytes of status line and headers of one answer, interim ones included. */
export const headBytesMax = 64 * 1024
/** Header lines of one answer; also the lines of its trailer. */
export const headerCountMax = 200
/** Interim answers (1xx) before the real one. */
export const interimCountMax = 8
/** Bytes of the extension on one chunk's size line. */
export const chunkExtensionBytesMax = 256
/** Bytes of the trailer after the last chunk. */
export const trailerBytesMax = 16 * 1024
/** Digits of a chunk's size, so that it stays exact in a double. */
const hexDigitsMax = 13

const cr = 13
const lf = 10
const semicolon = 59
const protocolStart = 'HTTP/1.'

/** A header line as it came in the answer before: on one connection most of them are the same in each. */
interface KnownLine {
  readonly text: string
  readonly name: string
  readonly value: string
}

/** Lines that a connection remembers, and the longest of them. */
const knownLinesMax = 32
const knownBytesMax = 256

// The states, in the order in which an answer passes them; from `done` on no more bytes are wanted.
const statusLine = 0
const headerLine = 1
const sizedBody = 2
const endlessBody = 3
const chunkHead = 4
const chunkBody = 5
const chunkEnd = 6
const trailerLine = 7
const done = 8
const stopped = 9

/** Gets what the parser finds: one head, slices of the body that are valid only during the call, one end. */
export interface HttpParserSink {
  onHead(status: number, headers: Readonly<Record<string, string>>): void
  onBody(bytes: Buffer): void
  onEnd(): void
}

function refuse(detail: string): never {
  throw new Fault('HF_UPSTREAM_GARBLED', { detail })
}

export class HttpParser {
  readonly #sink: HttpParserSink
  #state = statusLine
  /** The beginning of a line whose end has not come yet. */
  #carry = ''
  #lineBytesLeft = headBytesMax
  #lineCountLeft = headerCountMax
  #interimCount = 0
  #isOld = false
  #status = 0
  #headers: Record<string, string> = Object.create(null)
  /** By their place in the head. */
  readonly #known: KnownLine[] = []
  /** Body bytes still to come, of the whole or of the chunk. */
  #left = 0
  #digitCount = 0
  #extension = ''
  #hasCr = false
  #isReusable = false
  /** A byte of the current answer has come. */
  hasBegun = false

  constructor(sink: HttpParserSink) {
    this.#sink = sink
  }

  /** The connection may carry another call after this answer. Valid once the head has been given. */
  get isReusable(): boolean {
    return this.#isReusable
  }

  /** How long the server says it keeps the idle connection, milliseconds; Infinity when it says nothing. */
  get keepAliveMs(): number {
    const header = this.#headers['keep-alive']
    if (header === undefined) return Infinity
    const hint = /(?:^|[,; \t])timeout=(\d{1,9})(?=$|[,; \t])/i.exec(header)
    return hint ? Number(hint[1]) * 1000 : Infinity
  }

  /** Makes ready for the next answer on the same connection. */
  reset(): void {
    this.#state = statusLine
    this.#interimCount = 0
    this.#startHead()
    this.#isReusable = false
    this.hasBegun = false
  }

  /** Gives nothing more to the sink, not even from the bytes being read right now. */
  stop(): void {
    this.#state = stopped
  }

  /**
   * Reads `bytes` from 0 to `end`. Whatever the sink throws passes through.
   * @throws {Fault} HF_UPSTREAM_GARBLED; the connection is of no use after it.
   */
  push(bytes: Buffer, end: number = bytes.length): void {
    let at = 0
    if (end > 0) this.hasBegun = true
    while (at < end && this.#state < done) at = this.#step(bytes, at, end)
    if (this.#state !== done) return
    if (at < end) refuse('bytes after the end of the answer')
    this.#state = stopped
    this.#sink.onEnd()
  }

  /** The server closed its side. True when that is the proper end of the answer, which the sink has then been told. */
  finish(): boolean {
    if (this.#state !== endlessBody) return false
    this.#state = stopped
    this.#sink.onEnd()
    return true
  }

  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case sizedBody:
      case chunkBody:
        return this.#takeBody(bytes, at, end)
      case endlessBody:
        this.#sink.onBody(bytes.subarray(at, end))
        return end
      case chunkHead:
        return this.#takeChunkHead(bytes, at, end)
      case chunkEnd:
        return this.#takeChunkEnd(bytes, at)
      default:
        return this.#takeLine(bytes, at, end)
    }
  }

  #takeBody(bytes: Buffer, at: number, end: number): number {
    const to = Math.min(end, at + this.#left)
    this.#left -= to - at
    if (this.#left === 0) this.#state = this.#state === sizedBody ? done : chunkEnd
    this.#sink.onBody(bytes.subarray(at, to))
    return to
  }

  #startChunk(): void {
    this.#state = chunkHead
    this.#left = 0
    this.#digitCount = 0
    this.#extension = ''
    this.#hasCr = false
  }

  /** `1a2b;name=value CR LF`: the extension is checked and dropped. */
  #takeChunkHead(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end) {
      const byte = bytes[at++] as number
      if (byte === lf) {
        this.#endChunkHead()
        return at
      }
      if (this.#hasCr) refuse('a stray CR in a chunk size')
      if (byte === cr) this.#hasCr = true
      else if (this.#extension !== '') this.#addExtension(byte)
      else this.#addDigit(byte)
    }
    return at
  }

  #addDigit(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      if (++this.#digitCount > hexDigitsMax) refuse('a chunk size beyond measure')
      this.#left = this.#left * 16 + value
    } else if (byte === semicolon && this.#digitCount > 0) this.#extension = ';'
    else refuse('a chunk size that is no number')
  }

  #addExtension(byte: number): void {
    this.#extension += String.fromCharCode(byte)
    if (this.#extension.length > chunkExtensionBytesMax) refuse('a chunk extension beyond measure')
  }

  #endChunkHead(): void {
    if (!this.#hasCr || this.#digitCount === 0) refuse('a chunk size without CR LF')
    if (!extensionPattern.test(this.#extension)) refuse('an improper chunk extension')
    if (this.#left > 0) this.#state = chunkBody
    else {
      this.#state = trailerLine
      this.#lineBytesLeft = trailerBytesMax
      this.#lineCountLeft = headerCountMax
    }
    this.#hasCr = false
  }

  #takeChunkEnd(bytes: Buffer, at: number): number {
    if (bytes[at] !== (this.#hasCr ? lf : cr)) refuse('a chunk longer than its size')
    if (this.#hasCr) this.#startChunk()
    else this.#hasCr = true
    return at + 1
  }

  /** Reads up to the next LF and, when it is there, understands the line. */
  #takeLine(bytes: Buffer, at: number, end: number): number {
    if (this.#state === headerLine && this.#carry === '') {
      const known = this.#known[headerCountMax - this.#lineCountLeft]
      if (known && isLineAt(known.text, bytes, at, end)) return this.#takeKnown(known, at)
    }
    let to = at
    while (to < end && bytes[to] !== lf) to++
    const next = to < end ? to + 1 : end
    this.#lineBytesLeft -= next - at
    if (this.#lineBytesLeft < 0)
      refuse(this.#state === trailerLine ? 'a trailer beyond measure' : 'a head beyond measure')
    const piece = bytes.toString('latin1', at, to)
    const text = this.#carry === '' ? piece : this.#carry + piece
    if (to === end) {
      if (this.#state === statusLine) refuseStart(text)
      this.#carry = text
      return end
    }
    this.#carry = ''
    if (text.charCodeAt(text.length - 1) !== cr) refuse('a line that ends without CR')
    this.#readLine(text.slice(0, -1))
    return next
  }

  /** Nothing of it need be looked at again. */
  #takeKnown({ text, name, value }: KnownLine, at: number): number {
    const next = at + text.length + 2
    this.#lineBytesLeft -= next - at
    if (this.#lineBytesLeft < 0) refuse('a head beyond measure')
    this.#lineCountLeft--
    this.#addHeader(name, value)
    return next
  }

  #readLine(text: string): void {
    if (forbiddenPattern.test(text)) refuse('a control character in the head')
    if (this.#state === statusLine) this.#readStatus(text)
    else if (text !== '') this.#readHeader(text)
    else if (this.#state === trailerLine) this.#state = done
    else this.#endHead()
  }

  #readStatus(text: string): void {
    const match = statusLinePattern.exec(text)
    if (!match) refuse('no HTTP/1.1 status line')
    this.#isOld = match[1] === '0'
    this.#status = Number(match[2])
    this.#state = headerLine
  }

  #readHeader(text: string): void {
    if (--this.#lineCountLeft < 0) refuse('too many headers')
    const colon = text.indexOf(':')
    const name = colon > 0 ? text.slice(0, colon) : ''
    // Also catches folded lines and a blank before the colon.
    if (!tokenPattern.test(name)) refuse('a header line without a proper name')
    const key = name.toLowerCase()
    const isFraming = isFramingName(key)
    if (this.#state === trailerLine) {
      if (isFraming) refuse(`${key} in the trailer`)
      return
    }
    const value = trimBlanks(text.slice(colon + 1))
    this.#addHeader(key, value)
    // Readers differ in whether such a blank belongs to the value.
    if (isFraming && (text.endsWith(' ') || text.includes('\t'))) refuse(`a stray blank in ${key}`)
    const place = headerCountMax - this.#lineCountLeft - 1
    if (place < knownLinesMax && place <= this.#known.length && text.length <= knownBytesMax)
      this.#known[place] = { text, name: key, value }
  }

  #addHeader(name: string, value: string): void {
    const earlier = this.#headers[name]
    if (earlier !== undefined && isFramingName(name)) refuse(`more than one ${name}`)
    this.#headers[name] = earlier === undefined ? value : `${earlier}, ${value}`
  }

  #startHead(): void {
    this.#carry = ''
    this.#lineBytesLeft = headBytesMax
    this.#lineCountLeft = headerCountMax
    this.#headers = Object.create(null)
  }

  #endHead(): void {
    const length = this.#headers['content-length']
    const encoding = this.#headers['transfer-encoding']
    if (encoding !== undefined) {
      if (length !== undefined) refuse('both content-length and transfer-encoding')
      if (this.#isOld) refuse('transfer-encoding in HTTP/1.0')
      if (encoding.toLowerCase() !== 'chunked') refuse('a transfer-encoding other than chunked')
    }
    if (length !== undefined && !lengthPattern.test(length)) refuse('a content-length that is no number')
    if (this.#status < 200) this.#endInterim(length !== undefined || encoding !== undefined)
    else this.#startBody(length, encoding)
  }

  /** A 1xx: the answer itself is still to come. What an interim head used counts towards the limits. */
  #endInterim(hasFraming: boolean): void {
    if (this.#status === 101) refuse('a change of protocol that nobody asked for')
    if (this.#isOld) refuse('an interim answer in HTTP/1.0')
    if (hasFraming) refuse('an interim answer with a body')
    if (hasToken(this.#headers['connection'] ?? '', 'close')) refuse('an interim answer that closes')
    if (++this.#interimCount > interimCountMax) refuse('too many interim answers')
    this.#headers = Object.create(null)
    this.#state = statusLine
  }

  #startBody(length: string | undefined, encoding: string | undefined): void {
    const connection = this.#headers['connection'] ?? ''
    this.#isReusable = this.#isOld
      ? hasToken(connection, 'keep-alive')
      : connection === '' || !hasToken(connection, 'close')
    if (this.#isOld && hasToken(connection, 'close')) this.#isReusable = false
    if (this.#status === 204 || this.#status === 304) {
      // These have no body, whatever the headers say; a server that announces one may yet send it.
      if (encoding !== undefined || Number(length ?? 0) > 0) this.#isReusable = false
      this.#state = done
    } else if (encoding !== undefined) this.#startChunk()
    else if (length !== undefined) {
      this.#left = Number(length)
      this.#state = this.#left === 0 ? done : sizedBody
    } else {
      this.#isReusable = false
      this.#state = endlessBody
    }
    this.#sink.onHead(this.#status, this.#headers)
  }
}

function isFramingName(name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding'
}

/** Whether this line, with its CR LF, stands there whole. */
function isLineAt(text: string, bytes: Buffer, at: number, end: number): boolean {
  const { length } = text
  if (at + length + 2 > end || bytes[at + length] !== cr || bytes[at + length + 1] !== lf) return false
  for (let i = 0; i < length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** Tells at the first bytes that this is not HTTP, so that nobody waits for the rest of a line that never ends. */
function refuseStart(text: string): void {
  const start = text.slice(0, protocolStart.length)
  if (!protocolStart.startsWith(start)) refuse('no HTTP/1.1 status line')
}
