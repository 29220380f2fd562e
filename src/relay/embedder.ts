/**
 * Turns questions into vectors, by the embeddings model of the configuration: a call like any other for the upstreams
 * (balance, failover, breakers), which nobody is waiting for longer than a moment, and which is not journaled. One that
 * gives no vectors, or too late, is not asked for a while.
 */
import { readCall } from '../dialect/read-call.ts'
import { Fault } from '../fault/fault.ts'
import type { Target } from '../fleet/fleet.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import { Leg } from './leg.ts'
import type { Order } from './order.ts'
import { readVector } from './read-vector.ts'
import type { Relay } from './relay-parts.ts'
import { Speech } from './speech.ts'

/** Why there is no vector. */
export type NoVector = 'late' | 'failed' | 'invalid' | 'busy' | 'resting'

/** Questions under way at once. */
const liveMax = 32
/** So long an embedding may take that is only to be kept. */
const wholeMs = 10_000
/** So many failures in a row, and it rests; longer each time that it fails again. */
const failuresMax = 5
const restMsMin = 5000
const restMsMax = 60_000

export class Embedder {
  #relay: Relay
  #model: string
  #liveCount = 0
  #failureCount = 0
  #restUntilMs = 0

  constructor(relay: Relay, model: string) {
    this.#relay = relay
    this.#model = model
  }

  /** On behalf of this order, of whose credentials the upstream sees nothing. */
  ask(order: Order, text: string): Promise<Float32Array | NoVector> {
    if (this.#relay.clock.monotonicMs() < this.#restUntilMs) return Promise.resolve('resting')
    const isBusy = this.#liveCount >= liveMax || !this.#relay.pressure.mayTakeCalls
    if (isBusy) return Promise.resolve('busy')
    const { promise, resolve } = Promise.withResolvers<Float32Array | NoVector>()
    try {
      this.#start(order, text, resolve)
    } catch {
      this.failed()
      resolve('failed')
    }
    return promise
  }

  /** Also when it was too late for who waited. */
  failed(): void {
    if (++this.#failureCount < failuresMax) return
    const times = Math.min(10, this.#failureCount - failuresMax)
    this.#restUntilMs = this.#relay.clock.monotonicMs() + Math.min(restMsMax, restMsMin * 2 ** times)
  }

  succeeded(): void {
    this.#failureCount = 0
  }

  #start(order: Order, text: string, done: (vector: Float32Array | NoVector) => void): void {
    const target = this.#relay.fleet.resolve(this.#model)
    if (!this.#isFit(target)) return done('busy')
    const speech = new Speech(this.#relay, this.#orderFor(order, text), target, { attempts: [] as AttemptFact[] }, null)
    let isOver = false
    const end = (vector: Float32Array | NoVector): void => {
      if (isOver) return
      isOver = true
      this.#liveCount--
      late.cancel()
      if (typeof vector === 'string') this.failed()
      done(vector)
    }
    const fail = (): void => end('failed')
    const leg = new Leg(this.#relay, speech, {
      ...{ onCommit: () => {}, onEvent: () => {}, onTurn: () => {} },
      ...{ onStreamEnd: fail, onBroken: fail, onGivenUp: fail },
      onWhole: ({ body }) => end(readVector(body) ?? 'invalid'),
    })
    const late = this.#relay.clock.after(wholeMs, () => {
      leg.cancel(new Fault('HF_UPSTREAM_STALLED', { detail: `no embedding within ${wholeMs} ms` }))
      fail()
    })
    this.#liveCount++
    leg.start()
  }

  /** Callers' own calls come first: this one waits in no line, and is not sent where nothing is to be had. */
  #isFit({ members, upstreamModel }: Target): boolean {
    const { breakers, places } = this.#relay
    return members.some((member) => breakers.standing(member, upstreamModel).restMs === 0 && places.hasRoom(member))
  }

  #orderFor(order: Order, text: string): Order {
    const body = Buffer.from(JSON.stringify({ model: this.#model, input: text, encoding_format: 'float' }))
    return {
      ...order,
      call: readCall('embeddings', body, {}),
      ...{ callerKey: null, passedHeaders: {}, session: null, cache: null, idempotencyKey: null, toldId: null },
      ...{ isStored: false, isRepeated: false, trace: null },
    }
  }
}
