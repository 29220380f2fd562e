/**
 * Calls that may be answered with what was made for another one: from what is kept, or by joining an answer that is
 * being made. Whoever joins is one more reader of the journal: each gets every event once, and a break is told to all.
 */
import { Fault, toFault } from '../fault/fault.ts'
import type { JournalCursor } from '../store/journal.ts'
import { type CacheMark, markHeaders } from './cache-mark.ts'
import type { CacheState } from './cache-wish.ts'
import type { CachedAnswers, Kept } from './cached-answers.ts'
import type { Exchange } from './exchange.ts'
import { LateReply } from './late-reply.ts'
import type { Order } from './order.ts'
import type { Relay } from './relay-parts.ts'
import type { Reply } from './reply.ts'
import { refusedOrder, servedOrder } from './short-account.ts'
import type { Ending } from './stream/feed.ts'

/** A reader of what was made for another call. */
export interface Seat {
  readonly order: Order
  readonly reply: Reply
  readonly marks: () => readonly string[]
  readonly onEnded: (sentBytes: number, how: Ending | 'gone') => void
}

export type OwnMarks = (isOurs: boolean) => readonly string[]

export interface Ways {
  /** Asks a model server, as ever. `marks`: not `isOurs` when another node was faster with the same call. */
  readonly start: (order: Order, reply: Reply, marks: OwnMarks) => void
  /** Finds the call that this one repeats, or starts. */
  readonly repeat: (order: Order, reply: Reply, marks: OwnMarks) => Promise<void>
  readonly join: (leader: Exchange, seat: Seat) => void
  readonly follow: (cursor: JournalCursor, seat: Seat) => void
  readonly deliver: (cursor: JournalCursor, seat: Seat) => void
}

export class CachedCalls {
  #relay: Pick<Relay, 'clock' | 'observer' | 'fleet'>
  #answers: CachedAnswers
  #ways: Ways

  constructor(relay: Pick<Relay, 'clock' | 'observer' | 'fleet'>, answers: CachedAnswers, ways: Ways) {
    this.#relay = relay
    this.#answers = answers
    this.#ways = ways
  }

  take(order: Order, reply: Reply): void {
    this.#take(order, reply).catch((thrown: unknown) => {
      const fault = toFault(thrown)
      this.#relay.observer.settled(refusedOrder(order, fault, this.#relay.clock))
      reply.fail(fault)
    })
  }

  /** Another node was faster with the same call, and its caller has got the answer of that. */
  joined(order: Order, sentBytes: number, how: Ending | 'gone'): void {
    new ServedAccount(this.#relay, order, () => this.#mark('collapsed', 0)).settle(sentBytes, how, null)
  }

  async #take(order: Order, reply: Reply): Promise<void> {
    if (this.#join(order, reply)) return
    const { fresh } = await this.#answers.find(order)
    if (fresh) return this.#deliver(order, reply, fresh)
    if (this.#join(order, reply)) return
    if (order.cache?.semantic) {
      const semantic = await this.#answers.findSemantic(order)
      if (semantic) return this.#deliver(order, reply, semantic)
      if (this.#join(order, reply)) return
    }
    if (!order.cache?.mayAsk) throw new Fault('HF_NOT_KEPT')
    const elsewhere = await this.#answers.elsewhere(order)
    // Meanwhile another call may have begun it here.
    if (this.#join(order, reply)) return
    if (elsewhere) {
      const { beganMs, ray } = elsewhere.info
      const seat = this.#seat(order, reply, () => ({ ...this.#mark('collapsed', beganMs), answerRay: ray }))
      return this.#ways.follow(elsewhere, seat)
    }
    const own = this.#own(order, reply)
    const beganMs = this.#relay.clock.nowMs()
    const state: CacheState = order.cache.mayRead ? 'miss' : 'refreshed'
    const marks: OwnMarks = (isOurs) => markHeaders(this.#mark(isOurs ? state : 'collapsed', beganMs))
    if (order.isRepeated) return this.#ways.repeat(order, own, marks)
    this.#ways.start(order, own, marks)
  }

  #join(order: Order, reply: Reply): boolean {
    const leader = order.cache && this.#answers.leaderFor(order.cache)
    if (!leader) return false
    const ageMs = this.#relay.clock.monotonicMs() - leader.order.beganMs
    const beganMs = this.#relay.clock.nowMs() - ageMs
    this.#ways.join(
      leader,
      this.#seat(order, reply, () => ({ ...this.#mark('collapsed', beganMs), answerRay: leader.order.ray })),
    )
    return true
  }

  #mark(state: CacheState, beganMs: number): CacheMark {
    return { state, ageMs: this.#relay.clock.nowMs() - beganMs, leftMs: null }
  }

  #deliver(order: Order, reply: Reply, { cursor, mark }: Kept): void {
    this.#ways.deliver(
      cursor,
      this.#seat(order, reply, () => mark),
    )
  }

  /** A caller that gets what was made for another call, with an account of its own. */
  #seat(order: Order, reply: Reply, mark: () => CacheMark): Seat {
    const account = new ServedAccount(this.#relay, order, mark)
    let isInstead = false
    const late = this.#late(order, reply, {
      onFail: (fault) => void (account.fault = fault),
      found: (kept) => {
        isInstead = true
        account.mark = () => kept.mark
        this.#ways.deliver(kept.cursor, { order, reply, ...account.ears })
      },
      none: (fault, how) => account.settle(0, how, fault),
    })
    const { marks, onEnded } = account.ears
    return { order, reply: late, marks, onEnded: (sent, how) => void (late.isHeld || isInstead || onEnded(sent, how)) }
  }

  /** One that asks itself: its exchange accounts for it, also where an older answer does for want of a new one. */
  #own(order: Order, reply: Reply): Reply {
    return this.#late(order, reply, {
      onFail: () => {},
      found: ({ cursor, mark }) =>
        this.#ways.deliver(cursor, { order, reply, marks: () => markHeaders(mark), onEnded: () => {} }),
      none: () => {},
    })
  }

  /** Where all fails, an older answer does instead, if there is one that may. */
  #late(order: Order, reply: Reply, ears: LateEars): LateReply {
    const mayBeStale = order.cache?.mayRead === true && order.cache.staleMsMax > 0
    return new LateReply(reply, (fault, ray) => {
      ears.onFail(fault)
      if (!mayBeStale || fault.status < 500) return false
      let isGone = false
      reply.onGone = () => void (isGone = true)
      void this.#answers.find(order).then(({ fresh, stale }) => {
        const kept = fresh ?? stale
        if (isGone || !kept) {
          ears.none(fault, isGone ? 'gone' : 'breakOff')
          return isGone ? undefined : reply.fail(fault, ray)
        }
        ears.found({ cursor: kept.cursor, mark: kept === stale ? { ...kept.mark, detail: fault.code } : kept.mark })
      })
      return true
    })
  }
}

interface LateEars {
  readonly onFail: (fault: Fault) => void
  /** There is an older answer. */
  readonly found: (kept: Kept) => void
  /** There is none, or nobody who waits for it. */
  readonly none: (fault: Fault, how: 'gone' | 'breakOff') => void
}

/** What a caller got that was made for another call. */
class ServedAccount {
  mark: () => CacheMark
  fault: Fault | null = null
  #relay: Pick<Relay, 'clock' | 'observer' | 'fleet'>
  #order: Order
  #firstTokenMs: number | null = null
  #told: CacheMark | null = null

  constructor(relay: Pick<Relay, 'clock' | 'observer' | 'fleet'>, order: Order, mark: () => CacheMark) {
    this.#relay = relay
    this.#order = order
    this.mark = mark
  }

  readonly ears: Pick<Seat, 'marks' | 'onEnded'> = {
    marks: () => {
      const mark = this.mark()
      this.#firstTokenMs = this.#relay.clock.monotonicMs() - this.#order.beganMs
      this.#told = mark
      return markHeaders(mark)
    },
    onEnded: (sentBytes, how) => this.settle(sentBytes, how, this.fault),
  }

  settle(sentBytes: number, how: Ending | 'gone', why: Fault | null): void {
    const outcome = how === 'end' ? 'complete' : how === 'gone' ? 'cancelled' : 'failed'
    const fault = outcome === 'failed' ? (why ?? new Fault('HF_UPSTREAM_CUT')) : null
    const { state, answerRay, similarity } = this.#told ?? this.mark()
    const of = { ...(answerRay && { answerRay }), ...(similarity !== undefined && { similarity }) }
    const served = { cache: state, ...of, outcome, fault, sentBytes, firstTokenMs: this.#firstTokenMs } as const
    this.#relay.observer.settled(servedOrder(this.#order, served, this.#relay))
  }
}
