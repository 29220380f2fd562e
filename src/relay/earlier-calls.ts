/** Finds the call that another one repeats: by its `Idempotency-Key`, or as one that lost its reader. */
import type { Ray } from '../fault/ray.ts'
import type { AnswerInfo, JournalCursor } from '../store/journal.ts'
import { callKeyOf, infoOf, isUsable, keyAlias, lostAlias, needSameCall } from './call-key.ts'
import type { Exchange } from './exchange.ts'
import type { Order } from './order.ts'
import { Recent } from './recent.ts'
import type { Relay } from './relay-parts.ts'
import type { Reply } from './reply.ts'

/** Answers of which this node remembers that they found their reader again, or may not have reached him. */
const recentMax = 1000
/** A call for the background that is sent again within this time is the same call. */
const repeatedWithinMs = 60_000

export class EarlierCalls {
  /** Lost answers that somebody has got since; the next call that looks alike is another one. */
  readonly taken = new Recent(recentMax)
  /** Whole answers that may not have arrived, by what a repetition of their call is known by. */
  #undelivered = new Recent(recentMax)
  #relay: Pick<Relay, 'journal' | 'clock'>
  #find: (isIt: (exchange: Exchange) => boolean) => Exchange | null

  /** `find`: among the calls under way on this node. */
  constructor(
    relay: Pick<Relay, 'journal' | 'clock'>,
    find: (isIt: (exchange: Exchange) => boolean) => Exchange | null,
  ) {
    this.#relay = relay
    this.#find = find
  }

  /** Remembers an answer that may not have arrived, for a repetition of its call. */
  watchArrival(reply: Reply, { order, callKey }: Pick<Exchange, 'order' | 'callKey'>, ray = order.ray): void {
    if (callKey === null) return
    reply.onUndelivered = () => this.#undelivered.add(lostAlias(order.caller, callKey), ray)
  }

  /** The answer to the call with this `Idempotency-Key`. @throws {Fault} HF_KEY_REUSED */
  async openByKey(order: Order): Promise<JournalCursor | null> {
    const alias = keyAlias(order)
    const cursor = alias === null ? null : await this.#relay.journal.open(alias)
    if (isUsable(cursor)) needSameCall(cursor.info, order)
    return cursor
  }

  /** The call that this one repeats. @throws {Fault} HF_KEY_REUSED */
  async of(order: Order): Promise<AnswerInfo | null> {
    const { journal, clock } = this.#relay
    const callKey = callKeyOf(order)
    const { caller, idempotencyKey } = order
    if (idempotencyKey !== null) {
      const cursor = await this.openByKey(order)
      const live = this.#find(
        ({ order: other, failure }) =>
          failure === null && other.caller === caller && other.idempotencyKey === idempotencyKey,
      )
      const found = live ? infoOf(live, clock) : isUsable(cursor) ? cursor.info : null
      if (found) needSameCall(found, order)
      return found
    }
    if (callKey === null) return this.#lostTwin(order)
    const lost = await journal.open(lostAlias(caller, callKey))
    if (isUsable(lost) && this.#isLost(lost.info.ray)) return lost.info
    const undelivered = this.#undelivered.take(lostAlias(caller, callKey))
    const given = undelivered && (await journal.open(undelivered))
    if (given && isUsable(given)) return given.info
    const twin = this.#lostTwin(order)
    if (twin) return twin
    const cursors = (await journal.find(caller, callKey)).filter(isUsable)
    // What runs in the background never had a reader; else its node died and nobody has adopted it yet.
    const isMine =
      order.toldId === null
        ? ({ outcome, isOrphan }: JournalCursor) => outcome === null && isOrphan
        : ({ info }: JournalCursor) => clock.nowMs() - info.beganMs < repeatedWithinMs
    return cursors.find(isMine)?.info ?? null
  }

  /** Nobody reads it, as far as this node knows, nor has a repetition of its call got it. */
  #isLost(ray: Ray): boolean {
    const exchange = this.#find(({ order }) => order.ray === ray)
    return exchange ? exchange.attendance.isLost : !this.taken.has(ray)
  }

  /** The same call on this node, whose reader is gone. */
  #lostTwin({ caller, call }: Order): AnswerInfo | null {
    const twin = this.#find(
      ({ attendance, hasEnded, order }) =>
        attendance.isLost &&
        !hasEnded &&
        order.caller === caller &&
        order.call.route === call.route &&
        order.call.body.bytes.equals(call.body.bytes),
    )
    return twin && infoOf(twin, this.#relay.clock)
  }
}
