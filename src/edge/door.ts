/**
 * The door: where a request gets its Ray ID and finds its way. Calls go on to the relay; lists of models are answered
 * here; everything else leaves with a clear no.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { routeNames, routes, type Family, type Route } from '../dialect/call.ts'
import type { FaultCode } from '../fault/code.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import { Portions } from '../ground/portions.ts'
import { redact } from '../ground/redact.ts'
import { webRoute } from '../observe/exchange-fact.ts'
import { refusalFact } from '../observe/observer.ts'
import { readRequestId } from '../observe/request-id.ts'
import { openTrace, type Trace } from '../observe/trace-context.ts'
import { bypassHeaders } from '../relay/cache-mark.ts'
import type { Order } from '../relay/order.ts'
import type { CallKind } from '../status/component.ts'
import { discardBody, readBody } from './body.ts'
import { type Challenge, challengePath } from './challenge/challenge.ts'
import { type AnswerVisit, serveAnswer, withRay } from './answer-door.ts'
import { type AnswerPath, decode, readAnswerPath } from './answer-path.ts'
import type { Caller } from './caller.ts'
import type { DoorParts } from './door-parts.ts'
import { streamRoot } from './durable-streams/stream-target.ts'
import type { Gate } from './address/proxy-gate.ts'
import { unwelcome } from './crowd/unwelcome.ts'
import { withExpectedEnd } from './expected-end.ts'
import { answerFault, type FaultContext } from './fault-answer.ts'
import { checkMediaType } from './check-media-type.ts'
import { checkRequest } from './guard.ts'
import { HttpReply } from './http-reply.ts'
import { errorPreview, previewRoot } from './error-preview.ts'
import { modelList, oneModel } from './model-list.ts'
import { mayBeKept } from './read-cache-wish.ts'
import { mayBeRepeated, readOrder } from './read-order.ts'
import { type Answering, type Asking, isSecure } from './visitor.ts'
import { responseQueued } from './response-object.ts'

interface OpenDoorParts extends DoorParts {
  /** The accounts of those who left in the middle of their request. */
  readonly departures: Portions
}

/** Accounts of one turn: some 0.1 ms each. */
const departuresPerTurn = 8

/** Whether a request for this target is a call. */
export function isCall(url: string): boolean {
  const query = url.indexOf('?')
  return routeByPath.has(query === -1 ? url : url.slice(0, query))
}

const routeByPath = new Map<string, Route>(routeNames.map((route) => [`/v1${routes[route].path}`, route]))

/** One request on its way through the door. */
class Visit {
  readonly ray: Ray
  readonly beganMs: number
  /** Of every answer to this request, names and values in turn. */
  headers: readonly string[]
  readonly requestId: string | null
  family: Family | null = null
  route = ''
  /** Once it is a call. The order itself would keep the body for as long as the answer's end is remembered. */
  #kind: CallKind | null = null
  #trace: Trace | null | undefined = undefined
  #parts: OpenDoorParts
  #request: Asking
  #response: Answering
  #gate: Gate | null

  constructor(parts: OpenDoorParts, request: Asking, response: Answering, gate: Gate | null) {
    this.#parts = parts
    this.#request = request
    this.#response = response
    this.#gate = gate
    this.ray = parts.rays.next()
    this.beganMs = parts.clock.monotonicMs()
    this.requestId = readRequestId(request.headers)
    const headers = ['holdfast-ray', this.ray, 'x-request-id', this.requestId ?? this.ray, 'request-id', this.ray]
    if (parts.hstsMs > 0 && isSecure(request))
      headers.push('strict-transport-security', `max-age=${Math.floor(parts.hstsMs / 1000)}`)
    this.headers = headers
  }

  enter(): void {
    const request = this.#request
    const url = request.url ?? '/'
    const query = url.indexOf('?')
    const path = query === -1 ? url : url.slice(0, query)
    const route = routeByPath.get(path)
    this.family = route ? routes[route].family : path.startsWith('/v1') ? familyOf(request) : null
    this.route = route ?? (path.startsWith('/v1/models') ? 'models' : 'other')
    try {
      const { visitors, callers, crowd, challenge } = this.#parts
      this.#guard()
      if (visitors.isChoosy) visitors.check(this.#address)
      if (crowd.isOn)
        crowd.ask(
          this.#address,
          () => callers.knows(request.headers),
          () => challenge?.lets(request, path, this.#address) ?? false,
        )
      // What an application's visitors show is for the application.
      const look = path.startsWith('/v1') ? callers.look(request.headers) : null
      if (look === null) return this.#serve(path, query, route)
      // A token that is seen for the first time is verified before anything else.
      look.then(
        () => this.#serve(path, query, route),
        (thrown: unknown) => this.#refuse(toFault(thrown)),
      )
    } catch (thrown) {
      this.#refuse(toFault(thrown))
    }
  }

  /** What is refused here counts for its address as other requests do. @throws {Fault} of the guard, HF_ADDRESS_RATE */
  #guard(): void {
    const { node, callers, crowd } = this.#parts
    try {
      checkRequest(this.#request, node)
    } catch (thrown) {
      if (crowd.isOn && isMalformed(thrown)) {
        // Whichever answer it gets; of HTTP/2 only the stream ends.
        if (!(':method' in this.#request.headers)) this.#response.shouldKeepAlive = false
        crowd.ask(this.#address, () => callers.knows(this.#request.headers))
      }
      throw thrown
    }
  }

  /** `query`: where it begins; -1 for nowhere. */
  #serve(path: string, query: number, route: Route | undefined): void {
    try {
      if (route) return this.#call(route)
      const answerPath = readAnswerPath(path)
      if (answerPath) return this.#readAgain(answerPath, query === -1 ? '' : (this.#request.url ?? '').slice(query))
      if (path.startsWith(streamRoot)) return this.#stream()
      this.#answer(path)
    } catch (thrown) {
      this.#refuse(toFault(thrown))
    }
  }

  /** The caller's, or one that begins here. */
  get trace(): Trace | null {
    if (this.#trace === undefined) {
      const { tracing, random } = this.#parts
      this.#trace = openTrace(this.#request.headers, tracing, random)
    }
    return this.#trace
  }

  #call(route: Route): void {
    const request = this.#request
    if (request.method !== 'POST') throw new Fault('HF_METHOD_UNKNOWN', { param: 'POST' })
    checkMediaType(request)
    const caller = this.#identify()
    const { purse, limits, pressure, clock } = this.#parts
    // One that may have been sent before, or asks the cache, may find its answer: that takes no model server.
    if (!pressure.mayTakeCalls && !mayBeRepeated(request.headers) && !mayBeKept(request.headers, caller))
      return discardBody(request, clock, () => this.#refuse(pressure.refusal()))
    readBody(request, limits.bodyBytesMax, purse, (fault, body) => {
      // A thousand may go in one moment, and none of them waits for anything.
      if (fault?.code === 'HF_CLIENT_GONE') return this.#parts.departures.add(() => this.#refuse(fault))
      if (fault) return this.#refuse(fault)
      this.#response.on('close', () => {
        purse.give(body.length)
        if (caller.limits) this.#parts.allowances.left(this.ray, () => this.#parts.relay.isUnderWay(this.ray))
      })
      try {
        this.#relay(route, caller, body)
      } catch (thrown) {
        this.#refuse(toFault(thrown))
      }
    })
  }

  #relay(route: Route, caller: Caller, body: Buffer): void {
    const { clock, limits, node, onDisconnect, cache, relay } = this.#parts
    const { ray, beganMs, requestId, trace } = this
    const parts = { ray, route, caller, requestId, trace, beganMs, node, onDisconnect, cache }
    const { order, isBackground, bypass } = readOrder(body, this.#request.headers, parts)
    if (bypass !== null) this.headers = [...this.headers, ...bypassHeaders(bypass)]
    this.#kind = { model: order.call.model, route, tier: order.tier }
    if (caller.limits) this.#takeAllowance(caller, order)
    if (isBackground) return void this.#sendAway(order)
    const reply = new HttpReply(this.#response, clock, {
      stalledMs: limits.stalledReaderMs,
      headers: this.headers,
      fail: (fault, ray) => this.#answerFault(fault, ray),
      onStalled: () => this.#parts.observer.recorder.note({ kind: 'client', ray, state: 'stalled' }),
    })
    relay.take(order, reply)
  }

  /** @throws {Fault} HF_KEY_UNKNOWN, HF_KEY_REVOKED */
  #identify(): Caller {
    const { callers, crowd } = this.#parts
    const caller = callers.identify(this.#request.headers)
    callers.hold(caller, this.#response)
    if (crowd.isOn && caller.name !== '') crowd.welcome(this.#address)
    return caller
  }

  /** @throws {Fault} HF_KEY_RATE, HF_KEY_BUDGET */
  #takeAllowance(caller: Caller, order: Order): void {
    const { headers, fault } = this.#parts.allowances.take(caller, order, routes[order.call.route].family)
    this.headers = [...this.headers, ...headers]
    if (fault) throw fault
  }

  /** The caller gets an id at once, and comes back for the answer. */
  async #sendAway(order: Order): Promise<void> {
    try {
      const info = await this.#parts.relay.takeInBackground(order)
      this.#send(responseQueued(info, order.call.body.whole()), info.ray)
    } catch (thrown) {
      this.#answerFault(toFault(thrown))
    }
  }

  /** An answer that was given before, or is being given. */
  #readAgain(path: AnswerPath, query: string): void {
    const { clock, relay, observer, limits } = this.#parts
    this.family = path.route ? routes[path.route].family : familyOf(this.#request)
    const visit: AnswerVisit = {
      ...this.#own,
      ray: this.ray,
      requestId: this.requestId,
      beganMs: this.beganMs,
      headers: this.headers,
      caller: this.#identify().name,
      path,
      query: new URLSearchParams(query),
      answerFault: (fault: Fault, ray?: Ray) => this.#answerFault(fault, ray),
    }
    void serveAnswer({ clock, relay, observer, stalledReaderMs: limits.stalledReaderMs }, visit)
  }

  /** Only calls come plain; everything else over node:http. */
  get #own(): { request: IncomingMessage; response: ServerResponse } {
    return { request: this.#request as IncomingMessage, response: this.#response as ServerResponse }
  }

  #stream(): void {
    const { streams } = this.#parts
    const caller = (): string => this.#identify().name
    const { request, response } = this.#own
    this.route = 'streams'
    streams.handle(request, response, {
      headers: this.headers,
      caller,
      context: () => this.#context,
      refused: (fault) => this.#accountFor(fault),
    })
  }

  /** What is answered without a call. */
  #answer(path: string): void {
    const { method } = this.#request
    if (path === previewRoot || path.startsWith(`${previewRoot}/`)) return this.#preview(path)
    const isList = path === '/v1/models'
    if (!isList && !path.startsWith('/v1/models/')) {
      if (this.#isOfWeb(path)) return
      throw new Fault('HF_ROUTE_UNKNOWN', { detail: `there is nothing at ${redact(path.slice(0, 200))}` })
    }
    if (method !== 'GET' && method !== 'HEAD') throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD' })
    const caller = this.#identify()
    const entries = this.#parts.fleet.models().filter(({ id }) => !caller.models || caller.models.has(id))
    const family = this.family ?? 'openai'
    const body = isList
      ? modelList(entries, family)
      : oneModel(entries, decode(path.slice('/v1/models/'.length)), family)
    this.#send(body)
  }

  /** Whether it is a page or an application that is asked for; it then answers. */
  #isOfWeb(path: string): boolean {
    const { web, challenge, callers } = this.#parts
    if (web === null || path === '/v1' || path.startsWith('/v1/')) return false
    if (challenge !== null && path === challengePath) return this.#prove(challenge)
    this.route = webRoute
    this.family = null
    const { ray, beganMs, headers } = this
    const fail = (fault: Fault, more: readonly string[] = []): void => this.#refuse(fault, more)
    const peer = this.#parts.visitors.peerOf(this.#request, this.#gate)
    const request = this.#request
    const prove = (): void => challenge?.check(request, this.#address, () => callers.knows(request.headers))
    if (web.take({ ...this.#own, ray, peer, beganMs, headers, prove, fail })) return true
    this.route = 'other'
    return false
  }

  /** A browser has done its work: it gets its pass. */
  #prove(challenge: Challenge): true {
    const request = this.#request
    const { isTrusted } = this.#parts.visitors.peerOf(request, this.#gate)
    const isTls = isSecure(request) || (isTrusted && request.headers['x-forwarded-proto'] === 'https')
    const cookie = challenge.solve(request, this.#address, isTls)
    this.#response.writeHead(204, [...this.headers, 'set-cookie', cookie, 'cache-control', 'no-store'])
    this.#response.end()
    return true
  }

  /** `ray`: of the answer that this is about. */
  #send(body: Buffer, ray: Ray = this.ray): void {
    const type = ['content-type', 'application/json', 'content-length', String(body.length)]
    this.#response.writeHead(200, [...withRay(this.headers, ray), ...type])
    this.#response.end(this.#request.method === 'HEAD' ? undefined : body)
  }

  /** A request that never became a call: answered, and accounted for. */
  #refuse(given: Fault, more: readonly string[] = []): void {
    const { crowd, challenge } = this.#parts
    const fault = challenge?.inPlaceOf(given, this.#request, this.#address) ?? given
    if (unwelcome.has(fault.code)) crowd.refused(this.#address)
    // Who is locked out finds no open connection either.
    if (fault.code === 'HF_ADDRESS_RATE' && crowd.isLocked(this.#address)) this.#response.shouldKeepAlive = false
    this.#answerFault(fault, this.ray, more)
    if (!crowd.isOn || !toldSparingly.has(fault.code) || crowd.mayTell()) this.#accountFor(fault)
  }

  #accountFor(fault: Fault): void {
    const { clock, observer } = this.#parts
    const { ray, route, requestId } = this
    const told = refusalFact(fault, ray, route, clock.nowMs(), clock.monotonicMs() - this.beganMs)
    const isOfCall = this.#request.method === 'POST' && Object.hasOwn(routes, route)
    observer.settled({ ...told, requestId, trace: isOfCall ? this.trace : null })
  }

  /** `ray`: of the answer that failed, where that is an earlier one. */
  #answerFault(fault: Fault, ray: Ray = this.ray, more: readonly string[] = []): void {
    const headers = ray === this.ray ? [...this.headers, ...more] : withRay(this.headers, ray)
    const { challenge } = this.#parts
    answerFault(this.#advised(fault), this.#request, this.#response, headers, { ...this.#context, ray, challenge })
  }

  /** With the time to come back that an incident says. */
  #advised(fault: Fault): Fault {
    if (!this.#kind) return fault
    const { clock, random, notice } = this.#parts
    const { outages = [] } = notice()
    return withExpectedEnd(fault, this.#kind, { outages, nowMs: clock.nowMs(), random })
  }

  get #address(): string {
    return this.#parts.visitors.addressOf(this.#request, this.#gate)
  }

  get #context(): FaultContext {
    const { clock, site, notice } = this.#parts
    return { address: this.#address, ray: this.ray, site, family: this.family, atMs: clock.nowMs(), notice: notice() }
  }

  /** What the answers for faults look like. */
  #preview(path: string): void {
    if (this.#request.method !== 'GET' && this.#request.method !== 'HEAD')
      throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD' })
    const { type, body } = errorPreview(path, this.#request, this.#context)
    this.#response.writeHead(200, [...this.headers, 'content-type', type, 'content-length', String(body.length)])
    this.#response.end(this.#request.method === 'HEAD' ? undefined : body)
  }
}

/** These come in masses by their nature: so many a second get a line in the log and a place in the record. */
const toldSparingly: ReadonlySet<FaultCode> = new Set(['HF_ADDRESS_RATE', 'HF_BAD_HTTP', 'HF_CHALLENGE'])

const isMalformed = (thrown: unknown): boolean => thrown instanceof Fault && thrown.code === 'HF_BAD_HTTP'

/** Anthropic's clients name a version; everyone else is taken for a speaker of OpenAI's language. */
function familyOf(request: Asking): Family {
  return request.headers['anthropic-version'] ? 'anthropic' : 'openai'
}

/** The handler of a listener's requests. */
export function openDoor(parts: DoorParts): (request: Asking, response: Answering, gate?: Gate | null) => void {
  const open = { ...parts, departures: new Portions(parts.clock, departuresPerTurn) }
  return (request, response, gate = null) => new Visit(open, request, response, gate).enter()
}
