/** The wires to all upstreams, opened at the first call. */
import type { Upstream } from '../../fleet/upstream.ts'
import type { UpstreamOptions } from '../../fleet/upstream-options.ts'
import type { Clock } from '../../ground/clock.ts'
import { Hellos } from './hellos.ts'
import { openHttpWire } from './http-wire.ts'
import { Names } from './names.ts'
import { type PeerBook, PeerFiles, type PeerTls } from './peer-files.ts'
import type { Wire } from './wire.ts'

/** Where the relay gets its wires from; the simulated world has its own. */
export interface WireSource {
  to(upstream: Upstream): Wire
  /** The server is no more. */
  close?(upstream: Upstream): void
}

export class Wires implements WireSource, PeerBook, AsyncDisposable {
  #clock: Clock
  /** The addresses of names, for all that speak to upstreams. */
  readonly names: Names
  /** Which of them are to be greeted small. */
  readonly hellos: Hellos
  /** What those behind TLS are met with, by origin; where it is the usual there is nothing. */
  #peers = new Map<string, PeerTls>()
  #open = new Map<Upstream, Wire>()

  /** `upstreams`: as they are configured. */
  constructor(clock: Clock, upstreams: Readonly<Record<string, Pick<UpstreamOptions, 'url' | 'tls'>>> = {}) {
    this.#clock = clock
    this.names = new Names(clock)
    this.hellos = new Hellos(clock)
    for (const { url, tls } of Object.values(upstreams))
      if (tls) this.#peers.set(new URL(url).origin, new PeerFiles(tls, clock))
  }

  /** What a server is met with. */
  tlsOf({ origin }: URL): PeerTls {
    return this.#peers.get(origin) ?? {}
  }

  to(upstream: Upstream): Wire {
    let wire = this.#open.get(upstream)
    if (!wire) {
      const { url, options } = upstream
      const { names, hellos } = this
      const tls = this.tlsOf(url)
      wire = openHttpWire({ url, connectionsMax: options.connectionsMax, clock: this.#clock, names, hellos, tls })
      this.#open.set(upstream, wire)
    }
    return wire
  }

  close(upstream: Upstream): void {
    const wire = this.#open.get(upstream)
    this.#open.delete(upstream)
    void wire?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((wire) => wire[Symbol.asyncDispose]()))
    this.#open.clear()
  }
}
