/**
 * All connections to one model server: HTTP/1.1 over TCP or TLS, kept alive and used again, newest first.
 *
 * An idle connection is watched: a server's FIN, reset or stray byte takes it out of the pool at once. What is left is
 * the race in which the server closes a connection while a request is on its way to it; then, and only then, the wire
 * sends the request once more on a fresh connection (see `HttpConnection`). All other trying again is the relay's.
 */
import type { LookupFunction } from 'node:net'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import { HttpConnection, type ConnectionOwner, type Origin } from './http-connection.ts'
import { HttpFlight, type Carrier } from './http-flight.ts'
import { Hellos } from './hellos.ts'
import { Names } from './names.ts'
import type { PeerTls } from './peer-files.ts'
import { requestBytes } from './request-head.ts'
import type { Flight, Wire, WireReceiver, WireRequest } from './wire.ts'

/** Requests that may wait for a connection, each no longer than its `connectMs`; more are refused at once. */
export const waitingCountMax = 1024
/** How often idle connections are looked through for ones past their time. */
const sweepPeriodMs = 1000

export interface HttpWireOptions {
  /** `http:` or `https:`; only scheme, host and port are looked at. */
  readonly url: URL
  readonly clock: Clock
  /** Connections at a time. Default 1024. */
  readonly connectionsMax?: number
  /** Idle connections are not used again after this. Default 4000 ms, since many servers close after 5 s. */
  readonly idleMsMax?: number
  /** Knows the addresses of names. Default: knowledge of its own. */
  readonly names?: Names
  /** Without `names`: looks names up. Default: the system's resolver. */
  readonly lookup?: LookupFunction
  readonly tls?: PeerTls
  /** Knows which peers are to be greeted small. Default: knowledge of its own. */
  readonly hellos?: Hellos
}

/** Opens no connection yet: the first call does. Dispose it to close them all. */
export function openHttpWire(options: HttpWireOptions): Wire {
  return new HttpWire(options)
}

class HttpWire implements Wire, ConnectionOwner {
  readonly #origin: Origin
  readonly #hostHeader: string
  readonly #connectionsMax: number
  readonly #open = new Set<HttpConnection>()
  /** The one used last is at the end, and is taken first. */
  readonly #idle: HttpConnection[] = []
  /** In the order of coming. */
  readonly #waiting = new Map<HttpFlight, WaitingPlace>()
  #sweepTimer: Timer | null = null
  #isClosed = false

  constructor(options: HttpWireOptions) {
    const { url, clock, tls = {}, lookup, idleMsMax = 4000 } = options
    const isTls = url.protocol === 'https:'
    if (!isTls && url.protocol !== 'http:') throw new Fault('HF_CONFIG', { detail: `no HTTP URL: ${url.protocol}` })
    this.#origin = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      tls: isTls ? tls : null,
      names: options.names ?? new Names(clock, lookup),
      hellos: options.hellos ?? new Hellos(clock),
      idleMsMax,
      clock,
    }
    this.#hostHeader = url.host
    this.#connectionsMax = options.connectionsMax ?? 1024
  }

  get openCount(): number {
    return this.#open.size
  }

  get idleCount(): number {
    return this.#idle.length
  }

  /**
   * Sends a request. The receiver is told nothing before this has returned. Faults beyond those of the contract:
   * HF_CONFIG and HF_INTERNAL for a request that cannot be written, HF_NO_UPSTREAM when no connection became free,
   * HF_QUEUE_FULL when this process has no sockets left, HF_CLOSING after disposal. A fault that the receiver throws
   * from `onHead` or `onBody` ends the flight and comes back through `onFail`.
   */
  send(request: WireRequest, receiver: WireReceiver): Flight {
    let bytes: readonly Buffer[] = []
    let flaw: Fault | null = this.#isClosed ? new Fault('HF_CLOSING') : null
    try {
      bytes = requestBytes(request, this.#hostHeader)
    } catch (thrown) {
      flaw ??= toFault(thrown)
    }
    const flight = new HttpFlight(request, receiver, bytes)
    if (flaw === null) this.#board(flight)
    else failSoon(flight, flaw)
    return flight
  }

  #board(flight: HttpFlight): void {
    const connection = this.#takeIdle()
    if (connection !== null) connection.carry(flight)
    else if (this.#open.size < this.#connectionsMax) this.#connect(flight)
    else this.#queue(flight)
  }

  #takeIdle(): HttpConnection | null {
    const nowMs = this.#origin.clock.monotonicMs()
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined) return null
      if (connection.isFit(nowMs)) return connection
      connection.close(null)
    }
  }

  #connect(flight: HttpFlight): void {
    this.#open.add(new HttpConnection(this.#origin, this, flight))
  }

  #queue(flight: HttpFlight): void {
    if (this.#waiting.size >= waitingCountMax) {
      failSoon(flight, new Fault('HF_NO_UPSTREAM', { detail: `all ${this.#connectionsMax} connections are in use` }))
      return
    }
    const { connectMs } = flight
    const timer = this.#origin.clock.after(connectMs, () => {
      this.#waiting.delete(flight)
      flight.fail(new Fault('HF_NO_UPSTREAM', { detail: `no connection became free within ${connectMs} ms` }))
    })
    const place = new WaitingPlace(timer, () => this.#waiting.delete(flight))
    flight.carrier = place
    this.#waiting.set(flight, place)
  }

  #takeWaiting(): HttpFlight | null {
    for (const [flight, place] of this.#waiting) {
      place.drop()
      return flight
    }
    return null
  }

  onFree(connection: HttpConnection): void {
    const flight = this.#takeWaiting()
    if (flight !== null) {
      connection.carry(flight)
      return
    }
    this.#idle.push(connection)
    this.#sweepTimer ??= this.#origin.clock.after(sweepPeriodMs, () => this.#sweep())
  }

  onGone(connection: HttpConnection): void {
    this.#open.delete(connection)
    const index = this.#idle.lastIndexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    if (this.#isClosed || this.#open.size >= this.#connectionsMax) return
    const flight = this.#takeWaiting()
    if (flight !== null) this.#connect(flight)
  }

  onMove(flight: HttpFlight): void {
    if (this.#isClosed) flight.fail(new Fault('HF_CLOSING'))
    else if (this.#open.size < this.#connectionsMax) this.#connect(flight)
    else this.#queue(flight)
  }

  #sweep(): void {
    const nowMs = this.#origin.clock.monotonicMs()
    for (const worn of this.#idle.filter((connection) => !connection.isFit(nowMs))) worn.close(null)
    const isDone = this.#idle.length === 0
    this.#sweepTimer = isDone ? null : this.#origin.clock.after(sweepPeriodMs, () => this.#sweep())
  }

  /** Ends what is under way with HF_CLOSING and waits until all sockets are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#sweepTimer?.cancel()
    this.#sweepTimer = null
    for (let flight = this.#takeWaiting(); flight !== null; flight = this.#takeWaiting())
      flight.fail(new Fault('HF_CLOSING'))
    const closing = [...this.#open].map((connection) => {
      connection.close(new Fault('HF_CLOSING'))
      return new Promise<void>((resolve) => connection.onClosed(resolve))
    })
    await Promise.all(closing)
  }
}

/** A place in the queue for a connection. */
class WaitingPlace implements Carrier {
  readonly #timer: Timer
  readonly #leave: () => void
  constructor(timer: Timer, leave: () => void) {
    this.#timer = timer
    this.#leave = leave
  }
  pause(): void {} // nothing is read yet; the connection looks at the flight when it takes it
  resume(): void {}
  drop(): void {
    this.#timer.cancel()
    this.#leave()
  }
}

/** Not from within `send`, whose caller does not have the flight yet. */
function failSoon(flight: HttpFlight, fault: Fault): void {
  queueMicrotask(() => flight.fail(fault))
}
