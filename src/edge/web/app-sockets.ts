/** WebSockets of applications beside the models: to the application as the request came, cleaned of what is between. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { linesOf, valueOf, without } from '../../cache/header-list.ts'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { PeerBook } from '../../relay/wire/peer-files.ts'
import { openTunnel, type Tunnel, type TunnelRefusal } from '../../relay/wire/tunnel.ts'
import { checkAnswer, newKey } from '../realtime/handshake.ts'
import type { Declined, Guest, Joined, Kind } from '../realtime/kind.ts'
import { hostOf } from './app-call.ts'
import { fieldsOf, frontOf, passedFields, requestFields } from './app-request.ts'
import { below, findRoute } from './find-route.ts'
import { isAmbiguous } from './safe-path.ts'
import { toldPath, type WebFact } from './web.ts'
import type { WebRouteOptions } from './web-options.ts'

export interface AppSocketParts {
  readonly clock: Clock
  readonly random: Random
  readonly peers: PeerBook
  /** Our name in `via`. */
  readonly node: string
  readonly settled: (fact: WebFact) => void
}

/** They are made anew for the application. */
const handshakeNames: ReadonlySet<string> = new Set(['sec-websocket-key', 'sec-websocket-version', 'content-length'])
/** What an application says in its handshake, and where it declines. */
const joinedNames = ['sec-websocket-protocol', 'sec-websocket-extensions', 'set-cookie'] as const
const declinedNames = ['content-type', 'location', 'www-authenticate', 'retry-after', 'set-cookie'] as const

export class AppSockets implements Kind {
  #parts: AppSocketParts
  #routes: readonly WebRouteOptions[]
  /** Under way, or being joined. */
  #counts = new Map<WebRouteOptions, number>()

  constructor(routes: readonly WebRouteOptions[], parts: AppSocketParts) {
    this.#parts = parts
    this.#routes = routes
  }

  isMeant(request: IncomingMessage): boolean {
    return this.#routeOf(request)?.app !== undefined
  }

  /** What an application's visitors show is for the application. */
  knows(_headers: IncomingHttpHeaders): boolean {
    return false
  }

  /** @throws {Fault} */
  async join(guest: Guest): Promise<Joined | Declined> {
    const { request, socket } = guest.asker
    const route = this.#routeOf(request)
    const [path = ''] = (request.url ?? '').split('?', 1)
    const inner = route?.stripPath ? below(path, route) : path
    if (!route?.app || isAmbiguous(path) || isAmbiguous(inner))
      throw new Fault('HF_BAD_HTTP', { detail: 'the path leads in two ways' })
    if (route.challenge) guest.prove()
    guest.enter('')
    const count = this.#counts.get(route) ?? 0
    if (count >= route.connectionsMax) throw new Fault('HF_QUEUE_FULL', { detail: 'too many connections' })
    this.#counts.set(route, count + 1)
    socket.once('close', () => this.#counts.set(route, (this.#counts.get(route) ?? 1) - 1))
    const key = newKey(this.#parts.random)
    const fields = this.#fields(guest, key)
    const url = new URL(route.app)
    url.pathname = inner
    url.search = (request.url ?? '').slice(path.length)
    const answer = await this.#open(url, fields, route)
    if ('body' in answer) {
      this.#settle(guest, route, answer.status)
      return declined(answer, guest)
    }
    const offered = request.headers['sec-websocket-extensions'] !== undefined
    try {
      checkAnswer(answer, key, offered)
    } catch (thrown) {
      throw new Fault('HF_APP_BROKEN', { detail: toFault(thrown).detail })
    }
    return {
      tunnel: answer,
      headers: linesNamed(answer.rawHeaders, joinedNames),
      meter: null,
      hasExtensions: valueOf(answer.rawHeaders, 'sec-websocket-extensions') !== null,
      caller: '',
      eventOf: () => null,
      settled: ({ fault }) => this.#settle(guest, route, fault?.status ?? 101),
    }
  }

  refused(guest: Guest, fault: Fault): void {
    const route = this.#routeOf(guest.asker.request)
    if (route) this.#settle(guest, route, fault.status)
  }

  #routeOf({ url = '', headers }: IncomingMessage): WebRouteOptions | null {
    const [path = ''] = url.split('?', 1)
    if (!path.startsWith('/') || path === '/v1' || path.startsWith('/v1/')) return null
    return findRoute(this.#routes, String(headers.host ?? headers[':authority'] ?? ''), path)
  }

  /** What the application gets. */
  #fields({ asker: { request }, peer, ray }: Guest, key: string): string[] {
    const host = hostOf({ request })
    const all = fieldsOf(request.rawHeaders)
    const came = without(passedFields(all), handshakeNames)
    // HTTP/2 may tell each by itself.
    const cookies = linesOf(came, 'cookie')
    const fields = cookies.length > 1 ? [...without(came, new Set(['cookie'])), 'cookie', cookies.join('; ')] : came
    const isTls = (request.socket as { encrypted?: boolean }).encrypted === true
    const between = { node: this.#parts.node, requestId: ray, httpVersion: request.httpVersion, isChunked: false }
    const asked = ['connection', 'Upgrade', 'upgrade', 'websocket', 'sec-websocket-version', '13']
    const front = frontOf(all, host, { isTls, peer })
    return [...requestFields(fields, host, front, between), ...asked, 'sec-websocket-key', key]
  }

  async #open(url: URL, fields: readonly string[], { headMs }: WebRouteOptions): Promise<Tunnel | TunnelRefusal> {
    try {
      return await openTunnel(url, fields, headMs, this.#parts.peers)
    } catch (thrown) {
      const { code, detail } = toFault(thrown)
      throw new Fault(code === 'HF_CONNECT_TIMEOUT' ? 'HF_APP_TIMEOUT' : 'HF_APP_UNREACHABLE', { detail })
    }
  }

  #settle({ ray, beganMs, asker: { request } }: Guest, { path: route }: WebRouteOptions, status: number): void {
    const durationMs = this.#parts.clock.monotonicMs() - beganMs
    const asked = { method: request.method ?? '', path: toldPath(request.url ?? '') }
    this.#parts.settled({ ray, route, ...asked, status, cache: '', durationMs })
  }
}

function declined({ status, rawHeaders, body }: TunnelRefusal, { ray }: Guest): Declined {
  const length = ['content-length', String(body.length), 'holdfast-ray', ray]
  return { status, headers: [...linesNamed(rawHeaders, declinedNames), ...length], body }
}

function linesNamed(headers: readonly string[], names: readonly string[]): string[] {
  return names.flatMap((name) => linesOf(headers, name).flatMap((value) => [name, value]))
}
