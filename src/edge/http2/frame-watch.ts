/**
 * Looks at the head of every frame that a client sends, before nghttp2 does, for what that lets pass though RFC 9113
 * (sections 5.1, 5.1.1, 6.3) calls it an error of the connection: frames of a stream that the client itself has ended,
 * numbers that go back, PRIORITY of no stream; and at headers, for what makes a request malformed (section 8.2.1).
 * Only the client's own word is held against it: a frame for a stream that this side has ended may have crossed our
 * word on the way. Bodies are skipped, not read. Pure.
 */
import { HeaderLook } from './header-look.ts'

/** Codes of errors: RFC 9113, section 7. */
const protocolError = 1
const streamClosed = 5
const calmDown = 11

/** What a client sends before its first frame. */
const prefaceBytes = 24
const headBytes = 9
/** Streams that the client has begun and not ended. More than it may have open at once, for some it leaves behind. */
const openMax = 4096

const data = 0
const headers = 1
const priority = 2
const reset = 3
const continuation = 9
const endStream = 1
const padded = 8
const prioritized = 0x20
const priorityBytes = 5

export class FrameWatch {
  /** Bytes to come that are no head. */
  #skip = prefaceBytes
  /** The beginning of a head whose end has not come yet. */
  #head = Buffer.alloc(headBytes)
  #headCount = 0
  /** The highest number the client has used. */
  #last = 0
  #open = new Set<number>()
  /** Of the frame that is being read: bytes before its piece of headers, of that piece, and whether padding is told. */
  #lead = 0
  #pieceBytes = 0
  #isPadded = false
  #look = new HeaderLook()

  /** Reads on. Gives the code of the error that ends the connection, else 0. */
  read(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at)
        if (this.#pieceBytes > 0 && !this.#readPiece(bytes, at, at + count)) return protocolError
        this.#skip -= count
        at += count
      } else if (this.#headCount === 0 && bytes.length - at >= headBytes) {
        const code = this.#judge(bytes, at)
        if (code !== 0) return code
        at += headBytes
      } else {
        this.#head[this.#headCount++] = bytes[at++] as number
        if (this.#headCount < headBytes) continue
        this.#headCount = 0
        const code = this.#judge(this.#head, 0)
        if (code !== 0) return code
      }
    }
    return 0
  }

  #judge(bytes: Buffer, at: number): number {
    this.#skip = bytes.readUIntBE(at, 3)
    const type = bytes[at + 3] as number
    const flags = bytes[at + 4] as number
    this.#pieceBytes = 0
    if (type === continuation) this.#startPiece(0)
    if (type > reset) return 0
    const isEnd = (flags & endStream) !== 0
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff
    if (type === priority) return stream === 0 ? protocolError : 0
    if (type === reset) this.#open.delete(stream)
    if (type === headers) {
      this.#look.begin()
      this.#startPiece(flags)
      return this.#judgeHeaders(stream, isEnd)
    }
    if (type === data) return this.#judgeData(stream, isEnd)
    return 0
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
    return this.#look.read(bytes, at, to)
  }

  #judgeHeaders(stream: number, isEnd: boolean): number {
    if (stream % 2 === 0) return 0 // nghttp2 refuses it
    if (stream > this.#last) {
      this.#last = stream
      if (isEnd) return 0
      this.#open.add(stream)
      return this.#open.size > openMax ? calmDown : 0
    }
    if (!this.#open.has(stream)) return stream === this.#last ? streamClosed : protocolError
    if (isEnd) this.#open.delete(stream)
    return 0
  }

  #judgeData(stream: number, isEnd: boolean): number {
    if (stream === 0 || stream > this.#last) return 0 // nghttp2 refuses it
    if (!this.#open.has(stream)) return streamClosed
    if (isEnd) this.#open.delete(stream)
    return 0
  }
}
