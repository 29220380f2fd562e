/** Where a lab server listens: at one address, not at all for a while on command, and never again once it is closed. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Timer } from '../../src/ground/clock.ts'

export class Ear {
  readonly #server: Server
  readonly #host: string
  readonly #clock: Clock
  #port = 0
  #isClosed = false
  #deafUntilMs = 0
  #timer: Timer | null = null

  constructor(server: Server, host: string, clock: Clock) {
    this.#server = server
    this.#host = host
    this.#clock = clock
  }

  /** The port listened on; kept through times of deafness. */
  get port(): number {
    return this.#port
  }

  /** Listens on `port`, 0 = one chosen by the system. @throws {Error} when it cannot. */
  async open(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, this.#host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Refuses new connections for so long, and ends idle ones; of several such times, the one that ends last counts. */
  refuse(ms: number): void {
    this.#server.close()
    this.#server.closeIdleConnections()
    const untilMs = this.#clock.monotonicMs() + ms
    if (untilMs < this.#deafUntilMs) return
    this.#deafUntilMs = untilMs
    this.#timer?.cancel()
    // If somebody took the port meanwhile, the server stays away: a crash could do no worse.
    this.#timer = this.#clock.after(ms, () => void (this.#isClosed || this.open(this.#port).catch(() => {})))
  }

  /** Breaks all connections and stops listening for good. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }
}
