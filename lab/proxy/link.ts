/** One connection through the fault proxy: two sockets and a pipe each way. */
import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../../src/ground/clock.ts'
import type { Random } from '../../src/ground/random.ts'
import { Pipe } from './pipe.ts'
import type { Toxic } from './toxic.ts'

export interface LinkOptions {
  readonly target: { readonly host: string; readonly port: number }
  readonly clock: Clock
  readonly random: Random
  /** All toxics of the proxy, as they are now. */
  toxics(): readonly Toxic[]
  onClose(): void
}

export class Link {
  readonly #client: Socket
  readonly #server: Socket
  readonly #options: LinkOptions
  readonly #pipes: readonly Pipe[]
  /** For each toxic by name: does this connection have it? Drawn once. */
  readonly #drawn = new Map<string, boolean>()
  /** Cuts that are due at a time; a toxic that is replaced is another one, even under the same name. */
  readonly #cuts = new Map<Toxic, Timer>()
  readonly #startedMs: number
  #isOver = false

  constructor(client: Socket, options: LinkOptions) {
    this.#client = client
    this.#options = options
    this.#startedMs = options.clock.monotonicMs()
    this.#server = connect({ ...options.target, allowHalfOpen: true, noDelay: true })
    client.setNoDelay(true)
    this.#pipes = [this.#pipe(client, this.#server, 'up'), this.#pipe(this.#server, client, 'down')]
    for (const [socket, other] of [
      [client, this.#server],
      [this.#server, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', (hadError) => this.#socketClosed(socket, other, hadError))
    }
    this.refresh()
  }

  #pipe(from: Socket, to: Socket, direction: 'up' | 'down'): Pipe {
    const { clock, random } = this.#options
    return new Pipe(from, to, { clock, random, toxics: () => this.#own(direction), onCut: (how) => this.cut(how) })
  }

  #own(direction: 'up' | 'down'): readonly Toxic[] {
    return this.#options
      .toxics()
      .filter((toxic) => (toxic.direction === 'both' || toxic.direction === direction) && this.#draws(toxic))
  }

  #draws(toxic: Toxic): boolean {
    if (toxic.share >= 1) return true
    return this.#drawn.getOrInsertComputed(toxic.name, () => this.#options.random.unit() < toxic.share)
  }

  /** An end that the link hides (swallow, black hole) stays hidden; otherwise one side's end is the other's too. */
  #socketClosed(socket: Socket, other: Socket, hadError: boolean): void {
    if (this.#isOver) return
    const way = socket === this.#client ? 'up' : 'down'
    const isHidden = this.#own(way).some((toxic) => toxic.kind === 'swallow' || toxic.kind === 'blackhole')
    if (isHidden && !other.destroyed) return
    if (hadError) return this.cut('rst')
    if (other.destroyed) this.#finish()
  }

  /** To be called when the toxics changed. */
  refresh(): void {
    const { clock } = this.#options
    const cuts = [...this.#own('up'), ...this.#own('down')].filter((toxic) => toxic.kind === 'cut')
    for (const [toxic, timer] of this.#cuts) {
      if (cuts.some((cut) => cut === toxic)) continue
      timer.cancel()
      this.#cuts.delete(toxic)
    }
    for (const toxic of cuts) {
      if (toxic.afterMs === null || this.#cuts.has(toxic)) continue
      const restMs = toxic.afterMs - (clock.monotonicMs() - this.#startedMs)
      this.#cuts.set(
        toxic,
        clock.after(Math.max(0, restMs), () => this.cut(toxic.how)),
      )
    }
    for (const pipe of this.#pipes) pipe.refresh()
  }

  /** Ends the connection on both sides. Idempotent. */
  cut(how: 'rst' | 'fin'): void {
    if (this.#isOver) return
    this.#finish()
    for (const socket of [this.#client, this.#server]) {
      if (socket.destroyed) continue
      if (how === 'rst') socket.resetAndDestroy()
      else socket.end(() => socket.destroy())
    }
  }

  #finish(): void {
    this.#isOver = true
    for (const pipe of this.#pipes) pipe.close()
    for (const timer of this.#cuts.values()) timer.cancel()
    this.#options.onClose()
  }
}
