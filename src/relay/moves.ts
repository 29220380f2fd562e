/**
 * Empties a server that is to go: the answers that it has under way go on elsewhere, a few at a time, so that nobody
 * waits for a long one to end, and those that take them are not overrun. Who cannot be moved without a trace stays.
 */
import { Fault } from '../fault/fault.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Timer } from '../ground/clock.ts'
import type { Exchange } from './exchange.ts'
import type { Leg } from './leg.ts'
import { Mend } from './mend.ts'
import type { Relay } from './relay-parts.ts'

/** Answers that are moved at once, and how long until the next. */
const atOnceMax = 16
const nextMs = 100
/** Who could not be moved is asked again after this. */
const againMs = 2000

type MoveParts = ConstructorParameters<typeof Mend>[0] & Pick<Relay, 'journal'>

export class Moves implements Disposable {
  #relay: MoveParts
  #live: Iterable<Exchange>
  #timers = new Map<Upstream, Timer>()
  /** When those that stayed may be asked again. */
  #notBeforeMs = new WeakMap<Exchange, number>()

  constructor(relay: MoveParts, live: Iterable<Exchange>) {
    this.#relay = relay
    this.#live = live
  }

  /** From `afterMs` on, until the server is gone. */
  begin(upstream: Upstream, afterMs: number): void {
    this.#timers.get(upstream)?.cancel()
    const timer = this.#relay.clock.after(afterMs, () => {
      void this.#look(upstream).finally(() => {
        if (upstream.isDraining && this.#timers.get(upstream) === timer) this.begin(upstream, nextMs)
      })
    })
    this.#timers.set(upstream, timer)
  }

  /**
   * It is gone: whatever it has breaks off now. Of one that died this may be known before its connections break; it
   * counts as if they had, for what it died of is looked for among what it had.
   */
  end(upstream: Upstream, wasDraining: boolean): void {
    this.#timers.get(upstream)?.cancel()
    this.#timers.delete(upstream)
    const fault = wasDraining ? drained : () => new Fault('HF_UPSTREAM_CUT', { detail: 'it is gone' })
    for (const { leg } of this.#live) leg?.race.leaveUpstream(upstream, fault())
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  async #look(upstream: Upstream): Promise<void> {
    if (!upstream.isDraining) return void this.#timers.delete(upstream)
    const nowMs = this.#relay.clock.monotonicMs()
    let count = 0
    for (const exchange of this.#live) {
      const { leg } = exchange
      if (!leg?.race.isAt(upstream) || (this.#notBeforeMs.get(exchange) ?? 0) > nowMs) continue
      this.#notBeforeMs.set(exchange, nowMs + againMs)
      const mayMove = leg.race.hasSpoken ? await this.#canGoOn(exchange, leg) : leg.hasOther(upstream)
      if (mayMove && exchange.leg === leg) leg.race.leaveUpstream(upstream, drained())
      if (++count >= atOnceMax) return
    }
  }

  /** Whether another server can go on behind what was said, token by token. */
  async #canGoOn({ order }: Exchange, { race, target }: Leg): Promise<boolean> {
    const { seamBudget, journal } = this.#relay
    const events = seamBudget.options.enabled ? await journal.recall(order.ray).catch(() => null) : null
    if (!events) return false
    return new Mend(this.#relay, order, target, events, { account: [], avoid: race.member }).isSeamless
  }
}

const drained = (): Fault => new Fault('HF_UPSTREAM_DRAINED')
