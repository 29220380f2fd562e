/** A caller's connection to a simulated gateway, both ends of it. */
import type { FaultCode } from '../../src/fault/code.ts'
import type { Route } from '../../src/dialect/call.ts'
import { type Network, Pipe } from './network.ts'
import type { SimProcess } from './sim-process.ts'

/** What a caller asks. `caller` is the name of its key. */
export type Ask =
  | {
      readonly kind: 'post'
      readonly caller: string
      readonly route: Route
      readonly body: Buffer
      /** The client says that it has sent this before. */
      readonly isRepeated: boolean
      readonly idempotencyKey: string | null
      readonly isStored: boolean
      readonly onDisconnect: 'cancel' | 'detach'
    }
  | { readonly kind: 'resume'; readonly caller: string; readonly id: string; readonly after: number | null }
  | { readonly kind: 'cancel'; readonly caller: string; readonly id: string }

/** What comes back. */
export type Answer =
  | { readonly kind: 'head'; readonly ray: string; readonly lengthBytes: number | null }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | {
      readonly kind: 'refusal'
      readonly ray: string
      readonly code: FaultCode
      readonly status: number
      readonly shouldRetry: boolean
    }
  | { readonly kind: 'cancelled'; readonly isDone: boolean }
  | { readonly kind: 'end' | 'reset' | 'refused' }

type Up = { readonly kind: 'ask' | 'close' } | { readonly kind: 'taken'; readonly bytes: number }

/** Where connections are taken. */
export interface Machine {
  readonly name: string
  /** The process that listens; null while none does. */
  readonly listening: SimProcess | null
  /** A connection has come in at that process. */
  take(link: CallerLink, process: SimProcess): void
}

export class CallerLink {
  readonly ask: Ask
  /** Set by the gateway: the caller has taken bytes, or has gone. */
  onTaken: (bytes: number) => void = () => {}
  onGone: () => void = () => {}
  #machine: Machine
  #up: Pipe<Up>
  #down: Pipe<Answer>
  #process: SimProcess | null = null
  #isClosed = false

  constructor(network: Network, from: string, machine: Machine, ask: Ask, receive: (answer: Answer) => void) {
    this.ask = ask
    this.#machine = machine
    this.#up = new Pipe(network, from, machine.name, (message) => this.#atMachine(message))
    this.#down = new Pipe(network, machine.name, from, (answer) => {
      if (!this.#isClosed) receive(answer)
    })
    this.#up.send({ kind: 'ask' })
  }

  // The caller's end.

  taken(bytes: number): void {
    this.#up.send({ kind: 'taken', bytes })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#up.send({ kind: 'close' })
  }

  // The gateway's end.

  send(answer: Answer): void {
    this.#down.send(answer)
  }

  /** The connection breaks; what is on the way may be lost. */
  breakOff(): void {
    this.#down.breakOff({ kind: 'reset' })
  }

  #atMachine(message: Up): void {
    if (message.kind === 'ask') return this.#arrive()
    this.#process?.run(() => {
      if (message.kind === 'taken') this.onTaken(message.bytes)
      else this.onGone()
    })
  }

  #arrive(): void {
    const process = this.#machine.listening
    if (!process) return this.#down.send({ kind: 'refused' })
    this.#process = process
    process.onKilled(() => this.breakOff())
    process.run(() => this.#machine.take(this, process))
  }
}
