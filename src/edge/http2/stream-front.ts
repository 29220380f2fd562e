/**
 * HTTP/2 on a listener: sessions, their streams as requests, their limits and their polite end. What a session may do
 * beyond asking (resets, settings, pings in a row) is for node:http2 to judge.
 */
import { createServer, type Http2Server, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Limits } from '../limits.ts'
import type { Answering, Asking } from '../visitor.ts'
import { StreamAnswer } from './stream-answer.ts'

/** Requests under way on one connection; a client with more opens another. */
const streamsMax = 256
/** What a client may send ahead: on a stream, and on all of a connection together. */
const streamWindowBytes = 256 * 2 ** 10
const sessionWindowBytes = 2 ** 20
/** Larger than any number of a stream: all that are on their way are served yet (RFC 9113, section 6.8). */
const lastStream = 2 ** 31 - 1
/** From the word that the connection will close to its end: a way to the client and back, and some. */
const noticeMs = 1000
const sweepMs = 1000
/** With these bytes a client begins that knows that HTTP/2 is spoken here (RFC 9113, section 3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface StreamFrontParts {
  readonly clock: Clock
  readonly limits: Pick<Limits, 'headerBytesMax' | 'idleMs' | 'requestMs'>
  /** Whether connections may wait for another request now. */
  readonly mayStayOpen: () => boolean
  readonly handle: (request: Asking, response: Answering) => void
}

interface Session {
  liveCount: number
  /** Since when it is so; monotonic. */
  changedMs: number
  isLeaving: boolean
}

export class StreamFront implements Disposable {
  #parts: StreamFrontParts
  #server: Http2Server
  #sessions = new Map<ServerHttp2Session, Session>()
  #sweeper: Timer

  constructor(parts: StreamFrontParts) {
    this.#parts = parts
    const { clock, limits } = parts
    this.#server = createServer({
      settings: {
        enablePush: false,
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: streamsMax,
        maxHeaderListSize: limits.headerBytesMax,
      },
    })
    this.#server.on('session', (session) => this.#enter(session))
    this.#server.on('request', (request, { stream }) => this.#serve(request, new StreamAnswer(stream)))
    // Without it node:http2 would answer by itself, without a ray.
    this.#server.on('checkExpectation', (request: Http2ServerRequest) =>
      this.#serve(request, new StreamAnswer(request.stream)),
    )
    this.#server.on('connect', (request: Http2ServerRequest) => this.#serve(request, new StreamAnswer(request.stream)))
    this.#sweeper = clock.every(sweepMs, () => this.#sweep())
  }

  get count(): number {
    return this.#sessions.size
  }

  /** From now on it is spoken on this connection. `unread`: what was read of it before. */
  take(socket: Socket, unread?: Buffer): void {
    if (unread && unread.length > 0) {
      socket.pause() // flowing on with nobody listening, it would lose them
      socket.unshift(unread)
    }
    this.#server.emit('connection', socket)
  }

  /** Whether a connection begins as one of HTTP/2 does. */
  isMeant(bytes: Buffer): boolean {
    return bytes.length >= 3 && preface.subarray(0, bytes.length).equals(bytes.subarray(0, preface.length))
  }

  /** Every session is told that it is the last it has here; each ends behind its answers. */
  drain(): void {
    for (const session of this.#sessions.keys()) this.#leave(session)
  }

  [Symbol.dispose](): void {
    this.#sweeper.cancel()
    for (const session of this.#sessions.keys()) session.destroy()
  }

  #enter(session: ServerHttp2Session): void {
    const { clock, mayStayOpen } = this.#parts
    const known: Session = { liveCount: 0, changedMs: clock.monotonicMs(), isLeaving: false }
    this.#sessions.set(session, known)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => {}) // `close` follows
    session.setLocalWindowSize(sessionWindowBytes)
    if (!mayStayOpen()) this.#leave(session)
  }

  #serve(request: Http2ServerRequest, answer: StreamAnswer): void {
    const { clock, limits, handle } = this.#parts
    const { stream } = request
    const known = this.#sessions.get(stream.session as ServerHttp2Session)
    if (known) known.liveCount++
    const slow = stream.readableEnded ? null : clock.after(limits.requestMs, () => answer.destroy())
    request.once('end', () => slow?.cancel())
    answer.once('close', () => {
      slow?.cancel()
      if (!known) return
      known.liveCount--
      known.changedMs = clock.monotonicMs()
    })
    // In HTTP/2 it is a part of the target; everywhere else in the house it is a header.
    request.headers.host ??= request.authority
    handle(request as unknown as IncomingMessage, answer)
  }

  #leave(session: ServerHttp2Session): void {
    const known = this.#sessions.get(session)
    if (!known || known.isLeaving || session.destroyed) return
    known.isLeaving = true
    // Two steps: a request that is on its way now is not lost.
    session.goaway(0, lastStream)
    this.#parts.clock.after(noticeMs, () => {
      if (!session.destroyed) session.close()
    })
  }

  #sweep(): void {
    const { clock, limits, mayStayOpen } = this.#parts
    const staysOpen = mayStayOpen()
    const nowMs = clock.monotonicMs()
    for (const [session, { liveCount, changedMs }] of this.#sessions)
      if (!staysOpen || (liveCount === 0 && nowMs - changedMs >= limits.idleMs)) this.#leave(session)
  }
}
