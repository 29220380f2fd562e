/**
 * A visitor's connection as node:http2 gets it: what comes in passes the frame watch first. This costs a way through
 * JavaScript each way (measured: some 3 µs a chunk, 15 µs a request), which connections of HTTP/1.1 do not pay. What
 * brings many requests at once is handed on by pieces, which take turns with those of all other connections; nothing
 * is read meanwhile. Nor is anything once the session is over: who goes on sending fills his own memory.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { FrameWatch } from './frame-watch.ts'
import type { Tally } from './session-budget.ts'

const bufferBytes = 64 * 2 ** 10
/** What may still come behind our own last word before nothing is read any more. */
const lateBytesMax = 64 * 2 ** 10

export class WatchedSocket extends Duplex {
  /** What came over it is an error: with this code of RFC 9113 it ends. */
  onError: (code: number) => void = () => {}
  /** Frames have come, and are about to be handed on. */
  onFrames: (tally: Tally) => void = () => {}
  /** Whether node:http2 is done with it: it may have an error yet to send, and reads on meanwhile. */
  isOver: () => boolean = () => false
  /** Our side has said its last word. */
  onFinal: () => void = () => {}
  #socket: Socket
  #watch: FrameWatch
  #inTurn: (run: () => void) => void
  #waiting: Buffer[] = []
  #isStopped = false
  #isFinal = false
  #lateBytes = 0

  /** `inTurn`: runs it when its turn has come. */
  constructor(socket: Socket, watch: FrameWatch, inTurn: (run: () => void) => void) {
    super({ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes, allowHalfOpen: true })
    this.#socket = socket
    this.#watch = watch
    this.#inTurn = inTurn
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('end', () => this.push(null))
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => this.destroy())
  }

  /** Nothing more is read or handed on. */
  stop(): void {
    this.#isStopped = true
    this.#waiting = []
    this.#socket.pause()
  }

  #take(bytes: Buffer): void {
    if (this.#isStopped || this.destroyed) return
    if (this.isOver() || (this.#isFinal && (this.#lateBytes += bytes.length) > lateBytesMax)) return this.stop()
    const code = this.#watch.read(bytes)
    if (code !== 0) {
      this.stop()
      return this.onError(code)
    }
    this.onFrames(this.#watch.takeTally())
    if (this.#isStopped) return
    const { cuts } = this.#watch
    if (this.#waiting.length === 0 && cuts.length === 0) {
      if (!this.push(bytes)) this.#socket.pause()
    } else this.#wait(bytes, cuts)
  }

  #wait(bytes: Buffer, cuts: readonly number[]): void {
    if (this.#waiting.length === 0) this.#inTurn(this.#handOn)
    this.#socket.pause()
    let from = 0
    for (const cut of cuts) {
      this.#waiting.push(bytes.subarray(from, cut))
      from = cut
    }
    this.#waiting.push(bytes.subarray(from))
  }

  #handOn = (): void => {
    const bytes = this.#waiting.shift()
    if (!bytes || this.destroyed) return
    const hasRoom = this.push(bytes)
    if (this.#waiting.length > 0) this.#inTurn(this.#handOn)
    else if (hasRoom) this._read()
  }

  override _read(): void {
    if (!this.#isStopped && this.#waiting.length === 0) this.#socket.resume()
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    if (this.#socket.write(bytes)) done()
    else this.#socket.once('drain', done)
  }

  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: () => void): void {
    const socket = this.#socket
    socket.cork()
    for (const { chunk } of pieces) socket.write(chunk)
    socket.uncork()
    if (socket.writableNeedDrain) socket.once('drain', done)
    else done()
  }

  override _final(done: () => void): void {
    this.#isFinal = true
    this.onFinal()
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#waiting = []
    this.#socket.destroy()
    done(error)
  }
}
