/**
 * A simulated model server. It understands requests, plans its answers and words them with the parts of the lab's
 * server; only its sockets, its time and its misfortunes are the world's.
 */
import type { AnswerRange } from '../../lab/answer.ts'
import { readAsk } from '../../lab/sim/read-ask.ts'
import { Refusal, toErrorBody, toStatus } from '../../lab/sim/refusal.ts'
import { type Route, routeNames, routes } from '../../src/dialect/call.ts'
import type { Chance } from './chance.ts'
import { type CallFault, Generation } from './generation.ts'
import type { ServerSide, ServerTraits } from './server-side.ts'
import type { SimProcess } from './sim-process.ts'
import type { Trace } from './trace.ts'
import type { WorldTime } from './world-time.ts'

/** One call as it came in. */
export interface ServerCall {
  readonly server: string
  readonly atMs: number
  /** The ray that the gateway gave it. */
  readonly ray: string
  /** The text that fixes the answer; empty where it could not be read. */
  readonly question: string
  readonly by: SimProcess
  /** Tokens of the answer that the call came with. */
  readonly answered: number
  /** Null while it runs. */
  overMs: number | null
  /** The gateway closed the connection, or was heard of no more. */
  wasLeft: boolean
}

export const modelName = 'lab'
const contextTokensMax = 4096
const range: AnswerRange = { min: 4, max: 60 }

/** A member, one that is to go, or none. */
export type Membership = 'in' | 'draining' | 'out'

export class ModelServer {
  readonly name: string
  readonly traits: ServerTraits
  readonly time: WorldTime
  readonly chance: Chance
  isUp = true
  /** Whether gateways are to use it. */
  membership: Membership = 'in'
  /** When it left last. */
  outMs = 0
  /** Says nothing until then, on the world's clock. */
  stalledUntilMs = 0
  /** Answers every call with an error of its own until then. */
  sickUntilMs = 0
  readonly live = new Set<Generation>()
  #trace: Trace
  /** Strike the calls to come, one each. */
  #armed: CallFault[] = []
  #callCount = 0
  /** Told of each call. */
  onCall: (call: ServerCall) => void = () => {}

  constructor(name: string, traits: ServerTraits, time: WorldTime, chance: Chance, trace: Trace) {
    this.name = name
    this.traits = traits
    this.time = time
    this.chance = chance
    this.#trace = trace
  }

  /** Its process dies: connections are reset, new ones refused. */
  crash(): void {
    this.isUp = false
    for (const generation of this.live) generation.breakOff()
  }

  restart(): void {
    this.isUp = true
    this.stalledUntilMs = 0
  }

  /** Strikes an answer that is under way, if there is one and it can, otherwise a call to come. */
  strike(fault: CallFault): void {
    const live = [...this.live]
    if (fault.kind !== 'refusal' && live.length > 0 && this.chance.happens(0.7)) this.chance.pick(live).strike(fault)
    else this.#armed.push(fault)
  }

  /** Faults that have not struck yet are forgotten. */
  disarm(): void {
    this.#armed = []
  }

  take(side: ServerSide): void {
    if (!this.isUp) return side.send({ kind: 'reset' })
    if (this.time.monotonicMs() < this.sickUntilMs) return this.#refuse(side, 500, null)
    const fault = this.#armed.shift() ?? null
    if (fault?.kind === 'refusal') return this.#refuse(side, fault.status, fault.retryAfterS)
    const route = routeOf(side.request.path)
    try {
      this.#generate(side, route, fault)
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      this.#trace.note(this.name, `refuses ${route}: ${thrown.message.slice(0, 60)}`)
      const body = toErrorBody(this.traits.profile, route, thrown, 'req_sim')
      this.#answer(side, toStatus(this.traits.profile, thrown), JSON.stringify(body), thrown.headers)
    }
  }

  #generate(side: ServerSide, route: Route, fault: CallFault | null): void {
    const { profile } = this.traits
    if (!profile.routes.includes(route)) throw new Refusal('unknown_route', `no ${route} here`)
    const fields = JSON.parse(Buffer.concat(side.request.body).toString()) as Record<string, unknown>
    if (fields['model'] !== modelName) throw new Refusal('unknown_model', 'no such model')
    const ask = readAsk(route, fields, { profile, contextTokensMax, range })
    const prompt = ask.plans[0]?.prompt
    // Who is given ids gives no text back that it was not asked for.
    const isGivenIds = Array.isArray(fields['prompt']) || fields['input_ids'] !== undefined
    const echoes = this.traits.echoesPrefix && !isGivenIds
    const call: ServerCall = {
      server: this.name,
      atMs: this.time.monotonicMs(),
      ray: side.request.headers['x-request-id'] ?? '',
      question: prompt?.question ?? '',
      by: side.by,
      answered: prompt?.answered ?? 0,
      overMs: null,
      wasLeft: false,
    }
    this.onCall(call)
    this.#trace.note(this.name, `call ${++this.#callCount} of ${side.by.name} ${call.ray}, ${call.answered} answered`)
    const generation = new Generation(this, side, route, ask, { fault, echoes }, (wasLeft) => {
      this.live.delete(generation)
      call.overMs = this.time.monotonicMs()
      call.wasLeft = wasLeft
    })
    this.live.add(generation)
    generation.start()
  }

  #refuse(side: ServerSide, status: number, retryAfterS: number | null): void {
    this.#trace.note(this.name, `says ${status}`)
    const headers: Record<string, string> = retryAfterS === null ? {} : { 'retry-after': String(retryAfterS) }
    this.#answer(side, status, JSON.stringify({ error: { message: 'not now', type: 'server_error' } }), headers)
  }

  #answer(side: ServerSide, status: number, body: string, headers: Readonly<Record<string, string>>): void {
    const bytes = Buffer.from(body)
    const more = { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers }
    side.send({ kind: 'head', status, headers: more })
    side.send({ kind: 'bytes', bytes })
    side.send({ kind: 'end' })
  }
}

function routeOf(path: string): Route {
  const route = routeNames.find((name) => path === `/v1${routes[name].path}`)
  if (!route) throw new RangeError(`a gateway asked for ${path}`)
  return route
}
