/**
 * The answer to a plain request: a part of node's ServerResponse, which does what most answers need and no more. Its
 * beginning, and the whole of an answer in one piece, leave at the end of the turn, those of all connections one after
 * the other: fewer system calls, and whoever reads them is woken once. Further pieces of a stream leave at once.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../ground/clock.ts'

/** Bytes that may wait for the end of the turn before the writer is asked to wait as well. */
const waitingBytesMax = 64 * 1024
/** A larger piece is not copied behind what stands before it. */
const joinedBytesMax = 16 * 1024
const lastChunk = '0\r\n\r\n'
const statusTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

export interface PlainResponseParts {
  readonly clock: Clock
  /** Told to the client: how long its idle connection is kept. */
  readonly idleMs: number
  /** The answer has gone out, or its connection has broken. */
  readonly onOver: () => void
}

export class PlainResponse {
  readonly socket: Socket
  /** Its pieces are framed here; nobody needs to write past it. */
  readonly chunkedEncoding = false
  readonly writableCorked = 0
  shouldKeepAlive: boolean
  headersSent = false
  #parts: PlainResponseParts
  #head = ''
  #isChunked = false
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isFlushing = false
  #isEnded = false
  #isClosed = false
  #wantsDrain = false
  #onClose: (() => void)[] = []
  #onDrain: (() => void) | null = null

  constructor(socket: Socket, shouldKeepAlive: boolean, parts: PlainResponseParts) {
    this.socket = socket
    this.shouldKeepAlive = shouldKeepAlive
    this.#parts = parts
  }

  get destroyed(): boolean {
    return this.#isClosed || this.socket.destroyed
  }

  /** `drain` may have one listener; `close` comes once, when the answer is out or the connection broke. */
  on(event: 'close' | 'drain', run: () => void): void {
    if (event === 'drain') this.#onDrain = run
    else this.#onClose.push(run)
  }

  /** `headers`: names and values in turn. */
  writeHead(status: number, headers: readonly string[]): void {
    const { clock, idleMs } = this.#parts
    let head = `HTTP/1.1 ${status} ${statusTexts[status] ?? 'unknown'}\r\n`
    this.#isChunked = true
    let last = ''
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string
      const value = headers[i + 1] as string
      if (name === 'content-length') this.#isChunked = false
      else if (name === 'connection') this.shouldKeepAlive = false
      if (value !== last) last = checked(value) // the ray comes three times
      if (name !== 'connection') head += `${name}: ${value}\r\n`
    }
    head += dateLine(clock.nowMs())
    head += this.shouldKeepAlive
      ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleMs / 1000)}\r\n`
      : 'Connection: close\r\n'
    this.#head = this.#isChunked ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}\r\n`
    this.headersSent = true
  }

  /** False when the connection's buffer is full: `drain` will come. */
  write(bytes: Buffer): boolean {
    if (this.destroyed || this.#isEnded) return true
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    // The beginning waits for what else the turn has; a stream has had its turn with the model server's read.
    if (this.#isChunked && this.#head === '' && !this.#isFlushing) this.#writeOut()
    else this.#flushSoon()
    const hasRoom = !this.socket.writableNeedDrain && this.#waitingBytes < waitingBytesMax
    if (!hasRoom) this.#wantsDrain = true
    return hasRoom
  }

  end(bytes?: Buffer): void {
    if (this.destroyed || this.#isEnded) return
    if (bytes && bytes.length > 0) this.write(bytes)
    this.#isEnded = true
    this.#flushSoon()
  }

  destroy(): void {
    this.socket.destroy()
  }

  // For the connection.

  /** The socket takes more. */
  drained(): void {
    if (this.#isEnded) return this.#finish()
    if (!this.#wantsDrain) return
    this.#wantsDrain = false
    this.#onDrain?.()
  }

  /** The socket is gone. */
  broken(): void {
    this.#close()
  }

  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#parts.clock.soon(this.#flush)
  }

  #flush = (): void => {
    this.#isFlushing = false
    const { socket } = this
    if (this.destroyed) return
    this.#writeOut()
    if (socket.writableNeedDrain) return // then `drained` comes
    if (this.#isEnded) this.#finish()
    else this.drained()
  }

  /** Head, pieces and last chunk in one write; what one turn has of a stream is one chunk. */
  #writeOut(): void {
    const { socket } = this
    const pieces = this.#waiting
    const bytes = this.#waitingBytes
    let before = this.#head
    let after = ''
    if (this.#isChunked) {
      if (bytes > 0) before += `${bytes.toString(16)}\r\n`
      if (bytes > 0) after = '\r\n'
      if (this.#isEnded) after += lastChunk
    }
    this.#head = ''
    this.#waiting = []
    this.#waitingBytes = 0
    if (bytes > joinedBytesMax) {
      socket.cork()
      if (before !== '') socket.write(before, 'latin1')
      for (const piece of pieces) socket.write(piece)
      if (after !== '') socket.write(after, 'latin1')
      socket.uncork()
      return
    }
    const joined = Buffer.allocUnsafe(before.length + bytes + after.length)
    if (joined.length === 0) return
    let at = joined.write(before, 'latin1')
    for (const piece of pieces) {
      joined.set(piece, at)
      at += piece.length
    }
    if (after !== '') joined.write(after, at, 'latin1')
    socket.write(joined)
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#close()
    this.#parts.onOver()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    for (const run of this.#onClose) run()
  }
}

/** As node:http does: what is no header's value is a mistake of ours, and never two answers. @throws {TypeError} */
function checked(value: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new TypeError('a header with a character that HTTP forbids')
  return value
}

let dateS = 0
let dateText = ''

/** Written once a second. */
function dateLine(nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000)
  if (seconds !== dateS) {
    dateS = seconds
    dateText = `Date: ${new Date(nowMs).toUTCString()}\r\n`
  }
  return dateText
}
