/** A caller's connection as the relay sees it, over node:http. */
import type { Socket } from 'node:net'
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Reply, ReplyHead } from '../relay/reply.ts'
import type { Answering } from './visitor.ts'

/**
 * Between the last event of a broken answer and the end of its connection. Clients built on fetch throw away what they
 * have received and not yet read when a connection breaks: the error event, of all things.
 */
const lingerMs = 50

/** When a connection breaks so soon behind an answer, that answer may have been lost on the way. */
const arrivalMs = 5000

/** The answer that ended last on a connection. */
interface LastEnd {
  readonly atMs: number
  onUndelivered: () => void
}

/** A function made for one call would tie the call before it to that call. */
const ignore = (): void => {}
/** One listener a connection, however many answers go over it. */
const lastEnds = new WeakMap<Socket, LastEnd>()

export interface HttpReplyOptions {
  readonly stalledMs: number
  /** Names and values in turn, for every answer. */
  readonly headers: readonly string[]
  /** Writes the answer for a fault. */
  readonly fail: (fault: Fault, ray?: Ray) => void
  /** The caller took nothing for `stalledMs`, and its connection is closed. */
  readonly onStalled: () => void
}

/**
 * The first bytes of an answer go out with its head through node:http. From then on a stream's pieces are framed here
 * and written straight to the socket, one write each: node:http would need several (performance: half of the cost of a
 * chunk). Only public interfaces are used; `response.end()` still writes the last chunk.
 */
export class HttpReply implements Reply {
  onDrain: () => void = () => {}
  onGone: () => void = () => {}
  onUndelivered: () => void = () => {}
  #response: Answering
  #clock: Clock
  #stalledMs: number
  #fail: (fault: Fault, ray?: Ray) => void
  #onStalled: () => void
  #headers: readonly string[]
  /** Set once frames may be written to it directly. */
  #socket: Socket | null = null
  #isStream = false
  /** Neither side has said that the connection closes behind this answer. */
  #staysOpen: boolean
  #hasRoom = true
  #isOver = false
  #stall: Timer | null = null
  #drained = (): void => {
    this.#hasRoom = true
    this.#stopWatch()
    this.onDrain()
  }

  #cut = (): void => {
    this.#onStalled()
    this.#response.destroy()
  }

  constructor(response: Answering, clock: Clock, options: HttpReplyOptions) {
    this.#response = response
    this.#staysOpen = response.shouldKeepAlive
    this.#clock = clock
    this.#stalledMs = options.stalledMs
    this.#headers = options.headers
    this.#fail = options.fail
    this.#onStalled = options.onStalled
    response.on('close', () => this.#closed())
    response.on('drain', this.#drained)
    // Who asks again has got the answer before.
    const before = response.socket && lastEnds.get(response.socket)
    if (before) before.onUndelivered = ignore
  }

  begin(head: ReplyHead): void {
    const headers: string[] = []
    for (let i = 0; i < this.#headers.length; i += 2) {
      const name = this.#headers[i] as string
      headers.push(name, head.headers[name] ?? (this.#headers[i + 1] as string))
    }
    if (head.timing !== null) headers.push('server-timing', head.timing)
    if (head.lengthBytes === null) {
      this.#isStream = true
      headers.push(
        'content-type',
        'text/event-stream; charset=utf-8',
        'cache-control',
        'no-cache, no-transform',
        'x-accel-buffering',
        'no',
      )
    } else {
      headers.push('content-type', 'application/json', 'content-length', String(head.lengthBytes))
    }
    this.#response.writeHead(200, headers)
  }

  write(bytes: Buffer): boolean {
    if (this.#isOver) return true
    this.#hasRoom = this.#socket ? this.#socket.write(frame(bytes)) : this.#writeFirst(bytes)
    if (!this.#hasRoom && !this.#stall) {
      this.#stall = this.#clock.after(this.#stalledMs, this.#cut)
    }
    return this.#hasRoom
  }

  end(): void {
    this.#close()
    this.#awaitArrival()
    this.#response.end()
    // A reader that does not take the last of it is not waited for either; 'close' ends the watch.
    if (this.#hasRoom) this.#stopWatch()
  }

  breakOff(): void {
    this.#close()
    const { socket, destroyed } = this.#response
    // A connection that is gone needs no watch, and 'close' would not come again to end it.
    if (destroyed || socket?.destroyed) return void this.#response.destroy()
    // A stream has no socket of its own.
    this.#clock.after(lingerMs, () => (socket ? socket.destroySoon() : this.#response.destroy()))
    // Even a few bytes may never be taken; 'close' ends the watch.
    this.#stall ??= this.#clock.after(this.#stalledMs, this.#cut)
  }

  fail(fault: Fault, ray?: Ray): void {
    this.#close()
    this.#fail(fault, ray)
  }

  #writeFirst(bytes: Buffer): boolean {
    const hasRoom = this.#response.write(bytes)
    // node:http keeps the head and the first chunks back until the turn is over: a frame written past it before then
    // would come out in front of them. A plain answer frames its chunks itself and is never taken over.
    if (this.#isStream && this.#response.chunkedEncoding) this.#clock.soon(() => this.#takeOver())
    return hasRoom
  }

  #takeOver(): void {
    const { socket, chunkedEncoding, writableCorked } = this.#response
    if (this.#isOver || this.#socket || !chunkedEncoding || writableCorked > 0 || !socket || socket.destroyed) return
    this.#socket = socket
    socket.on('drain', this.#drained)
  }

  #awaitArrival(): void {
    const { socket, destroyed } = this.#response
    if (destroyed || socket?.destroyed) return this.onUndelivered()
    if (!socket) return this.#awaitStream()
    if (!this.#staysOpen) return
    const clock = this.#clock
    const isWatched = lastEnds.has(socket)
    lastEnds.set(socket, { atMs: clock.monotonicMs(), onUndelivered: this.onUndelivered })
    if (isWatched) return
    socket.once('close', () => {
      const last = lastEnds.get(socket)
      if (last && clock.monotonicMs() - last.atMs < arrivalMs) last.onUndelivered()
    })
  }

  /** Others go over its connection: only what became of itself says something. */
  #awaitStream(): void {
    const response = this.#response
    response.on('close', () => {
      if (response.wasCut) this.onUndelivered()
    })
  }

  #close(): void {
    this.#isOver = true
    this.#socket?.off('drain', this.#drained)
    this.#socket = null
  }

  #stopWatch(): void {
    this.#stall?.cancel()
    this.#stall = null
  }

  #closed(): void {
    this.#stopWatch()
    if (this.#isOver) return
    this.#close()
    this.onGone()
  }
}

/** One chunk of HTTP/1.1 chunked coding: size in hex, the bytes, each with its line end. */
function frame(bytes: Buffer): Buffer {
  const size = bytes.length.toString(16)
  const framed = Buffer.allocUnsafe(size.length + bytes.length + 4)
  framed.write(size, 0, 'latin1')
  framed[size.length] = 13
  framed[size.length + 1] = 10
  bytes.copy(framed, size.length + 2)
  framed[framed.length - 2] = 13
  framed[framed.length - 1] = 10
  return framed
}
