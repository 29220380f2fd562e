/**
 * One connection to a model server: comes up, carries one flight after another, and watches itself while idle.
 *
 * Plain TCP reads into one buffer shared by all connections of the thread, which is why body bytes are valid only
 * during the call. A paused flight stops the reading altogether, so the kernel's buffers fill and the server has to
 * wait; a server's death is then noticed at the next `resume()` and not before: whoever pauses limits for how long.
 */
import { platform } from 'node:process'
import type { LookupAddress } from 'node:dns'
import { isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import { Dial } from './dial.ts'
import { classicalGroups, type Hellos } from './hellos.ts'
import type { Carrier, HttpFlight } from './http-flight.ts'
import { HttpParser, type HttpParserSink } from './http-parser.ts'
import type { Names } from './names.ts'
import type { PeerTls } from './peer-files.ts'
import { brokenFault, connectFault, connectTimeoutFault, mayBeTooLarge, type Stage } from './wire-fault.ts'

/** Where connections go, and what they share. */
export interface Origin {
  readonly host: string
  readonly port: number
  /** Null for plain TCP. */
  readonly tls: PeerTls | null
  readonly hellos: Hellos
  readonly names: Names
  readonly idleMsMax: number
  readonly clock: Clock
}

/** The pool, as a connection sees it. */
export interface ConnectionOwner {
  /** An answer is complete and the connection can carry another. */
  onFree(connection: HttpConnection): void
  /** Told once, before the flight on it hears anything. */
  onGone(connection: HttpConnection): void
  /** The flight lost an idle connection that the server was just closing: it needs a fresh one. */
  onMove(flight: HttpFlight): void
}

/**
 * A server that closes an idle connection while a request is on its way (RFC 9112 section 9.3.1) is noticed within a
 * round trip. An end that comes later than this is no such thing: the server took the request and died of it, perhaps.
 */
export const idleRaceMsMax = 1000
/** The kernel then begins to ask whether the other side still lives: a lost link ends a silent answer at last. */
const keepAliveProbeMs = 15_000
/** A server that says it closes after N is trusted for N less this, or half of N when that is less. */
const keepAliveMarginMs = 1000

const readBytes = 64 * 1024
/** Used up within one callback, so one will do; Windows fills the buffer before the callback, and needs one each. */
const sharedBuffer = platform === 'win32' ? null : Buffer.allocUnsafeSlow(readBytes)

export class HttpConnection implements Carrier, HttpParserSink {
  readonly #origin: Origin
  readonly #owner: ConnectionOwner
  readonly #parser: HttpParser = new HttpParser(this)
  /** Null until TCP is up. */
  #socket: Socket | null = null
  #dial: Dial | null = null
  #stage: Stage
  #connectTimer: Timer | null
  #flight: HttpFlight | null
  #answerCount = 0
  /** Its handshake begins with a message that is small. */
  #isSmall: boolean
  /** Begins the handshake anew; null when it has been, or is done. */
  #again: (() => void) | null = null
  /** Its flight is to be written at the end of this turn. */
  #isToWrite = false
  #isGone = false
  /** When the current request was written, or the connection became idle; monotonic. */
  #sinceMs = 0
  #idleMsMax = 0

  /** Opens a connection for this flight; it is sent as soon as the connection is up. */
  constructor(origin: Origin, owner: ConnectionOwner, flight: HttpFlight) {
    this.#origin = origin
    this.#owner = owner
    this.#flight = flight
    flight.carrier = this
    this.#isSmall = origin.tls !== null && origin.hellos.isSmall(this.#where)
    const family = isIP(origin.host)
    this.#stage = family === 0 ? 'lookup' : 'connect'
    const { connectMs } = flight
    this.#connectTimer = origin.clock.after(connectMs, () => {
      if (this.#stage === 'connect') origin.names.failed(origin.host)
      if (this.#stage === 'tls') origin.hellos.late(this.#where, this.#isSmall)
      this.#end(connectTimeoutFault(this.#stage, this.#where, connectMs))
    })
    if (family !== 0) this.#connect([{ address: origin.host, family }])
    else
      origin.names.find(origin.host, (error, addresses) => {
        if (this.#isGone) return
        // Not before the owner knows of this connection.
        if (error) queueMicrotask(() => this.#onBroken(error))
        else this.#connect(addresses)
      })
  }

  #connect(addresses: readonly LookupAddress[]): void {
    const { host, port, tls, names, clock } = this.#origin
    this.#stage = 'connect'
    this.#dial = new Dial({
      addresses,
      port,
      clock,
      onread: tls === null ? () => this.#onread() : null,
      onUp: (socket, address) => {
        names.worked(host, address)
        this.#dial = null
        socket.setNoDelay(true)
        socket.setKeepAlive(true, keepAliveProbeMs)
        if (tls === null) {
          this.#socket = this.#watch(socket)
          this.#onUp()
        } else this.#begin(socket, tls, addresses)
      },
      onFailed: (error) => {
        names.failed(host)
        this.#onBroken(error)
      },
    })
  }

  #onread(): OnReadOpts {
    return {
      buffer: sharedBuffer ?? Buffer.allocUnsafeSlow(readBytes),
      callback: (count, buffer) => {
        this.#onBytes(buffer as Buffer, count)
        return true
      },
    }
  }

  /** The handshake; one that breaks is tried once more with a small first message, over a connection of its own. */
  #begin(tcp: Socket, tls: PeerTls, addresses: readonly LookupAddress[]): void {
    try {
      this.#socket = this.#watch(this.#secure(tcp, tls))
    } catch (thrown) {
      tcp.destroy() // files of the configuration that are not there
      queueMicrotask(() => this.#end(toFault(thrown)))
      return
    }
    this.#again = () => {
      this.#isSmall = true
      this.#socket?.destroy()
      this.#socket = null
      this.#connect(addresses)
    }
  }

  #secure(tcp: Socket, tls: PeerTls): Socket {
    const { host } = this.#origin
    this.#stage = 'tls'
    tcp.on('error', () => {}) // it is told by the secure socket, which ends with it
    const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined)
    const socket = connectTls(
      {
        socket: tcp,
        host,
        ALPNProtocols: ['http/1.1'],
        ...(servername !== undefined && { servername }),
        ...(tls.ca !== undefined && { ca: tls.ca as (string | Buffer)[] }),
        ...(tls.cert !== undefined && { cert: tls.cert, key: tls.key }),
        ...(this.#isSmall && { ecdhCurve: classicalGroups }),
      },
      () => {
        this.#origin.hellos.worked(this.#where, this.#isSmall)
        this.#again = null
        this.#onUp()
      },
    )
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes, bytes.length))
    return socket
  }

  #watch(socket: Socket): Socket {
    // One whose handshake is begun anew over another says nothing more.
    const isMine = (): boolean => this.#socket === socket
    socket.on('error', (error) => isMine() && this.#onBroken(error))
    socket.on('end', () => isMine() && this.#onEof())
    socket.on('close', () => isMine() && this.#onBroken(null))
    return socket
  }

  get #where(): string {
    return `${this.#origin.host}:${this.#origin.port}`
  }

  get #isReused(): boolean {
    return this.#answerCount > 0
  }

  // ---- for the pool

  /** Idle, and not for so long that the server may be about to close it. */
  isFit(nowMs: number): boolean {
    return !this.#isGone && nowMs - this.#sinceMs < this.#idleMsMax
  }

  /** Carries one more flight; the connection must be idle. */
  carry(flight: HttpFlight): void {
    this.#flight = flight
    flight.carrier = this
    this.#parser.reset()
    this.#send()
  }

  /** Closes at once; a flight on it hears of `fault`. */
  close(fault: Fault | null): void {
    this.#end(fault)
  }

  /** Calls `run` when the socket is closed. */
  onClosed(run: () => void): void {
    if (this.#socket === null || this.#socket.closed) run()
    else this.#socket.once('close', run)
  }

  // ---- for the flight

  pause(): void {
    if (this.#stage === 'up') this.#socket?.pause()
  }

  resume(): void {
    if (this.#stage === 'up') this.#socket?.resume()
  }

  drop(): void {
    this.#flight = null
    this.#parser.stop()
    this.#end(null)
  }

  // ---- from the parser

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#flight?.answered()
    this.#flight?.receiver.onHead({ status, headers, isReused: this.#isReused })
  }

  onBody(bytes: Buffer): void {
    this.#flight?.receiver.onBody(bytes)
  }

  onEnd(): void {
    const flight = this.#flight
    if (flight === null) return
    this.#flight = null
    this.#answerCount++
    if (this.#canServeOn()) {
      if (flight.isPaused) this.#socket?.resume() // an idle connection is watched by reading it
      this.#sinceMs = this.#origin.clock.monotonicMs()
      this.#owner.onFree(this)
    } else this.#end(null)
    flight.end()
  }

  /** An answer that came before its request had been sent in full leaves the rest of the request in the way. */
  #canServeOn(): boolean {
    const socket = this.#socket
    if (!this.#parser.isReusable || !socket || socket.writableLength > 0 || socket.destroyed) return false
    const hintMs = this.#parser.keepAliveMs
    this.#idleMsMax = Math.min(this.#origin.idleMsMax, Math.max(hintMs - keepAliveMarginMs, hintMs / 2))
    return this.#idleMsMax > 0
  }

  // ---- from the socket

  #onUp(): void {
    this.#stage = 'up'
    this.#connectTimer?.cancel()
    this.#connectTimer = null
    if (this.#flight === null) return
    if (this.#flight.isPaused) this.#socket?.pause()
    this.#send()
  }

  /** At the end of the turn, behind the requests of other calls: a server that sleeps is woken once for all of them. */
  #send(): void {
    const { clock } = this.#origin
    this.#sinceMs = clock.monotonicMs()
    this.#isToWrite = true
    clock.soon(this.#writeNow)
  }

  #writeNow = (): void => {
    const isToWrite = this.#isToWrite
    this.#isToWrite = false
    if (isToWrite && this.#flight && !this.#isGone) this.#write(this.#flight)
  }

  #write(flight: HttpFlight): void {
    const socket = this.#socket
    if (!socket) return
    const { bytes } = flight
    flight.isSent = true
    flight.sentMs = this.#sinceMs
    if (bytes.length > 1) socket.cork()
    for (const part of bytes) socket.write(part)
    if (bytes.length > 1) socket.uncork()
  }

  #onBytes(bytes: Buffer, count: number): void {
    const flight = this.#flight
    if (flight === null) {
      this.#end(null) // nobody asked for these: the connection is poisoned
      return
    }
    // Words that came before the call has been sent are not about it.
    if (this.#isToWrite) {
      if (this.#isReused && !flight.isMoved) this.#move(flight)
      else this.#end(new Fault('HF_UPSTREAM_GARBLED', { detail: 'an answer before its request' }))
      return
    }
    try {
      this.#parser.push(bytes, count)
    } catch (thrown) {
      // The parser's refusal, or the receiver's own; a receiver that throws at the end has nobody left to be told.
      if (this.#flight !== flight) throw thrown
      this.#end(toFault(thrown))
    }
  }

  #onEof(): void {
    if (this.#isGone || this.#parser.finish()) return
    this.#onBroken(null)
  }

  /** The connection ended before the answer did. */
  #onBroken(error: Error | null): void {
    if (this.#isGone) return
    if (this.#stage !== 'up') {
      const reason = error ?? new Error('closed')
      if (this.#stage === 'tls' && mayBeTooLarge(reason)) {
        const again = this.#again
        this.#again = null
        if (again && !this.#isSmall) return again()
        this.#origin.hellos.broke(this.#where)
      }
      this.#end(connectFault(reason, this.#stage, this.#where))
      return
    }
    const flight = this.#flight
    if (flight === null) {
      this.#end(null)
      return
    }
    const { hasBegun } = this.#parser
    if (this.#isReused && !hasBegun && this.#mayMove(flight)) this.#move(flight)
    else this.#end(brokenFault(error, { hasBegun, isReused: this.#isReused, where: this.#where }))
  }

  #move(flight: HttpFlight): void {
    this.#flight = null
    this.#end(null)
    flight.carrier = null
    flight.isMoved = true
    this.#owner.onMove(flight)
  }

  /**
   * A call is a POST, and may be sent twice only when the server has not worked on the first: so only on a reused
   * connection, without a byte of an answer, ended so soon that the server was closing it as idle.
   */
  #mayMove(flight: HttpFlight): boolean {
    return !flight.isMoved && this.#origin.clock.monotonicMs() - this.#sinceMs <= idleRaceMsMax
  }

  #end(fault: Fault | null): void {
    if (this.#isGone) return
    this.#isGone = true
    const flight = this.#flight
    this.#flight = null
    this.#connectTimer?.cancel()
    this.#connectTimer = null
    this.#parser.stop()
    this.#owner.onGone(this)
    this.#dial?.cancel()
    this.#socket?.destroy()
    if (fault !== null) flight?.fail(fault)
  }
}
