/** A listening socket for visitors, over node:http, with every limit set on purpose, and its polite end. */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { RaySource } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import { Portions } from '../ground/portions.ts'
import { Connections } from './connections.ts'
import { Handshakes } from './handshakes.ts'
import type { Limits } from './limits.ts'
import { Pipeline } from './pipeline.ts'
import { PlainFront } from './plain/plain-front.ts'
import { LiveAnswers, parserFault } from './raw-refusal.ts'
import { Fault } from '../fault/fault.ts'
import type { Observer } from '../observe/observer.ts'
import type { Answering, Asking } from './visitor.ts'
import type { ListenerOptions } from './listener-options.ts'
import { type Gate, ProxyGate } from './address/proxy-gate.ts'
import type { Visitors } from './address/visitors.ts'
import type { Crowd } from './crowd/crowd.ts'
import { entranceFor } from './crowd/entrance.ts'
import { type TurnAway, turnAwayFor } from './crowd/turn-away.ts'
import type { Sockets } from './realtime/sockets.ts'
import type { StreamFront } from './http2/stream-front.ts'
import type { SecureServer, SecureSettings } from './tls/secure-server.ts'
import type { TlsMaterial } from './tls/tls-material.ts'

export interface Listener {
  /** `http://host:port`, or with `https`. */
  readonly url: string
  readonly port: number
  readonly connectionCount: number
  /**
   * Where TLS is spoken: with these certificates from now on; connections that are open stay as they are.
   * @throws {Error} when they cannot be used; then nothing has changed.
   */
  useTls(material: TlsMaterial): void
  /**
   * Stops accepting; requests on open connections are served as ever, and each connection closes behind its answer. No
   * server can close an idle one without a race: a request may be on its way. So, `isReplaced` by another process that
   * accepts in its place, it leaves silent ones to their clients until `idleMs`, as at any time; else, where the next
   * call is refused in any case, for 6 s. Resolves when all are gone. Called again, it may hurry but not take longer.
   */
  drain(isReplaced: boolean): Promise<void>
  /** Stops listening and closes every connection now. */
  destroy(): void
}

/**
 * While connections are short, or the end has come: clients that keep theirs for five seconds or less, as most do, have
 * then let go of it by themselves, and none is closed under a request that is on its way.
 */
const shortIdleSweepsMax = 6

/** From this share of `connectionsMax` on, each that comes takes the place of one that does not ask. */
const crowdedShare = 0.9
/**
 * node:http looks for those whose time is over once a second, and finds all of them at once; and a thousand may leave
 * in the same moment, in the middle of what they were saying.
 */
const massEnds: ReadonlySet<string> = new Set(['ERR_HTTP_REQUEST_TIMEOUT', 'HPE_INVALID_EOF_STATE', 'ECONNRESET'])
/** Connections of the slow that are answered and closed in one turn: some 0.1 ms each. */
const endsPerTurn = 8

export interface ListenerParts {
  readonly clock: Clock
  readonly rays: RaySource
  readonly limits: Limits
  readonly observer: Observer
  /** Whether connections may wait for another request now; else they close behind their answers, or when idle. */
  readonly mayStayOpen: () => boolean
  /** `gate`: knows whose a connection is, where a load balancer says so. */
  readonly handle: (request: Asking, response: Answering, gate?: Gate | null) => void
  /** Who may say whose a connection is; nobody, where it is left out. */
  readonly visitors?: Pick<Visitors, 'trusted'>
  /** Who has too many connections, or is locked out, does not come in. */
  readonly crowd?: Pick<Crowd, 'isOn' | 'admit' | 'isWelcome' | 'offend' | 'malformed' | 'mayTell'>
  /** Whether a request for this target is a call. */
  readonly isCall: (url: string) => boolean
  /** Who takes connections that are to change to WebSocket; left out, such requests are served like others. */
  readonly sockets?: Pick<Sockets, 'isMeant' | 'isOn' | 'join' | 'take'>
  /** What TLS is spoken with; null where it is not. */
  readonly tls?: { readonly settings: SecureSettings; readonly material: TlsMaterial } | null
}

/** @throws the system's error (EADDRINUSE, EACCES …) when the address cannot be taken. */
export async function openListener(options: ListenerOptions, given: ListenerParts): Promise<Listener> {
  const { limits, clock } = given
  const { gate, parts } = openGate(options, given)
  let isDraining = false
  let isEnding = false
  const mayStayOpen = (): boolean => !isDraining && parts.mayStayOpen()
  const live = new LiveAnswers()
  const pipeline = new Pipeline(clock)
  const onRequest: RequestListener = (request, response) => {
    if (!live.enter(response)) return
    // Set before the handler writes its head: the client then does not reuse the connection.
    if (!mayStayOpen()) response.shouldKeepAlive = false
    pipeline.take(response, () => parts.handle(request, response))
  }
  const secure = await openSecure(options, parts, onRequest)
  const server: Server = secure?.server ?? createServer(settingsOf(parts), onRequest)
  const streams = await openStreams(options, parts, mayStayOpen, gate)
  const front = openFront(server, parts, { staysOpen: mayStayOpen, arrival: secure ? secured : 'connection', streams })
  const isAnswering = (socket: Socket): boolean =>
    live.isOn(socket) ||
    front.isOn(socket) ||
    (streams?.isOn(socket) ?? false) ||
    (parts.sockets?.isOn(socket) ?? false)
  const idleSweepsMax = (): number => (isEnding || !parts.mayStayOpen() ? shortIdleSweepsMax : Number.POSITIVE_INFINITY)
  const connections = new Connections(clock, isAnswering, idleSweepsMax)
  const take = (socket: Socket): void => {
    front.take(socket)
    connections.enter(socket)
  }
  receive(server, parts, { gate, secure, connections, streams, take })
  if (parts.crowd?.isOn) putBefore(server, entranceFor(parts.crowd, gate, secure ? null : parts))
  if (gate) putBefore(server, gate)
  serveTheRest(server, parts, { live, pipeline, gate, turnAway: turnAwayFor(parts.crowd, gate, parts) })
  server.maxConnections = limits.connectionsMax
  await listen(server, options)
  server.on('error', (error) => parts.observer.log.error({ detail: error.message }, 'listener failed'))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http${secure ? 's' : ''}://${inUrl(options.host)}:${port}`,
    get connectionCount() {
      return connections.count + (streams?.count ?? 0)
    },
    useTls: (material) => secure?.use(material),
    drain: (isReplaced) => {
      isDraining = true
      isEnding ||= !isReplaced
      streams?.drain()
      return drain(server)
    },
    destroy: () => {
      for (const part of [connections, front, streams]) part?.[Symbol.dispose]()
      server.close()
      server.closeAllConnections()
    },
  }
}

/** What the load balancer says comes first, also before TLS. */
function openGate(options: ListenerOptions, parts: ListenerParts): { gate: ProxyGate | null; parts: ListenerParts } {
  if (!options.proxyProtocol) return { gate: null, parts }
  const { clock, limits, observer, handle, visitors } = parts
  const isTrusted = (address: string): boolean => visitors?.trusted.has(address) ?? false
  const onRefused = (address: string, why: string): void => observer.log.debug({ address, detail: why }, 'not let in')
  const { headersMs, connectionsMax: waitingMax } = limits
  const gate = new ProxyGate({ clock, headersMs, waitingMax, isTrusted, onRefused })
  return { gate, parts: { ...parts, handle: (request, response) => handle(request, response, gate) } }
}

/** Whose a connection is. */
const addressOf = (socket: Socket, gate: Gate | null): string =>
  gate ? gate.addressOf(socket) : (socket.remoteAddress ?? '')

interface Reception {
  readonly gate: Gate | null
  readonly secure: SecureServer | null
  readonly connections: Connections
  readonly streams: StreamFront | null
  readonly take: (socket: Socket) => void
}

/** Hands each connection on; where they become few, one that does not ask makes room for it. */
function receive(
  server: Server,
  { clock, limits, crowd }: ListenerParts,
  { gate, secure, connections, streams, take }: Reception,
): void {
  const handshakes = new Handshakes(clock)
  const mayStay = (socket: Socket): boolean => crowd?.isWelcome(addressOf(socket, gate)) ?? true
  const makeRoom = (): void => {
    // Without TLS those of HTTP/2 are among all others.
    const count = connections.count + (secure ? handshakes.count + (streams?.count ?? 0) : 0)
    if (!crowd?.isOn || count < crowdedShare * limits.connectionsMax) return
    if (!handshakes.makeRoom(mayStay) && !connections.makeRoom(mayStay)) streams?.makeRoom(mayStay)
  }
  server.on('connection', (socket: Socket) => {
    makeRoom()
    if (secure) handshakes.enter(socket)
    else take(socket)
  })
  if (!secure) return
  server.on(secured, (socket: TLSSocket) => {
    handshakes.done(socket)
    secure.meet(socket, take, streams)
  })
}

function putBefore(server: Server, gate: Pick<ProxyGate, 'enter'>): void {
  const takers = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    gate.enter(socket, () => {
      for (const take of takers) take.call(server, socket)
    })
  })
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** What is no request and answer. */
function serveTheRest(
  server: Server,
  parts: ListenerParts,
  { live, pipeline, gate, turnAway }: { live: LiveAnswers; pipeline: Pipeline; gate: Gate | null; turnAway: TurnAway },
): void {
  // Without these node:http would answer by itself, without a ray.
  server.on('checkExpectation', (request, response) => {
    if (live.enter(response)) pipeline.take(response, () => parts.handle(request, response))
  })
  server.on('connect', (_request, socket: Socket) =>
    turnAway(socket, new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD, POST' })),
  )
  server.on('upgrade', (request, socket, first) => void parts.sockets?.join(request, socket as Socket, first, gate))
  const ends = new Portions(parts.clock, endsPerTurn)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const end = (): void => live.breakOff(socket, () => turnAway(socket, parserFault(error)))
    if (massEnds.has(error.code ?? '')) ends.add(end)
    else end()
  })
}

/** The event of a connection whose handshake is done. */
const secured = 'secureConnection'

/** Loaded where it is needed: most workers stand behind somebody who speaks TLS for them. */
async function openSecure(
  options: ListenerOptions,
  parts: ListenerParts,
  handle: RequestListener,
): Promise<SecureServer | null> {
  const { limits, tls } = parts
  if (!tls || options.tls === false) return null
  const { SecureServer: Secure } = await import('./tls/secure-server.ts')
  return new Secure(tls.settings, tls.material, {
    options: settingsOf(parts),
    handshakeMs: limits.headersMs,
    handle,
  })
}

/** HTTP/2, where it is spoken. */
async function openStreams(
  { tls: isTls, h2c }: ListenerOptions,
  { clock, limits, handle, tls, crowd, sockets }: ListenerParts,
  mayStayOpen: () => boolean,
  gate: Gate | null,
): Promise<StreamFront | null> {
  const isSpoken = tls && isTls !== false ? tls.settings.http2 : (h2c ?? false)
  if (!isSpoken) return null
  const { StreamFront: Front } = await import('./http2/stream-front.ts')
  const onOffence = (socket: Socket, why: string): void => crowd?.offend(addressOf(socket, gate), why)
  const onRefused = (socket: Socket): void => void crowd?.malformed(addressOf(socket, gate))
  return new Front({ clock, limits, handle, mayStayOpen, onOffence, onRefused, sockets, gate })
}

function settingsOf({ limits, sockets }: ListenerParts): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: 1000,
    shouldUpgradeCallback: (request) => sockets?.isMeant(request) ?? false,
    requireHostHeader: false, // the guard refuses it, with an answer of ours
    noDelay: true,
  }
}

/** @throws the system's error. */
function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
}

interface Behind {
  readonly staysOpen: () => boolean
  /** The event by which node:http hears of a connection. */
  readonly arrival: string
  readonly streams: StreamFront | null
}

/** Puts a front before node:http: it hands a connection over where it will not serve it. */
function openFront(
  server: Server,
  { clock, limits, isCall, handle }: ListenerParts,
  { staysOpen, arrival, streams }: Behind,
): PlainFront {
  const [serve] = server.listeners(arrival)
  server.removeAllListeners(arrival)
  const handOver = (socket: Socket, unread: Buffer): void => {
    if (streams?.isMeant(unread)) return streams.take(socket, unread)
    serve?.call(server, socket)
    if (unread.length > 0) socket.unshift(unread)
  }
  return new PlainFront({ clock, idleMs: limits.idleMs, isPlainPath: isCall, handle, staysOpen, handOver })
}

/** http's own close() cuts idle keep-alive connections at once, and with them requests that are already on the wire. */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()))
}
