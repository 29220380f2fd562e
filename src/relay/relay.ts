/**
 * Opens the relay: keeps the exchanges under way, finds answers for those who read them again, takes over what a dead
 * node left, and ends everything with a word when the house closes.
 */
import { errorEvent } from '../dialect/error-body.ts'
import { readErrorEvent } from '../dialect/error-event.ts'
import type { Route } from '../dialect/call.ts'
import { Fault, toFault } from '../fault/fault.ts'
import { parseRay, type Ray } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import { Crowd } from '../ground/crowd.ts'
import type { Adopted, AnswerInfo, JournalCursor } from '../store/journal.ts'
import type { JournalOptions } from '../store/journal-options.ts'
import { Ears } from './ears.ts'
import { callKeyOf, infoOf, isUsable, keyAlias, lostAlias, needSameCall } from './call-key.ts'
import { Exchange } from './exchange.ts'
import { idAlias } from './naming.ts'
import { lastWord } from './last-word.ts'
import type { Order } from './order.ts'
import { givenUpAnswer, refusedOrder } from './short-account.ts'
import { orderOf } from './parcel.ts'
import type { Relay } from './relay-parts.ts'
import type { Reply } from './reply.ts'
import { Recent } from './recent.ts'
import { Reader } from './stream/reader.ts'

/** After the grace: time for the last words to reach callers that read. */
const lastWordsMs = 1000
/** What is read from the journal at once for an answer that is put together. */
const pageBytesMax = 2 ** 20

/** Answers of which this node remembers that they found their reader again, or may not have reached him. */
const recentMax = 1000
/** Takings-over of one answer that brought no event. */
const barrenAdoptionsMax = 8
/** A call for the background that is sent again within this time is the same call. */
const repeatedWithinMs = 60_000

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

export class RelayPlane {
  #relay: Relay
  #options: Pick<JournalOptions, 'keepMs'>
  #live = new Crowd<Exchange>()
  /** Calls that may be repetitions, each waiting for the one before it. */
  #turns = new Map<string, Promise<void>>()
  /** Lost answers that somebody has got since; the next call that looks alike is another one. */
  #taken = new Recent(recentMax)
  /** Whole answers that may not have arrived, by what a repetition of their call is known by. */
  #undelivered = new Recent(recentMax)
  #isAdopting = false
  #isClosing = false

  constructor(relay: Relay, options: Pick<JournalOptions, 'keepMs'>) {
    this.#relay = relay
    this.#options = options
  }

  get liveCount(): number {
    return this.#relay.admission.liveCount
  }

  get breakers(): Relay['breakers'] {
    return this.#relay.breakers
  }

  /** A call with its first reader. A repetition of a call that is under way becomes another reader of that. */
  take(order: Order, reply: Reply): void {
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
      const earlier = this.#earlier(order)
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
    if (cursor && cursor.info.caller === caller) return cursor
    const isOld = ray !== null && ray.timeMs + this.#options.keepMs < this.#relay.clock.nowMs()
    throw new Fault(isOld ? 'HF_ANSWER_EXPIRED' : 'HF_ANSWER_UNKNOWN')
  }

  /** Delivers an answer to one more reader. */
  read(cursor: JournalCursor, visit: Visit): void {
    this.#attach(cursor.info, visit, true).start()
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
    for (const exchange of this.#live) if (exchange.order.caller === caller) exchange.onAbandoned(fault)
  }

  /** Asks whoever makes the answer to stop; false when it had ended. @throws {Fault} as `look`. */
  async cancel(id: string, caller: string): Promise<boolean> {
    const { info } = await this.look(id, caller)
    return this.#relay.journal.cancel(info.ray)
  }

  /** Forgets an answer, and stops it if it is under way. @throws {Fault} as `look`. */
  async remove(id: string, caller: string): Promise<void> {
    const { info } = await this.look(id, caller)
    await this.#relay.journal.remove(info.ray)
  }

  /** Takes over answers whose node is dead; how many. Called every now and then. */
  async adoptOrphans(): Promise<number> {
    if (this.#isAdopting || this.#isClosing) return 0
    this.#isAdopting = true
    let count = 0
    try {
      for (const ray of await this.#relay.journal.orphans()) {
        if (this.#isClosing || !this.#mayAdopt) break
        if (await this.#adopt(ray)) count++
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

  /** Without a drain: what is under way is given back, for whoever adopts it, before its upstream's connection goes. */
  [Symbol.dispose](): void {
    this.retire()
    for (const exchange of this.#live) exchange.abandon()
  }

  /** Another node, or this one a little later, may have more room for what is left to be gone on with. */
  get #mayAdopt(): boolean {
    const { admission, pressure } = this.#relay
    return admission.hasRoom && pressure.mayTakeCalls
  }

  #open(order: Order, keptCount: number): Exchange {
    const exchange: Exchange = new Exchange(this.#relay, order, keptCount, () => this.#live.remove(exchange))
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
    const faster = fault.code === 'HF_LEASE_LOST' ? await this.#openByKey(order) : null
    if (faster) return faster.info
    throw fault
  }

  #start(order: Order, reply: Reply): void {
    const exchange = this.#open(order, 0)
    const { journal, clock } = this.#relay
    const reader: Reader = new Reader(reply, {
      ray: order.ray,
      next: 0,
      isStream: order.call.isStream,
      isEager: false,
      feed: exchange.feed,
      timing: exchange.timing,
      // An answer of which nothing is there may have been begun by another node, which was faster.
      open: async () =>
        (await journal.open(order.ray)) ?? (exchange.feed.keptCount === 0 ? this.#openByKey(order) : null),
      readFault: readErrorEvent,
      tellFault: (fault) => errorEvent(fault, order.ray, order.call.route),
      clock,
      onEnded: (how) => exchange.readerLeft(how),
    })
    this.#watchArrival(reply, exchange)
    exchange.start(reader)
  }

  #attach({ ray, route }: AnswerInfo, { next, isStream, reply, onEnded }: Visit, isEager: boolean): Reader {
    const { journal, clock } = this.#relay
    const exchange = this.#find((each) => each.order.ray === ray && !each.hasEnded)
    const reader: Reader = new Reader(reply, {
      ray,
      next,
      isStream,
      isEager,
      feed: exchange?.feed ?? null,
      timing: null,
      open: () => journal.open(ray),
      readFault: readErrorEvent,
      tellFault: (fault) => errorEvent(fault, ray, route as Route),
      clock,
      onEnded: (how) => {
        if (how === 'end') this.#taken.add(ray, ray)
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

  async #takeRepeated(order: Order, reply: Reply): Promise<void> {
    await this.#inTurn(order, async () => {
      const earlier = await this.#earlier(order)
      if (!earlier) return this.#start(order, reply)
      const { ray, isStream } = earlier
      this.#taken.add(ray, ray)
      this.#watchArrival(reply, { order, callKey: earlier.callKey }, ray)
      const onEnded = (_sentBytes: number, how: string): void => void (how === 'gone' && this.#taken.take(ray))
      this.#attach(earlier, { next: 0, isStream, reply, onEnded }, false).start()
    })
  }

  /** Remembers an answer that may not have arrived, for a repetition of its call. */
  #watchArrival(reply: Reply, { order, callKey }: Pick<Exchange, 'order' | 'callKey'>, ray = order.ray): void {
    if (callKey === null) return
    reply.onUndelivered = () => this.#undelivered.add(lostAlias(order.caller, callKey), ray)
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

  /** The answer to the call with this `Idempotency-Key`. @throws {Fault} HF_KEY_REUSED */
  async #openByKey(order: Order): Promise<JournalCursor | null> {
    const alias = keyAlias(order)
    const cursor = alias === null ? null : await this.#relay.journal.open(alias)
    if (isUsable(cursor)) needSameCall(cursor.info, order)
    return cursor
  }

  /** The call that this one repeats. @throws {Fault} HF_KEY_REUSED */
  async #earlier(order: Order): Promise<AnswerInfo | null> {
    const { journal, clock } = this.#relay
    const callKey = callKeyOf(order)
    const { caller, idempotencyKey } = order
    if (idempotencyKey !== null) {
      const cursor = await this.#openByKey(order)
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
    return exchange ? exchange.attendance.isLost : !this.#taken.has(ray)
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

  // Adoption.

  async #adopt(ray: Ray): Promise<boolean> {
    const { journal, observer, clock } = this.#relay
    const ears = new Ears()
    const adopted = await journal.adopt(ray, ears)
    if (!adopted) return false
    if (this.#isClosing) {
      adopted.entry.release()
      return false
    }
    const order = orderOf(adopted, clock)
    observer.log.info({ ray, epoch: adopted.entry.epoch, events: adopted.events.length }, 'answer adopted')
    // An answer that keeps killing whoever takes it over would go round for ever.
    const isHopeless = !order || adopted.entry.epoch > barrenAdoptionsMax + adopted.events.length
    const state = isHopeless ? 'given-up' : 'adopted'
    const { epoch } = adopted.entry
    observer.recorder.note({ kind: 'adoption', ray, state, epoch, eventCount: adopted.events.length })
    if (isHopeless) {
      this.#giveUp(adopted)
      return true
    }
    const exchange = this.#open(order, adopted.events.length)
    ears.give(exchange)
    exchange.adopt(adopted)
    return true
  }

  /** It ends with a word instead of hanging. */
  #giveUp({ info, entry, events }: Adopted): void {
    const ended = lastWord({ route: info.route as Route, isStream: info.isStream }, events)
    if (ended) return entry.seal(ended)
    const fault = new Fault('HF_NOT_ADOPTABLE')
    entry.seal('failed', errorEvent(fault, info.ray, info.route as Route))
    this.#relay.observer.settled(givenUpAnswer(info, fault, events.length, this.#relay.clock))
  }
}
