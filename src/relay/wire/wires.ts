/** The wires to all upstreams, opened at the first call. */
import type { Upstream } from '../../fleet/upstream.ts'
import type { Clock } from '../../ground/clock.ts'
import { openHttpWire } from './http-wire.ts'
import { Names } from './names.ts'
import type { Wire } from './wire.ts'

/** Where the relay gets its wires from; the simulated world has its own. */
export interface WireSource {
  to(upstream: Upstream): Wire
}

export class Wires implements WireSource, AsyncDisposable {
  #clock: Clock
  /** The addresses of names, for all that speak to upstreams. */
  readonly names: Names
  #open = new Map<Upstream, Wire>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.names = new Names(clock)
  }

  to(upstream: Upstream): Wire {
    let wire = this.#open.get(upstream)
    if (!wire) {
      const { url, options } = upstream
      wire = openHttpWire({ url, connectionsMax: options.connectionsMax, clock: this.#clock, names: this.names })
      this.#open.set(upstream, wire)
    }
    return wire
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((wire) => wire[Symbol.asyncDispose]()))
    this.#open.clear()
  }
}
