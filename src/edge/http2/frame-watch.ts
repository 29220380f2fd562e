/**
 * Looks at the head of every frame that a client sends, before nghttp2 does, for what that lets pass though RFC 9113
 * (sections 5.1, 5.1.1, 6.3) calls it an error of the connection: frames of a stream that the client itself has ended,
 * numbers that go back, PRIORITY of no stream; and at headers, for what makes a request malformed (section 8.2.1).
 * Only the client's own word is held against it: a frame for a stream that this side has ended may have crossed our
 * word on the way. Bodies are skipped, not read. It counts what the budget of a session goes by, and says where bytes
 * with many requests may be cut. Pure.
 */
import { HeaderLook } from './header-look.ts'
import type { Tally } from './session-budget.ts'

/** Codes of errors: RFC 9113, section 7. */
const protocolError = 1
const streamClosed = 5

/** What a client sends before its first frame. */
const prefaceBytes = 24
const headBytes = 9
/**
 * Streams that the client has begun and not ended. More than it may have open at once, for some it leaves behind: an
 * upload that is refused has no end.
 */
const openMax = 4096

const data = 0
const headers = 1
const priority = 2
const reset = 3
const settings = 4
const ping = 6
const continuation = 9
const ack = 1
const endStream = 1
const padded = 8
const prioritized = 0x20
const priorityBytes = 5
/** To be answered, and so as dear as a larger one. */
const askingBytes = 40
/** A frame with less of a body costs more than its body is worth. */
const fullBytes = 16
/** More than any frame may have; who says more is ended for it by nghttp2. */
const frameBytesMax = 16 * 2 ** 10
/** Requests in one piece: the work of a millisecond or two. */
const requestsPerPiece = 8

export class FrameWatch {
  /** Bytes to come that are no head. */
  #skip = prefaceBytes
  /** The beginning of a head whose end has not come yet. */
  #head = Buffer.alloc(headBytes)
  #headCount = 0
  /** The highest number the client has used. */
  #last = 0
  #open = new Set<number>()
  /** Up to this number it is not known any more which are open: nghttp2 has the word. */
  #forgotten = 0
  /** Of the frame that is being read: bytes before its piece of headers, of that piece, and whether padding is told. */
  #lead = 0
  #pieceBytes = 0
  #isPadded = false
  #look = new HeaderLook()
  /** Of the block of headers that is being read. */
  #blockBytes = 0
  #blockBytesMax: number
  #fieldsMax: number
  #tally: { -readonly [name in keyof Tally]: Tally[name] } = { idleBytes: 0, resets: 0, bigBlocks: 0 }
  #requests = 0
  #cuts: number[] = []

  /** `blockBytesMax`, `fieldsMax`: what the headers of a request may be. */
  constructor(blockBytesMax: number, fieldsMax: number) {
    this.#blockBytesMax = blockBytesMax
    this.#fieldsMax = fieldsMax
  }

  /** What has come since this was asked last. */
  takeTally(): Tally {
    const tally = this.#tally
    this.#tally = { idleBytes: 0, resets: 0, bigBlocks: 0 }
    return tally
  }

  /** Where the bytes that were read last may be cut, so that no piece has many requests; mostly nowhere. */
  get cuts(): readonly number[] {
    return this.#cuts
  }

  /** Reads on. Gives the code of the error that ends the connection, else 0. */
  read(bytes: Buffer): number {
    let at = 0
    this.#requests = 0
    if (this.#cuts.length > 0) this.#cuts = []
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at)
        if (this.#pieceBytes > 0 && !this.#readPiece(bytes, at, at + count)) return protocolError
        this.#skip -= count
        at += count
      } else if (this.#headCount === 0 && bytes.length - at >= headBytes) {
        const code = this.#judge(bytes, at, at)
        if (code !== 0) return code
        at += headBytes
      } else {
        this.#head[this.#headCount++] = bytes[at++] as number
        if (this.#headCount < headBytes) continue
        this.#headCount = 0
        const code = this.#judge(this.#head, 0, at)
        if (code !== 0) return code
      }
    }
    return 0
  }

  /** `cutAt`: where what was read before ends, or nearly. */
  #judge(bytes: Buffer, at: number, cutAt: number): number {
    this.#skip = bytes.readUIntBE(at, 3)
    const type = bytes[at + 3] as number
    const flags = bytes[at + 4] as number
    this.#pieceBytes = 0
    this.#count(type, flags)
    if (type === continuation) this.#startPiece(0)
    if (type > reset) return 0
    const isEnd = (flags & endStream) !== 0
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff
    if (type === priority) return stream === 0 ? protocolError : 0
    if (type === reset) this.#open.delete(stream)
    if (type === headers) {
      if (this.#requests++ > 0 && this.#requests % requestsPerPiece === 1) this.#cuts.push(cutAt)
      this.#look.begin()
      this.#blockBytes = 0
      this.#startPiece(flags)
      return this.#judgeHeaders(stream, isEnd)
    }
    if (type === data) return this.#judgeData(stream, isEnd)
    return 0
  }

  /** Headers are counted as they are read; of bodies, and of what continues headers, only what is hardly there. */
  #count(type: number, flags: number): void {
    const bytes = Math.min(this.#skip, frameBytesMax)
    if (type === reset) this.#tally.resets++
    if (type === headers || ((type === data || type === continuation) && bytes >= fullBytes)) return
    const isAsking = (type === ping || type === settings) && (flags & ack) === 0
    this.#tally.idleBytes += (type === data || type === continuation ? 0 : bytes) + (isAsking ? askingBytes : headBytes)
  }

  /** A frame with a piece of headers begins. */
  #startPiece(flags: number): void {
    this.#isPadded = (flags & padded) !== 0
    this.#lead = flags & prioritized ? priorityBytes : 0
    this.#pieceBytes = this.#skip - this.#lead
  }

  /** Bytes of such a frame. False for headers that must not be. */
  #readPiece(bytes: Buffer, from: number, end: number): boolean {
    let at = from
    if (this.#isPadded) {
      this.#isPadded = false
      this.#pieceBytes -= 1 + (bytes[at++] as number)
    }
    const lead = Math.min(this.#lead, end - at)
    this.#lead -= lead
    at += lead
    const to = Math.min(end, at + this.#pieceBytes)
    if (to <= at) return true
    this.#pieceBytes -= to - at
    const isBig = this.#isBig
    this.#blockBytes += to - at
    const isGood = this.#look.read(bytes, at, to)
    if (!isBig && this.#isBig) this.#tally.bigBlocks++
    return isGood
  }

  get #isBig(): boolean {
    return this.#blockBytes > this.#blockBytesMax || this.#look.fieldCount > this.#fieldsMax
  }

  #judgeHeaders(stream: number, isEnd: boolean): number {
    if (stream % 2 === 0) return 0 // nghttp2 refuses it
    if (stream > this.#last) {
      this.#last = stream
      if (isEnd) return 0
      this.#open.add(stream)
      if (this.#open.size > openMax) this.#forget()
      return 0
    }
    if (stream <= this.#forgotten) return 0
    if (!this.#open.has(stream)) return stream === this.#last ? streamClosed : protocolError
    if (isEnd) this.#open.delete(stream)
    return 0
  }

  /** The older half. */
  #forget(): void {
    let left = openMax / 2
    for (const stream of this.#open) {
      if (left-- === 0) break
      this.#forgotten = stream
      this.#open.delete(stream)
    }
  }

  #judgeData(stream: number, isEnd: boolean): number {
    if (stream === 0 || stream > this.#last) return 0 // nghttp2 refuses it
    if (stream <= this.#forgotten) return 0
    if (!this.#open.has(stream)) return streamClosed
    if (isEnd) this.#open.delete(stream)
    return 0
  }
}
