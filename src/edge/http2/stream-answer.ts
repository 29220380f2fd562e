/**
 * The answer on a stream of HTTP/2, as the door and the relay know answers. What HTTP/1.1 says of the connection has no
 * place here; an answer that breaks off is reset, so that nobody can take it for whole.
 */
import { EventEmitter } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { Answering } from '../visitor.ts'

/** RFC 9113, section 7. */
const noError = 0

/** What RFC 9113, section 8.2.2, forbids. */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

export class StreamAnswer extends EventEmitter implements Answering {
  /** Nobody may write past it. */
  readonly socket = null
  readonly chunkedEncoding = false
  readonly writableCorked = 0
  /** False: it is the last of its session. */
  shouldKeepAlive = true
  /** By us. */
  isBrokenOff = false
  #stream: ServerHttp2Stream
  #onPiece: (bytes: number) => void
  #head: string[] | null = null
  #isClosed = false

  /** `onPiece`: some of it is sent. */
  constructor(stream: ServerHttp2Stream, onPiece: (bytes: number) => void) {
    super()
    this.#stream = stream
    this.#onPiece = onPiece
    stream.on('drain', () => this.emit('drain'))
    stream.on('close', () => {
      this.#isClosed = true
      this.emit('close')
    })
    // A visitor that resets its stream, or whose connection breaks; `close` follows.
    stream.on('error', () => {})
  }

  get headersSent(): boolean {
    return this.#head !== null || this.#stream.headersSent
  }

  get destroyed(): boolean {
    return this.#isClosed || this.#stream.destroyed || this.#stream.closed
  }

  get wasCut(): boolean {
    return (this.#stream.rstCode ?? noError) !== noError
  }

  /** `headers`: names and values in turn. It leaves with the first bytes, or with the end. */
  writeHead(status: number, headers: readonly string[]): this {
    const head = [':status', String(status)]
    for (let i = 0; i < headers.length; i += 2) {
      const name = (headers[i] as string).toLowerCase()
      if (!ofConnection.has(name)) head.push(name, headers[i + 1] as string)
    }
    this.#head = head
    return this
  }

  flushHeaders(): void {
    this.#sendHead(false)
  }

  /** False when the visitor takes no more for now: `drain` will come. */
  write(bytes: Buffer | string): boolean {
    if (this.destroyed) return true
    this.#sendHead(false)
    this.#onPiece(bytes.length)
    return this.#stream.write(bytes)
  }

  end(bytes?: Buffer | string): this {
    if (this.destroyed) return this
    const isEmpty = bytes === undefined || bytes.length === 0
    this.#sendHead(isEmpty)
    if (isEmpty) this.#stream.end()
    else {
      this.#onPiece(bytes.length)
      this.#stream.end(bytes)
    }
    // The answer is whole; what the visitor may still be sending is not wanted (RFC 9113, section 8.1).
    this.#stream.once('finish', () => {
      // One that came whole with its head needs no word, and a reset would overtake an answer without a body.
      if (!this.#stream.readableEnded && !this.#stream.endAfterHeaders) this.#stream.close(noError)
    })
    return this
  }

  /** Resets it. `close()` of node:http2 would end an answer that has begun as if it were whole. */
  destroy(): this {
    if (this.destroyed) return this
    this.isBrokenOff = true
    this.#stream.destroy(new Error('broken off'))
    return this
  }

  #sendHead(isEnd: boolean): void {
    const head = this.#head
    if (head === null || this.#stream.headersSent || this.destroyed) return
    this.#stream.respond(head, { endStream: isEnd })
  }
}
