/** Opens the relay: keeps the exchanges under way, and ends them with a word when the house closes. */
import type { Clock } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import { Exchange, type Relay } from './exchange.ts'
import type { Order } from './order.ts'
import type { Reply } from './reply.ts'

/** After the grace: time for the last words to reach callers that read. */
const lastWordsMs = 1000

export class RelayPlane {
  #relay: Relay
  #live = new Crowd<Exchange>()

  constructor(relay: Relay) {
    this.#relay = relay
  }

  get liveCount(): number {
    return this.#relay.admission.liveCount
  }

  take(order: Order, reply: Reply): void {
    const exchange: Exchange = new Exchange(this.#relay, order, reply, () => this.#live.remove(exchange))
    this.#live.add(exchange)
    exchange.start()
  }

  /**
   * Takes nothing new; gives what is under way `graceMs` to finish, then ends it with an error of its own. Callers that
   * take even that too slowly are not waited for.
   */
  async drain(clock: Clock, graceMs: number): Promise<void> {
    const idle = this.#relay.admission.close()
    using _close = clock.after(graceMs, () => {
      for (const exchange of this.#live) exchange.close()
    })
    using _abandon = clock.after(graceMs + lastWordsMs, () => {
      for (const exchange of this.#live) exchange.abandon()
    })
    await idle
  }
}
