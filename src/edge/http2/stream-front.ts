/**
 * HTTP/2 on a listener: sessions, their streams as requests, their limits and their polite end. What a session may cost
 * beside its requests is judged by its budget; who exceeds it is told to calm down, and let go.
 */
import {
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../ground/clock.ts'
import { Portions } from '../../ground/portions.ts'
import type { Limits } from '../limits.ts'
import type { Gate } from '../address/proxy-gate.ts'
import type { Sockets } from '../realtime/sockets.ts'
import type { Answering, Asking } from '../visitor.ts'
import { FrameWatch } from './frame-watch.ts'
import { SessionBudget } from './session-budget.ts'
import { StreamAnswer } from './stream-answer.ts'
import { WatchedSocket } from './watched-socket.ts'
import { askerOnStream } from './stream-asker.ts'

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
/** At sessions, for one to close. */
const roomLooksMax = 32
/** Pieces of connections that bring many requests at once, of all together in one turn. */
const piecesPerTurn = 3
/** From our last word on a connection to its end, where the client does not end it. */
const lingerMs = 2000
/** Behind our own budget stands that of nghttp2: it acts within one read of a connection, of some thousand frames. */
const resetsBurst = 5000
const resetsPerSecond = 33
/** Of one SETTINGS frame; there are eight that mean something. */
const settingsMax = 32
/** Frames that break the rules, and streams that are refused, before the session is closed. */
const invalidFramesMax = 100
const rejectedStreamsMax = 100
/** All that a session holds; header tables, queues, bodies that are on their way. */
const sessionMegabytesMax = 8
/** Lines of a head. */
const headerCountMax = 256
/** RFC 9113, section 7. */
const enhanceYourCalm = 11
/** What node:http2 ends a session with for frames that break the rules. */
const brokenCodes: ReadonlySet<string> = new Set(['ERR_HTTP2_ERROR', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES'])
/** From that word to the end, for it to arrive; nothing is read meanwhile. */
const calmMs = 20
/** With these bytes a client begins that knows that HTTP/2 is spoken here (RFC 9113, section 3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface StreamFrontParts {
  readonly clock: Clock
  readonly limits: Pick<Limits, 'headerBytesMax' | 'idleMs' | 'requestMs'>
  /** Whether connections may wait for another request now. */
  readonly mayStayOpen: () => boolean
  readonly handle: (request: Asking, response: Answering) => void
  /** Who takes streams that are to be WebSockets (RFC 8441); left out, they are served like others. */
  readonly sockets?: Pick<Sockets, 'isMeant' | 'take'> | undefined
  readonly gate: Gate | null
  /** A session was closed for what came over it. */
  readonly onOffence: (socket: Socket, why: string) => void
  /** A session was closed for frames that are none, or out of place. */
  readonly onRefused: (socket: Socket) => void
}

interface Session {
  readonly socket: Socket | null
  readonly watched: WatchedSocket | null
  readonly budget: SessionBudget
  liveCount: number
  /** Since when it is so; monotonic. */
  changedMs: number
  isLeaving: boolean
  /** Streams that became WebSockets. */
  readonly joined: Set<ServerHttp2Stream>
  /** It was told to calm down; nothing of it is served any more. */
  isCalmed: boolean
  /** It was counted among those that are turned away. */
  isRefused: boolean
}

export class StreamFront implements Disposable {
  #parts: StreamFrontParts
  #server: Http2Server
  #sessions = new Map<ServerHttp2Session, Session>()
  #bySocket = new WeakMap<Socket, Session>()
  #timers = new DisposableStack()
  #pieces: Portions
  /** The connection whose session is just being made. */
  #arriving: { readonly socket: Socket; readonly watched: WatchedSocket } | null = null

  constructor(parts: StreamFrontParts) {
    this.#parts = parts
    const { clock, limits } = parts
    this.#server = createServer({
      streamResetBurst: resetsBurst,
      streamResetRate: resetsPerSecond,
      maxSettings: settingsMax,
      maxSessionInvalidFrames: invalidFramesMax,
      maxSessionRejectedStreams: rejectedStreamsMax,
      maxSessionMemory: sessionMegabytesMax,
      maxHeaderListPairs: headerCountMax,
      settings: {
        enablePush: false,
        enableConnectProtocol: parts.sockets !== undefined,
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: streamsMax,
        maxHeaderListSize: limits.headerBytesMax,
      },
    })
    this.#server.on('session', (session) => this.#enter(session))
    this.#server.on('request', (request, { stream }) => this.#serve(request, stream))
    // Without it node:http2 would answer by itself, without a ray.
    this.#server.on('checkExpectation', (request: Http2ServerRequest) => this.#serve(request, request.stream))
    this.#server.on('connect', (request: Http2ServerRequest) => this.#connect(request, request.stream))
    this.#timers.use(clock.every(sweepMs, () => this.#sweep()))
    this.#pieces = new Portions(clock, piecesPerTurn)
  }

  /** Whether a request is under way on it. */
  isOn(socket: Socket): boolean {
    return (this.#bySocket.get(socket)?.liveCount ?? 0) > 0
  }

  /** Closes a session on which nothing is under way. `mayStay`: whose it is not to be. False where none was found. */
  makeRoom(mayStay: (socket: Socket) => boolean): boolean {
    let looks = 0
    for (const [session, known] of this.#sessions) {
      if (++looks > roomLooksMax) return false
      const { socket, liveCount } = known
      // Looked at again last.
      this.#sessions.delete(session)
      this.#sessions.set(session, known)
      if (!socket || liveCount > 0 || mayStay(socket)) continue
      session.destroy()
      return true
    }
    return false
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
    const { clock, limits } = this.#parts
    const watch = new FrameWatch(limits.headerBytesMax, headerCountMax)
    const watched = new WatchedSocket(socket, watch, (run) => this.#pieces.add(run))
    watched.onFinal = () => clock.after(lingerMs, () => watched.destroy())
    this.#arriving = { socket, watched }
    this.#server.emit('connection', watched)
    this.#arriving = null
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
    this.#timers.dispose()
    for (const session of this.#sessions.keys()) session.destroy()
  }

  #enter(session: ServerHttp2Session): void {
    const { clock, mayStayOpen } = this.#parts
    const nowMs = clock.monotonicMs()
    const budget = new SessionBudget(nowMs)
    const known: Session = {
      socket: this.#arriving?.socket ?? null,
      watched: this.#arriving?.watched ?? null,
      budget,
      liveCount: 0,
      changedMs: nowMs,
      isLeaving: false,
      isCalmed: false,
      isRefused: false,
      joined: new Set(),
    }
    // Node goes on with a connection whose client will say nothing more; who has a WebSocket is gone then.
    this.#arriving?.socket.once('end', () => {
      for (const stream of known.joined) stream.destroy()
    })
    this.#sessions.set(session, known)
    if (known.socket) this.#bySocket.set(known.socket, known)
    session.once('close', () => this.#sessions.delete(session))
    // Before it becomes a request: one that is reset by now no longer knows its session.
    session.prependListener('stream', (stream: ServerHttp2Stream) => this.#begin(stream, session, known))
    session.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (brokenCodes.has(code ?? '')) this.#refused(known)
    }) // `close` follows
    const { watched } = known
    if (watched) {
      watched.onError = (code) => this.#end(session, known, code)
      watched.isOver = () => session.destroyed
      watched.onFrames = (tally) => {
        const why = budget.read(tally, clock.monotonicMs())
        if (why !== null) this.#calm(session, known, why)
      }
    }
    session.setLocalWindowSize(sessionWindowBytes)
    if (!mayStayOpen()) this.#leave(session)
  }

  #begin(stream: ServerHttp2Stream, session: ServerHttp2Session, known: Session): void {
    known.budget.request()
    // Reset before anybody has looked at it: nobody need.
    if (stream.aborted || stream.destroyed) this.#dropped(session, known)
  }

  #serve(request: Http2ServerRequest, stream: ServerHttp2Stream): void {
    const { clock, limits, handle } = this.#parts
    const session = stream.session as ServerHttp2Session
    const known = this.#sessions.get(session)
    if (!known || known.isCalmed) return void stream.destroy()
    if (stream.aborted || stream.destroyed) return
    const { budget } = known
    const answer = new StreamAnswer(stream, (bytes) => budget.piece(bytes))
    known.liveCount++
    const slow = stream.readableEnded ? null : clock.after(limits.requestMs, () => answer.destroy())
    request.once('end', () => slow?.cancel())
    answer.once('close', () => {
      slow?.cancel()
      known.liveCount--
      known.changedMs = clock.monotonicMs()
      if (stream.aborted && !answer.isBrokenOff) this.#dropped(session, known)
      if (!answer.shouldKeepAlive) this.#calm(session, known, null)
    })
    // In HTTP/2 it is a part of the target; everywhere else in the house it is a header.
    request.headers.host ??= request.authority
    // Of the connection itself: node:http2 knows only what stands before it.
    Object.defineProperty(request, 'socket', { value: known.socket })
    handle(request as unknown as IncomingMessage, answer)
  }

  /** A stream that is to be a WebSocket; any other CONNECT is answered like what else is not spoken. */
  #connect(request: Http2ServerRequest, stream: ServerHttp2Stream): void {
    const { sockets, clock, gate } = this.#parts
    if (!sockets?.isMeant(request as unknown as IncomingMessage)) return this.#serve(request, stream)
    const session = stream.session as ServerHttp2Session
    const known = this.#sessions.get(session)
    if (!known || known.isCalmed) return void stream.destroy()
    if (stream.aborted || stream.destroyed) return
    countPieces(stream, known.budget)
    known.liveCount++
    known.joined.add(stream)
    stream.once('close', () => {
      known.liveCount--
      known.joined.delete(stream)
      known.changedMs = clock.monotonicMs()
      if (stream.aborted && !stream.headersSent) this.#dropped(session, known)
    })
    request.headers.host ??= request.authority
    Object.defineProperty(request, 'socket', { value: known.socket })
    void sockets.take(askerOnStream(request, stream, gate))
  }

  /** A stream was reset before its time, by the client or for what it did. */
  #dropped(session: ServerHttp2Session, known: Session): void {
    if (!known.budget.drop(this.#parts.clock.monotonicMs())) this.#calm(session, known, 'too many streams were reset')
  }

  /** `why`: what it did; null for who is locked out anyway. */
  #calm(session: ServerHttp2Session, known: Session, why: string | null): void {
    if (session.destroyed || known.isCalmed) return
    if (why !== null && known.socket) this.#parts.onOffence(known.socket, why)
    this.#end(session, known, enhanceYourCalm)
  }

  /** `code`: of RFC 9113. Answers that are under way break off. */
  #end(session: ServerHttp2Session, known: Session, code: number): void {
    if (session.destroyed || known.isCalmed) return
    known.isCalmed = true
    known.watched?.stop()
    if (code !== enhanceYourCalm) this.#refused(known)
    // Destroyed at once, it could take the word along: the system resets what is closed with bytes unread.
    session.goaway(code)
    this.#parts.clock.after(calmMs, () => session.destroy(new Error('ended for what came over it'), code))
  }

  /** Once a session. */
  #refused(known: Session): void {
    if (known.isRefused || !known.socket) return
    known.isRefused = true
    this.#parts.onRefused(known.socket)
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

/** Pieces of what we send, each of which may be answered with a word that there is room again. */
function countPieces(stream: ServerHttp2Stream, budget: SessionBudget): void {
  const write = stream.write.bind(stream) as (piece: Buffer) => boolean
  stream.write = (piece: Buffer): boolean => {
    budget.piece(piece.length)
    return write(piece)
  }
}
