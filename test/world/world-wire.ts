/** The wire of a simulated gateway to a simulated model server: connect, send, receive, and every way to fail. */
import { Fault } from '../../src/fault/fault.ts'
import type { Timer } from '../../src/ground/clock.ts'
import type { Flight, Wire, WireReceiver, WireRequest } from '../../src/relay/wire/wire.ts'
import type { ModelServer } from './model-server.ts'
import { type Network, Pipe } from './network.ts'
import type { ServerAnswer, ServerSide } from './server-side.ts'
import type { SimProcess } from './sim-process.ts'

/** What goes from the gateway to the server. */
type Up = { readonly kind: 'connect' | 'reset' } | { readonly kind: 'request'; readonly request: WireRequest }
/** What comes back. */
type Down = ServerAnswer | { readonly kind: 'connected' | 'refused' }

export class WorldWire implements Wire {
  readonly idleCount = 0
  readonly flights = new Set<WorldFlight>()
  #process: SimProcess
  #network: Network
  #from: string
  #server: ModelServer

  /** @param from the machine of the gateway, whose links can be cut. */
  constructor(process: SimProcess, network: Network, from: string, server: ModelServer) {
    this.#process = process
    this.#network = network
    this.#from = from
    this.#server = server
    process.onKilled(() => {
      for (const flight of this.flights) flight.cancel()
    })
  }

  get openCount(): number {
    return this.flights.size
  }

  send(request: WireRequest, receiver: WireReceiver): Flight {
    const flight = new WorldFlight(this.#process, this.#network, this.#from, this.#server, request, receiver)
    this.flights.add(flight)
    flight.onOver = () => this.flights.delete(flight)
    return flight
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const flight of this.flights) flight.cancel()
  }
}

/** Also the server's view of the connection. */
export class WorldFlight implements Flight, ServerSide {
  isSent = false
  sentMs: number | null = null
  onOver: () => void = () => {}
  /** Set by the server: the gateway has closed the connection. */
  onGone: () => void = () => {}
  readonly request: WireRequest
  /** The process that asks. */
  readonly by: SimProcess
  #network: Network
  #server: ModelServer
  #receiver: WireReceiver
  #up: Pipe<Up>
  #down: Pipe<Down>
  #connectTimer: Timer
  #isOver = false
  #isPaused = false
  #arrived: Down[] = []
  #hasHead = false

  constructor(
    by: SimProcess,
    network: Network,
    from: string,
    server: ModelServer,
    request: WireRequest,
    receiver: WireReceiver,
  ) {
    this.by = by
    this.request = request
    this.#network = network
    this.#server = server
    this.#receiver = receiver
    this.#up = new Pipe(network, from, server.name, (message) => this.#atServer(message))
    this.#down = new Pipe(network, server.name, from, (message) => by.run(() => this.#atGateway(message)))
    this.#connectTimer = by.clock.after(request.connectMs, () => this.#fail('HF_CONNECT_TIMEOUT'))
    this.#up.send({ kind: 'connect' })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused && this.#arrived.length > 0) this.#receive(this.#arrived.shift()!)
  }

  cancel(): void {
    if (this.#isOver) return
    this.#end()
    this.#up.breakOff({ kind: 'reset' })
  }

  /** From the server. */
  send(answer: ServerAnswer): void {
    if (answer.kind === 'reset') return this.#down.breakOff(answer)
    if (answer.kind !== 'bytes') return this.#down.send(answer)
    // The network cuts bytes where it likes.
    const { chance } = this.#network
    let rest = answer.bytes
    while (rest.length > 1 && chance.happens(0.15)) {
      const at = chance.whole(1, rest.length - 1)
      this.#down.send({ kind: 'bytes', bytes: rest.subarray(0, at) })
      rest = rest.subarray(at)
    }
    this.#down.send({ kind: 'bytes', bytes: rest })
  }

  #atServer(message: Up): void {
    if (message.kind === 'connect') this.#down.send({ kind: this.#server.isUp ? 'connected' : 'refused' })
    else if (message.kind === 'request') this.#server.take(this)
    else this.onGone()
  }

  #atGateway(message: Down): void {
    if (this.#isOver) return
    if (this.#isPaused) this.#arrived.push(message)
    else this.#receive(message)
  }

  #receive(message: Down): void {
    if (this.#isOver) return
    switch (message.kind) {
      case 'refused':
        return this.#fail('HF_UPSTREAM_REFUSED')
      case 'connected':
        this.#connectTimer.cancel()
        this.isSent = true
        this.sentMs = this.by.clock.monotonicMs()
        return this.#up.send({ kind: 'request', request: this.request })
      case 'head':
        this.#hasHead = true
        return this.#receiver.onHead({ status: message.status, headers: message.headers, isReused: false })
      case 'bytes':
        return this.#receiver.onBody(message.bytes)
      case 'end':
        this.#end()
        return this.#receiver.onEnd()
      case 'reset':
        return this.#fail(this.#hasHead ? 'HF_UPSTREAM_CUT' : 'HF_UPSTREAM_RESET')
    }
  }

  #fail(code: 'HF_CONNECT_TIMEOUT' | 'HF_UPSTREAM_REFUSED' | 'HF_UPSTREAM_CUT' | 'HF_UPSTREAM_RESET'): void {
    if (this.#isOver) return
    this.#end()
    if (code === 'HF_CONNECT_TIMEOUT') this.#up.breakOff({ kind: 'reset' })
    this.#receiver.onFail(new Fault(code, { detail: `simulated, ${this.#server.name}` }))
  }

  #end(): void {
    this.#isOver = true
    this.#connectTimer.cancel()
    this.#arrived = []
    this.onOver()
  }
}
