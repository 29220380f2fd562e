/**
 * Opens the relay: keeps the exchanges under way, finds answers for those who read them again, takes over what a dead
 * node left, and ends everything with a word when the house closes.
 */
import { errorEvent } from '../dialect/error-body.ts'
import { readErrorEvent } from '../dialect/error-event.ts'
import type { Route } from '../dialect/call.ts'
import { Fault, toFault } from '../fault/fault.ts'
import { parseRay, type Ray } from '../fault/ray.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import type { AnswerInfo, JournalCursor } from '../store/journal.ts'
import type { JournalOptions } from '../store/journal-options.ts'
import { type Adopter, adoptAnswer } from './adoption.ts'
import { callKeyOf, infoOf, isForAll, keyAlias, lostAlias } from './call-key.ts'
import { Exchange } from './exchange.ts'
import { Moves } from './moves.ts'
import { idAlias } from './naming.ts'
import type { Order } from './order.ts'
import { refusedOrder } from './short-account.ts'
import type { Relay } from './relay-parts.ts'
import type { Reply } from './reply.ts'
import { CachedAnswers } from './cached-answers.ts'
import { CachedCalls, type OwnMarks, type Seat } from './cached-calls.ts'
import type { CacheRules } from './cache-wish.ts'
import { EarlierCalls } from './earlier-calls.ts'
import type { SemanticAnswers } from './semantic-answers.ts'
import type { Ending } from './stream/feed.ts'
import { Reader } from './stream/reader.ts'

/** After the grace: time for the last words to reach callers that read. */
const lastWordsMs = 1000
/** What is read from the journal at once for an answer that is put together. */
const pageBytesMax = 2 ** 20

/** Somebody who reads an answer again. */
export interface Visit {
  /** Number of the first event to deliver. */
  readonly next: number
  /** As SSE events, or as the one body it is. */
  readonly isStream: boolean
  readonly reply: Reply
  /** Called once: with the bytes delivered, and how it ended. */
  readonly onEnded: (sentBytes: number, how: 'end' | 'breakOff' | 'gone') => void
}

interface AttachOptions {
  readonly isEager?: boolean
  readonly marks?: () => readonly string[]
  readonly open?: () => Promise<JournalCursor | null>
  /** Where it is made on this node; null where it is not. Default: looked for. */
  readonly exchange?: Exchange | null
}

const isLive = (ray: Ray) => (each: Exchange) => each.order.ray === ray && !each.hasEnded

export class RelayPlane {
  #relay: Relay
  #options: Pick<JournalOptions, 'keepMs'>
  #live = new Crowd<Exchange>()
  /** Calls that may be repetitions, each waiting for the one before it. */
  #turns = new Map<string, Promise<void>>()
  #earlier: EarlierCalls
  #moves: Moves
  #isAdopting = false
  #isClosing = false

  #cached: CachedAnswers
  #cachedCalls: CachedCalls

  constructor(
    relay: Relay,
    options: Pick<JournalOptions, 'keepMs'>,
    cache: Pick<CacheRules, 'pace'> = { pace: 0 },
    semantic: SemanticAnswers | null = null,
  ) {
    this.#relay = relay
    this.#options = options
    this.#moves = new Moves(relay, this.#live)
    this.#earlier = new EarlierCalls(relay, (isIt) => this.#find(isIt))
    this.#cached = new CachedAnswers(relay.journal, relay.clock, cache, semantic)
    this.#cachedCalls = new CachedCalls(relay, this.#cached, {
      start: (order, reply, marks) => this.#start(order, reply, marks),
      repeat: (order, reply, marks) => this.#takeRepeated(order, reply, marks),
      join: (leader, seat) => this.#join(leader, seat),
      follow: ({ info }, seat) => this.#attach(info, this.#visitOf(seat), { marks: seat.marks }).start(),
      deliver: (cursor, seat) => {
        const open = (): Promise<JournalCursor> => Promise.resolve(cursor)
        this.#attach(cursor.info, this.#visitOf(seat), { marks: seat.marks, open, exchange: null }).start()
      },
    })
  }

  get liveCount(): number {
    return this.#relay.admission.liveCount
  }

  get breakers(): Relay['breakers'] {
    return this.#relay.breakers
  }

  /** A call with its first reader. A repetition of a call that is under way becomes another reader of that. */
  take(order: Order, reply: Reply): void {
    if (order.cache !== null) return this.#cachedCalls.take(order, reply)
    if (order.idempotencyKey === null && !order.isRepeated) return this.#start(order, reply)
    this.#takeRepeated(order, reply).catch((thrown: unknown) => reply.fail(this.#refused(order, thrown)))
  }

  /**
   * Begins an answer that nobody waits for, or finds the one that this call repeats. @throws {Fault} when it is not
   * begun.
   */
  async takeInBackground(order: Order): Promise<AnswerInfo> {
    if (order.idempotencyKey === null && !order.isRepeated) return this.#startInBackground(order)
    return this.#inTurn(order, async () => {
      const earlier = this.#earlier.of(order)
      earlier.catch((thrown: unknown) => this.#refused(order, thrown))
      return (await earlier) ?? this.#startInBackground(order)
    })
  }

  /**
   * By ray or by the id that the answer bears. @throws {Fault} HF_ANSWER_UNKNOWN, also for the answers of others;
   * HF_ANSWER_EXPIRED.
   */
  async look(id: string, caller: string): Promise<JournalCursor> {
    const ray = parseRay(id)
    const cursor = await this.#relay.journal.open(ray ? id : idAlias(caller, id))
    if (cursor && (cursor.info.caller === caller || isForAll(cursor.info))) return cursor
    const isOld = ray !== null && ray.timeMs + this.#options.keepMs < this.#relay.clock.nowMs()
    throw new Fault(isOld ? 'HF_ANSWER_EXPIRED' : 'HF_ANSWER_UNKNOWN')
  }

  /** Delivers an answer to one more reader. */
  read(cursor: JournalCursor, visit: Visit): void {
    this.#attach(cursor.info, visit, { isEager: true }).start()
  }

  /** All events of an answer that are kept now. */
  async events(cursor: JournalCursor): Promise<Buffer[]> {
    const events: Buffer[] = []
    for (;;) {
      const page = await cursor.read(events.length, pageBytesMax)
      if (page === null) throw new Fault('HF_ANSWER_EXPIRED')
      if (page.length === 0) return events
      events.push(...page)
    }
  }

  /** Whether this call is an answer of its own that is not settled. */
  isUnderWay(ray: Ray): boolean {
    return this.#find((each) => each.order.ray === ray) !== null
  }

  /** The key of this caller is good no more: what this process makes for it ends, with a word that says so. */
  revoke(caller: string): void {
    const fault = new Fault('HF_KEY_REVOKED', { detail: 'it has been revoked' })
    for (const exchange of this.#live)
      if (exchange.order.caller === caller && exchange.guestCount === 0) exchange.onAbandoned(fault)
  }

  /** Asks whoever makes the answer to stop; false when it had ended. @throws {Fault} as `look`. */
  async cancel(id: string, caller: string): Promise<boolean> {
    const info = await this.#lookAtOwn(id, caller)
    return this.#relay.journal.cancel(info.ray)
  }

  /** Forgets an answer, and stops it if it is under way. @throws {Fault} as `look`. */
  async remove(id: string, caller: string): Promise<void> {
    const info = await this.#lookAtOwn(id, caller)
    await this.#relay.journal.remove(info.ray)
  }

  async #lookAtOwn(id: string, caller: string): Promise<AnswerInfo> {
    const { info } = await this.look(id, caller)
    if (info.caller === caller) return info
    throw new Fault('HF_ANSWER_UNKNOWN')
  }

  /** Takes over answers whose node is dead; how many. Called every now and then. */
  async adoptOrphans(): Promise<number> {
    if (this.#isAdopting || this.#isClosing) return 0
    this.#isAdopting = true
    const isClosing = (): boolean => this.#isClosing
    const adopter: Adopter = { isClosing, open: (order, keptCount) => this.#open(order, keptCount) }
    let count = 0
    try {
      for (const ray of await this.#relay.journal.orphans()) {
        if (this.#isClosing || !this.#mayAdopt) break
        if (await adoptAnswer(this.#relay, ray, adopter)) count++
      }
    } finally {
      this.#isAdopting = false
    }
    return count
  }

  /** Takes over nothing more from other nodes. */
  retire(): void {
    this.#isClosing = true
  }

  /**
   * Takes nothing new; gives what is under way `graceMs` to finish, then ends it with an error of its own. Callers that
   * take even that too slowly are not waited for.
   */
  async drain(clock: Clock, graceMs: number): Promise<void> {
    this.retire()
    const idle = this.#relay.admission.close()
    using _close = clock.after(graceMs, () => {
      for (const exchange of this.#live) exchange.close()
    })
    using _abandon = clock.after(graceMs + lastWordsMs, () => {
      for (const exchange of this.#live) exchange.abandon()
    })
    await idle
  }

  /** The server is to go: from `afterMs` on its answers go on elsewhere, where somebody can at once. */
  moveFrom(upstream: Upstream, { afterMs }: { readonly afterMs: number }): void {
    this.#moves.begin(upstream, afterMs)
  }

  /** The server is gone: what it still has goes on elsewhere, or breaks off. */
  breakFrom(upstream: Upstream, wasDraining: boolean): void {
    this.#moves.end(upstream, wasDraining)
  }

  /** Without a drain: what is under way is given back, for whoever adopts it, before its upstream's connection goes. */
  [Symbol.dispose](): void {
    this.retire()
    this.#moves[Symbol.dispose]()
    for (const exchange of this.#live) exchange.abandon()
  }

  /** Another node, or this one a little later, may have more room for what is left to be gone on with. */
  get #mayAdopt(): boolean {
    const { admission, pressure } = this.#relay
    return admission.hasRoom && pressure.mayTakeCalls
  }

  #open(order: Order, keptCount: number): Exchange {
    const exchange: Exchange = new Exchange(this.#relay, order, keptCount, () => {
      this.#live.remove(exchange)
      this.#cached.settled(exchange)
    })
    this.#live.add(exchange)
    return exchange
  }

  /** Only what is kept is accepted: an id that the caller is told is never forgotten. @throws {Fault} */
  async #startInBackground(order: Order): Promise<AnswerInfo> {
    const exchange = this.#open(order, 0)
    exchange.start(null)
    // Looking for it waits until it is kept.
    if (!exchange.failure && (await this.#relay.journal.open(order.ray))) return infoOf(exchange, this.#relay.clock)
    const fault = exchange.failure ?? new Fault('HF_JOURNAL_FULL')
    const faster = fault.code === 'HF_LEASE_LOST' ? await this.#earlier.openByKey(order) : null
    if (faster) return faster.info
    throw fault
  }

  #start(order: Order, reply: Reply, marks?: OwnMarks): void {
    const exchange = this.#open(order, 0)
    const { journal, clock } = this.#relay
    const reader: Reader = new Reader(reply, {
      ray: order.ray,
      next: 0,
      isStream: order.call.isStream,
      isEager: false,
      feed: exchange.feed,
      timing: exchange.timing,
      marks: marks && (() => marks(!exchange.isAnotherNodes)),
      // An answer of which nothing is there may have been begun by another node, which was faster.
      open: async () =>
        (await journal.open(order.ray)) ?? (exchange.feed.keptCount === 0 ? this.#openFaster(order) : null),
      readFault: readErrorEvent,
      tellFault: (fault) => errorEvent(fault, order.ray, order.call.route),
      clock,
      onEnded: (how) => {
        exchange.readerLeft(how)
        if (order.cache && exchange.isAnotherNodes) this.#cachedCalls.joined(order, reader.sentBytes, how)
      },
    })
    this.#earlier.watchArrival(reply, exchange)
    exchange.start(reader)
    this.#cached.lead(exchange)
  }

  /** Gives a call the answer that another one is waiting for. */
  #join(leader: Exchange, { order, reply, marks, onEnded }: Seat): void {
    const { ray, cache, call, caller } = leader.order
    const isGuest = order.caller !== caller
    if (isGuest) leader.guestCount++
    const visit = {
      ...{ next: 0, isStream: call.isStream, reply },
      onEnded: (sentBytes: number, how: Ending | 'gone'): void => {
        if (isGuest) leader.guestCount--
        onEnded(sentBytes, how)
      },
    }
    const { journal } = this.#relay
    const open = async (): Promise<JournalCursor | null> =>
      (await journal.open(ray)) ?? (cache && leader.isAnotherNodes ? journal.open(cache.liveName) : null)
    this.#attach({ ray, route: call.route }, visit, { marks, open, exchange: leader }).start()
  }

  #visitOf({ order, reply, onEnded }: Seat): Visit {
    return { next: 0, isStream: order.call.isStream, reply, onEnded }
  }

  #attach(
    { ray, route }: Pick<AnswerInfo, 'ray' | 'route'>,
    { next, isStream, reply, onEnded }: Visit,
    { isEager = false, marks, open, exchange = this.#find(isLive(ray)) }: AttachOptions = {},
  ): Reader {
    const { journal, clock } = this.#relay
    const reader: Reader = new Reader(reply, {
      ray,
      next,
      isStream,
      isEager,
      feed: exchange?.feed ?? null,
      timing: null,
      marks,
      open: open ?? (() => journal.open(ray)),
      readFault: readErrorEvent,
      tellFault: (fault) => errorEvent(fault, ray, route as Route),
      clock,
      onEnded: (how) => {
        if (how === 'end') this.#earlier.taken.add(ray, ray)
        exchange?.readerLeft(how)
        onEnded(reader.sentBytes, how)
      },
    })
    exchange?.attendance.come()
    return reader
  }

  #find(isIt: (exchange: Exchange) => boolean): Exchange | null {
    for (const exchange of this.#live) if (isIt(exchange)) return exchange
    return null
  }

  // Repetitions.

  async #takeRepeated(order: Order, reply: Reply, marks?: OwnMarks): Promise<void> {
    await this.#inTurn(order, async () => {
      const earlier = await this.#earlier.of(order)
      if (!earlier) return this.#start(order, reply, marks)
      const { ray, isStream } = earlier
      this.#earlier.taken.add(ray, ray)
      this.#earlier.watchArrival(reply, { order, callKey: earlier.callKey }, ray)
      const onEnded = (_sentBytes: number, how: string): void => void (how === 'gone' && this.#earlier.taken.take(ray))
      this.#attach(earlier, { next: 0, isStream, reply, onEnded }).start()
    })
  }

  /** One after the other for calls that are alike: of two that come at once, the second must find the first. */
  #inTurn<T>(order: Order, take: () => Promise<T>): Promise<T> {
    const key = keyAlias(order) ?? lostAlias(order.caller, callKeyOf(order) ?? '')
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(take)
    const passed = turn.then(
      () => {},
      () => {},
    )
    this.#turns.set(key, passed)
    void passed.then(() => this.#turns.get(key) === passed && this.#turns.delete(key))
    return turn
  }

  /** It became no exchange, which would account for it. */
  #refused(order: Order, thrown: unknown): Fault {
    const fault = toFault(thrown)
    this.#relay.observer.settled(refusedOrder(order, fault, this.#relay.clock))
    return fault
  }

  /** What another node began before us, under the name that only one may bear. @throws {Fault} HF_KEY_REUSED */
  #openFaster(order: Order): Promise<JournalCursor | null> {
    return order.cache ? this.#relay.journal.open(order.cache.liveName) : this.#earlier.openByKey(order)
  }
}
