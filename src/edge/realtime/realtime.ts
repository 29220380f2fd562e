/**
 * The realtime API: a WebSocket of a caller is joined to one of an upstream that offers it. Of what passes only its
 * usage is read, and nothing is kept: such a session cannot be resumed, nor moved. Extensions are not agreed upon, so
 * that what passes can be read.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { realtimeErrorEvent } from '../../dialect/error-body.ts'
import { readUpstreamError } from '../../dialect/upstream-error.ts'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import { type Fleet, modelAt } from '../../fleet/fleet.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Target } from '../../fleet/target.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { AttemptFact } from '../../observe/exchange-fact.ts'
import { type Observer, refusalFact } from '../../observe/observer.ts'
import type { PeerBook } from '../../relay/wire/peer-files.ts'
import { openTunnel, type Tunnel } from '../../relay/wire/tunnel.ts'
import { type Caller, callerKey, type Callers } from '../caller.ts'
import type { Allowances } from '../keys/allowances.ts'
import type { SessionAllowance } from '../keys/session-allowance.ts'
import { checkAnswer, newKey } from './handshake.ts'
import { Meter } from './meter.ts'
import { checkOrigin } from './origin.ts'
import type { PassageEnd } from './passage.ts'
import type { Guest, Joined, Kind } from './kind.ts'

const path = '/v1/realtime'
/** Upstreams that are asked for one session. */
const attemptsMax = 3
/** How browsers, which can set no header, show a key. */
const keyProtocol = 'openai-insecure-api-key.'
/** The one that says what is spoken. */
const plainProtocol = 'realtime'
/** Other names for a model, or for a session of somebody else: not for callers to say. */
const barredParameters: ReadonlySet<string> = new Set(['model', 'deployment', 'call_id'])

export interface RealtimeParts {
  readonly clock: Clock
  readonly random: Random
  readonly fleet: Fleet
  readonly callers: Callers
  readonly allowances: Allowances
  readonly observer: Observer
  readonly peers: PeerBook
}

/** One session, from its request to its end. */
interface Session {
  readonly guest: Guest
  readonly attempts: AttemptFact[]
  model: string
  caller: Caller | null
}

/** What one that is joined is made of. */
interface Joining {
  readonly member: Member
  readonly tunnel: Tunnel
  readonly allowance: SessionAllowance | null
  /** Offered by the caller. */
  readonly protocols: readonly string[]
  readonly check: () => Promise<void>
}

export class Realtime implements Kind {
  #parts: RealtimeParts
  /** Sessions, by upstream. */
  #counts = new Map<string, number>()
  /** Of those that are not joined yet, for their account. */
  #asking = new WeakMap<Guest, Session>()

  constructor(parts: RealtimeParts) {
    this.#parts = parts
  }

  isMeant(url: string): boolean {
    return url.split('?', 1)[0] === path
  }

  knows(headers: IncomingHttpHeaders): boolean {
    return this.#parts.callers.knows(withKey(headers))
  }

  /** @throws {Fault} */
  async join(guest: Guest): Promise<Joined> {
    const session: Session = { guest, attempts: [], model: '', caller: null }
    this.#asking.set(guest, session)
    const { callers, fleet, allowances } = this.#parts
    const { request, socket } = guest.asker
    const headers = withKey(request.headers)
    await callers.look(headers)
    const caller = callers.identify(headers)
    session.caller = caller
    if (caller.name === '') checkOrigin(headers.origin, hostsOf(guest))
    guest.enter(caller.name)
    callers.hold(caller, socket)
    const query = new URLSearchParams(request.url?.split('?')[1] ?? '')
    session.model = readModel(query, caller)
    const target = fleet.resolve(session.model)
    const { protocols } = readProtocols(request.headers['sec-websocket-protocol'])
    const asked = { beta: request.headers['openai-beta'], query, protocols, callersKey: callerKey(headers), target }
    const check = async (): Promise<void> => {
      await callers.look(headers)
      callers.identify(headers)
    }
    const allowance = allowances.session(caller, session.model)
    const fault = allowance?.join() ?? null
    if (fault) throw fault
    try {
      const { tunnel, member } = await this.#ask(session, asked)
      return this.#joined(session, { member, tunnel, allowance, protocols, check })
    } catch (thrown) {
      allowance?.leave()
      throw thrown
    }
  }

  /** The account of one that was not joined. */
  refused(guest: Guest, fault: Fault): void {
    this.#settle(guest, this.#asking.get(guest), { ...nothingPassed, fault }, null)
  }

  #joined(session: Session, { member, tunnel, allowance, protocols, check }: Joining): Joined {
    const { guest } = session
    const { name } = member.upstream
    const meter = new Meter(allowance)
    // Not every server names one, and browsers that offered some go without.
    const ours = protocols.includes(plainProtocol) ? plainProtocol : undefined
    const protocol = tunnel.headers['sec-websocket-protocol'] ?? ours
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    return {
      tunnel,
      headers: [...(allowance?.headers ?? []), ...(protocol === undefined ? [] : ['sec-websocket-protocol', protocol])],
      ...{ meter, check },
      hasExtensions: false,
      caller: session.caller?.name ?? '',
      eventOf: (fault) => realtimeErrorEvent(fault, guest.ray),
      settled: (end) => {
        const left = (this.#counts.get(name) ?? 1) - 1
        if (left > 0) this.#counts.set(name, left)
        else this.#counts.delete(name)
        this.#settle(guest, session, end, meter)
      },
    }
  }

  #settle({ ray, beganMs }: Guest, session: Session | undefined, end: PassageEnd, meter: Meter | null): void {
    const { clock, observer } = this.#parts
    const { fault } = end
    const durationMs = clock.monotonicMs() - beganMs
    const told = refusalFact(fault ?? new Fault('HF_CLIENT_GONE'), ray, 'realtime', clock.nowMs(), durationMs)
    const known = session && {
      ...{ model: session.model, isModelKnown: session.attempts.length > 0, attempts: session.attempts },
      ...{ caller: session.caller?.name ?? '', tier: session.caller?.tier ?? 'standard' },
    }
    const passed = meter && {
      ...{ status: 101, isStream: true, sentBytes: end.sentBytes, requestBytes: end.receivedBytes },
      ...{ inputTokens: meter.inputTokens, outputTokens: meter.outputTokens, eventCount: meter.responseCount },
      ...(fault === null && { outcome: 'complete' as const, code: null, detail: '' }),
    }
    observer.settled({ ...told, ...known, ...passed })
  }

  /** One upstream after the other, until one joins. @throws {Fault} the last one's, or what no other would mend. */
  async #ask(session: Session, asked: Asked): Promise<{ tunnel: Tunnel; member: Member }> {
    const { clock, peers, random } = this.#parts
    const members = this.#inOrder(asked.target)
    if (members.length === 0) throw new Fault('HF_ROUTE_UNSPOKEN', { detail: 'no upstream offers the realtime API' })
    let fault = new Fault('HF_NO_UPSTREAM')
    for (const member of members.slice(0, attemptsMax)) {
      const { upstream } = member
      const startMs = clock.monotonicMs()
      const key = newKey(random)
      try {
        const headers = headersFor(member, asked, session.guest.ray, key)
        const answer = await openTunnel(urlAt(member, asked), headers, asked.target.pool.timeouts.connectMs, peers)
        if ('socket' in answer) {
          checkAnswer(answer, key, false)
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

  #attempt({ guest: { beganMs } }: Session, upstream: string, startMs: number, fault: Fault | null): AttemptFact {
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
}

const nothingPassed = { sentBytes: 0, receivedBytes: 0 }

interface Asked {
  readonly beta: string | string[] | undefined
  readonly query: URLSearchParams
  readonly protocols: readonly string[]
  readonly callersKey: string | null
  readonly target: Target
}

/** The key stays here; what else was offered goes on. */
function readProtocols(offered: string | undefined): { key: string | null; protocols: readonly string[] } {
  const all = (offered ?? '').split(',').map((each) => each.trim())
  const key = all.find((each) => each.startsWith(keyProtocol))?.slice(keyProtocol.length) ?? null
  return { key, protocols: all.filter((each) => each !== '' && !each.startsWith(keyProtocol)) }
}

/** With a key that is shown as a protocol, as if it stood where others put it. */
function withKey(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { key } = readProtocols(headers['sec-websocket-protocol'])
  return key === null || headers.authorization !== undefined ? headers : { ...headers, authorization: `Bearer ${key}` }
}

/** Names by which the gateway was asked, also of a proxy before it that is trusted. */
function hostsOf({ asker: { request }, peer }: Guest): (string | undefined)[] {
  const { host, 'x-forwarded-host': forwarded } = request.headers
  return [host ?? String(request.headers[':authority'] ?? ''), ...(peer.isTrusted ? [String(forwarded ?? '')] : [])]
}

/** @throws {Fault} HF_BAD_CALL, HF_MODEL_FORBIDDEN */
function readModel(query: URLSearchParams, { models }: Caller): string {
  const model = query.get('model') ?? ''
  if (model === '' || model.length > 256) throw new Fault('HF_BAD_CALL', { param: 'model', detail: 'name a model' })
  if (models && !models.has(model)) throw new Fault('HF_MODEL_FORBIDDEN', { param: 'model' })
  return model
}

function urlAt(member: Member, { query, target }: Asked): URL {
  const url = new URL(member.upstream.url)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/realtime`
  url.searchParams.set('model', modelAt(member, target))
  // What the operator says stands.
  const said = new Set(url.searchParams.keys())
  for (const [name, value] of query)
    if (!said.has(name) && !barredParameters.has(name)) url.searchParams.set(name, value)
  return url
}

function headersFor({ upstream }: Member, asked: Asked, ray: Ray, key: string): Record<string, string> {
  const headers: Record<string, string> = {
    ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
    'x-request-id': ray,
  }
  if (typeof asked.beta === 'string') headers['openai-beta'] = asked.beta
  if (asked.protocols.length > 0) headers['sec-websocket-protocol'] = asked.protocols.join(', ')
  const secret = upstream.options.key === 'caller' ? asked.callersKey : upstream.key
  if (secret !== null) headers['authorization'] = `Bearer ${secret}`
  return headers
}
