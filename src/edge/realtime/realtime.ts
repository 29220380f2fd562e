/**
 * The realtime API: a WebSocket of a caller is joined to one of an upstream that offers it. What passes is not looked
 * at and not kept: such a session cannot be resumed, nor moved. It is bounded, counted, and ended with a word.
 */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { readUpstreamError } from '../../dialect/upstream-error.ts'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Ray, RaySource } from '../../fault/ray.ts'
import { type Fleet, modelAt } from '../../fleet/fleet.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Target } from '../../fleet/target.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { type Observer, refusalFact } from '../../observe/observer.ts'
import type { AttemptFact } from '../../observe/exchange-fact.ts'
import type { Pressure } from '../../relay/overload/pressure.ts'
import type { PeerBook } from '../../relay/wire/peer-files.ts'
import { openTunnel, type Tunnel } from '../../relay/wire/tunnel.ts'
import type { Gate } from '../address/proxy-gate.ts'
import type { Visitors } from '../address/visitors.ts'
import { type Caller, callerKey, type Callers } from '../caller.ts'
import { checkRequest } from '../guard.ts'
import type { Limits } from '../limits.ts'
import { refuseRaw } from '../raw-refusal.ts'
import { Passage } from './passage.ts'

const path = '/v1/realtime'
/** Upstreams that are asked for one session. */
const attemptsMax = 3
/** How browsers, which can set no header, show a key. */
const keyProtocol = 'openai-insecure-api-key.'
/** What passes through in the handshake, both ways; the rest is ours. */
const passedAlong = ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-extensions', 'openai-beta'] as const
const passedBack = ['sec-websocket-accept', 'sec-websocket-protocol', 'sec-websocket-extensions'] as const

export interface RealtimeParts {
  readonly clock: Clock
  readonly random: Random
  readonly rays: RaySource
  readonly fleet: Fleet
  readonly callers: Callers
  readonly visitors: Visitors
  readonly observer: Observer
  readonly limits: Limits
  readonly pressure: Pressure
  readonly peers: PeerBook
  /** Our name in `via`. */
  readonly node: string
}

/** One session, from its request to its end. */
interface Session {
  readonly ray: Ray
  readonly beganMs: number
  readonly attempts: AttemptFact[]
  model: string
  caller: string
}

export class Realtime implements Disposable {
  #parts: RealtimeParts
  #passages = new Map<Socket, Passage>()
  /** Sessions, by upstream. */
  #counts = new Map<string, number>()
  /** Under way to an upstream. */
  #joiningCount = 0
  #isClosing = false

  constructor(parts: RealtimeParts) {
    this.#parts = parts
  }

  /** Whether this request asks for one; all other requests to upgrade are served as if they did not. */
  isMeant({ url = '', method, headers }: IncomingMessage): boolean {
    return method === 'GET' && url.split('?', 1)[0] === path && headers.upgrade?.toLowerCase() === 'websocket'
  }

  /** Something passes on this connection, or is about to. */
  isOn(socket: Socket): boolean {
    return this.#passages.has(socket)
  }

  /** `first`: what the caller has said already. */
  async join(request: IncomingMessage, socket: Socket, first: Buffer, gate: Gate | null = null): Promise<void> {
    const { clock, rays } = this.#parts
    const beganMs = clock.monotonicMs()
    const session: Session = { ray: rays.next(), beganMs, attempts: [], model: '', caller: '' }
    socket.on('error', () => {})
    this.#joiningCount++
    try {
      const { tunnel, member } = await this.#find(request, session, gate)
      if (socket.destroyed) return void tunnel.socket.destroy()
      this.#pass(session, member, { socket, first, tunnel })
    } catch (thrown) {
      refuseRaw(toFault(thrown), socket, { ...this.#parts, rays: { next: () => session.ray } as RaySource }, 'realtime')
    } finally {
      this.#joiningCount--
    }
  }

  /** All are ended with a word; no more are joined. */
  close(): void {
    this.#isClosing = true
    for (const passage of this.#passages.values()) passage.close()
  }

  [Symbol.dispose](): void {
    this.#isClosing = true
    for (const passage of this.#passages.values()) passage.destroy()
  }

  /** @throws {Fault} */
  async #find(
    request: IncomingMessage,
    session: Session,
    gate: Gate | null,
  ): Promise<{ tunnel: Tunnel; member: Member }> {
    const { callers, visitors, fleet, limits, pressure, node } = this.#parts
    checkRequest(request, node)
    if (visitors.isChoosy) visitors.check(visitors.addressOf(request, gate))
    checkForm(request)
    const { key, protocols } = readProtocols(request.headers['sec-websocket-protocol'])
    const authorization = request.headers.authorization ?? (key === null ? undefined : `Bearer ${key}`)
    const headers = { ...request.headers, ...(authorization !== undefined && { authorization }) }
    await callers.look(headers)
    const caller = callers.identify(headers)
    callers.hold(caller, request.socket)
    session.caller = caller.name
    const query = new URLSearchParams(request.url?.split('?')[1] ?? '')
    session.model = readModel(query, caller)
    if (this.#isClosing) throw new Fault('HF_CLOSING')
    if (!pressure.mayTakeCalls) throw pressure.refusal()
    if (this.#passages.size + this.#joiningCount > limits.realtimeMax)
      throw new Fault('HF_QUEUE_FULL', { detail: 'too many sessions' })
    const target = fleet.resolve(session.model)
    const asked = { request, query, protocols, callersKey: key ?? callerKey(request.headers), target }
    return await this.#ask(session, asked)
  }

  /** One upstream after the other, until one joins. @throws {Fault} the last one's, or what no other would mend. */
  async #ask(session: Session, asked: Asked): Promise<{ tunnel: Tunnel; member: Member }> {
    const { clock, peers } = this.#parts
    const members = this.#inOrder(asked.target)
    if (members.length === 0) throw new Fault('HF_ROUTE_UNSPOKEN', { detail: 'no upstream offers the realtime API' })
    let fault = new Fault('HF_NO_UPSTREAM')
    for (const member of members.slice(0, attemptsMax)) {
      const { upstream } = member
      const startMs = clock.monotonicMs()
      try {
        const url = urlAt(member, asked)
        const answer = await openTunnel(
          url,
          headersFor(member, asked, session.ray),
          asked.target.pool.timeouts.connectMs,
          peers,
        )
        if ('socket' in answer) {
          checkAnswer(asked.request, answer)
          session.attempts.push(this.#attempt(session, upstream.name, startMs, null))
          return { tunnel: answer, member }
        }
        fault = readUpstreamError(answer.status, answer.headers, answer.body, 'openai', clock.nowMs())
      } catch (thrown) {
        fault = toFault(thrown)
      }
      session.attempts.push(this.#attempt(session, upstream.name, startMs, fault))
      if (fault.code === 'HF_CALL_REFUSED') throw fault
    }
    throw fault
  }

  #attempt({ beganMs }: Session, upstream: string, startMs: number, fault: Fault | null): AttemptFact {
    const durationMs = this.#parts.clock.monotonicMs() - startMs
    const { code = null, detail = '' } = fault ?? {}
    const times = { afterMs: startMs - beganMs, durationMs, connectMs: durationMs, firstTokenMs: null }
    return { upstream, code, detail, ...times, receivedStatus: fault ? (fault.receivedStatus ?? null) : 101 }
  }

  /** Those that may be used first, then by priority, then who has the fewest sessions for its weight. */
  #inOrder({ members }: Target): Member[] {
    const { random } = this.#parts
    const offering = members.filter(({ upstream }) => upstream.options.realtime ?? upstream.kind === 'openai')
    const places = offering.map((member) => ({
      member,
      isResting: member.upstream.restLeftMs > 0,
      share: ((this.#counts.get(member.upstream.name) ?? 0) + random.unit() / 2) / member.weight,
    }))
    return places
      .sort(
        (a, b) =>
          Number(a.isResting) - Number(b.isResting) || a.member.priority - b.member.priority || a.share - b.share,
      )
      .map(({ member }) => member)
  }

  #pass(session: Session, { upstream: { name } }: Member, { socket, first, tunnel }: Ends): void {
    const { clock, limits, observer } = this.#parts
    const back = passedBack.flatMap((header) => {
      const value = tunnel.headers[header]
      return value === undefined ? [] : [`${header}: ${value}`]
    })
    const { ray } = session
    const head = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: Upgrade', ...back]
    socket.write(`${[...head, `holdfast-ray: ${ray}`, `x-request-id: ${ray}`].join('\r\n')}\r\n\r\n`, 'latin1')
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    const onEnd = (sentBytes: number, requestBytes: number): void => {
      this.#passages.delete(socket)
      this.#counts.set(name, (this.#counts.get(name) ?? 1) - 1)
      const nothing = refusalFact(new Fault('HF_CLIENT_GONE'), ray, 'realtime', clock.nowMs(), 0)
      observer.settled({
        ...nothing,
        ...{ model: session.model, isModelKnown: true, caller: session.caller, attempts: session.attempts },
        ...{ outcome: 'complete', status: 101, code: null, isStream: true, sentBytes, requestBytes },
        durationMs: clock.monotonicMs() - session.beganMs,
      })
    }
    const options = { clock, stalledMs: limits.stalledReaderMs, onEnd }
    this.#passages.set(socket, new Passage(socket, tunnel.socket, { caller: first, server: tunnel.first }, options))
  }
}

interface Asked {
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  readonly protocols: readonly string[]
  readonly callersKey: string | null
  readonly target: Target
}

interface Ends {
  readonly socket: Socket
  readonly first: Buffer
  readonly tunnel: Tunnel
}

/** One with a body could be read in two ways. @throws {Fault} HF_BAD_HTTP */
function checkForm({ headers }: IncomingMessage): void {
  const hasBody = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined
  const isWhole = headers['sec-websocket-key'] !== undefined && headers['sec-websocket-version'] !== undefined
  if (hasBody || !isWhole) throw new Fault('HF_BAD_HTTP', { detail: 'not as a WebSocket begins' })
}

/** A server that changes to something else than was asked for is let go. @throws {Fault} HF_UPSTREAM_GARBLED */
function checkAnswer({ headers }: IncomingMessage, { headers: told, socket }: Tunnel): void {
  const expected = hash('sha1', `${headers['sec-websocket-key']}${webSocketGuid}`, 'base64')
  if (told['sec-websocket-accept'] === expected && told['upgrade']?.toLowerCase() === 'websocket') return
  socket.destroy()
  throw new Fault('HF_UPSTREAM_GARBLED', { detail: 'it changed to another protocol than WebSocket' })
}

/** RFC 6455, section 1.3. */
const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The key stays here; what else was offered goes on. */
function readProtocols(offered: string | undefined): { key: string | null; protocols: readonly string[] } {
  const all = (offered ?? '').split(',').map((each) => each.trim())
  const key = all.find((each) => each.startsWith(keyProtocol))?.slice(keyProtocol.length) ?? null
  return { key, protocols: all.filter((each) => each !== '' && !each.startsWith(keyProtocol)) }
}

/** @throws {Fault} HF_BAD_CALL, HF_MODEL_FORBIDDEN */
function readModel(query: URLSearchParams, caller: Caller): string {
  const model = query.get('model') ?? ''
  if (model === '' || model.length > 256) throw new Fault('HF_BAD_CALL', { param: 'model', detail: 'name a model' })
  if (caller.models && !caller.models.has(model)) throw new Fault('HF_MODEL_FORBIDDEN', { param: 'model' })
  const detail = 'a key with limits has no realtime: what passes there is not measured'
  if (caller.limits) throw new Fault('HF_MODEL_FORBIDDEN', { param: 'model', detail })
  return model
}

function urlAt(member: Member, { query, target }: Asked): URL {
  const url = new URL(member.upstream.url)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/realtime`
  const asked = new URLSearchParams(query)
  asked.set('model', modelAt(member, target))
  for (const [name, value] of asked) url.searchParams.set(name, value)
  return url
}

function headersFor({ upstream }: Member, asked: Asked, ray: Ray): Record<string, string> {
  const headers: Record<string, string> = { connection: 'Upgrade', upgrade: 'websocket', 'x-request-id': ray }
  for (const name of passedAlong) {
    const value = asked.request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  if (asked.protocols.length > 0) headers['sec-websocket-protocol'] = asked.protocols.join(', ')
  const key = upstream.options.key === 'caller' ? asked.callersKey : upstream.key
  if (key !== null) headers['authorization'] = `Bearer ${key}`
  return headers
}
