/**
 * THE STORY of one call: admit → choose → attempt → journal → deliver → settle.
 *
 * Until the first content of an answer nothing has been sent to the caller, and any failure of an upstream is only a
 * reason to try another. From then on every event goes through the journal first; when the upstream breaks off, the
 * answer goes on with another one (a seam), and only when nobody can go on it ends in an honest error. A caller that
 * leaves only detaches: the answer goes on into the journal, and whoever asks for it by its ray reads on from there.
 */
import { errorEvent } from '../dialect/error-body.ts'
import type { WholeAnswer } from '../dialect/translation.ts'
import { Fault, toFault } from '../fault/fault.ts'
import type { Target } from '../fleet/target.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Member } from '../ground/crowd.ts'
import type { Adopted, EntryListener, JournalEntry, Outcome } from '../store/journal.ts'
import { Account } from './account.ts'
import { Attendance, type AttendanceListener } from './attendance.ts'
import { callKeyOf, infoOf, lostAlias, soleNameOf } from './call-key.ts'
import { lastWord } from './last-word.ts'
import { isMoved } from './failover.ts'
import { Leg, type LegListener } from './leg.ts'
import { Mend } from './mend.ts'
import { Naming } from './naming.ts'
import type { Order } from './order.ts'
import { parcelOf } from './parcel.ts'
import type { Relay } from './relay-parts.ts'
import { Speech } from './speech.ts'
import { TimeLimit } from './time-limit.ts'
import { Turn, type TurnListener } from './turn.ts'
import { Feed } from './stream/feed.ts'
import type { Reader } from './stream/reader.ts'

/** How often and how long an adopted answer waits for an upstream that offers its model. */
const upstreamWaitMs = 500
const upstreamWaitMsMax = 60_000

export class Exchange implements LegListener, EntryListener, AttendanceListener, TurnListener, Member {
  place = 0
  readonly order: Order
  readonly feed: Feed
  readonly callKey: string | null
  readonly attendance: Attendance
  /** Readers with other keys than the one it is made for. */
  guestCount = 0
  #relay: Relay
  #onSettled: () => void
  #entry: JournalEntry | null = null
  #target: Target | null = null
  #caller: Reader | null = null
  #leg: Leg | null = null
  /** Only what is stored is looked for by its id. */
  #naming: Naming | null
  #account = new Account()
  readonly timing = (): string => this.#account.begin(this.order, this.#relay.clock.monotonicMs())
  #seamCount = 0
  #time: TimeLimit
  /** Its turn in the line before the pool; null for one that need not wait. */
  #turn: Turn | null = null
  #isReading = false
  #isAdopted = false
  #isSettled = false
  #isAdmitted = false
  #outcome: Outcome | null = null
  #fault: Fault | null = null

  /** @param keptCount events that an earlier node has written. */
  constructor(relay: Relay, order: Order, keptCount: number, onSettled: () => void) {
    this.#relay = relay
    this.order = order
    this.#onSettled = onSettled
    this.feed = new Feed(keptCount)
    this.callKey = callKeyOf(order)
    this.attendance = new Attendance(relay, order, this)
    this.#time = new TimeLimit(relay.clock, order, (fault) =>
      this.#turn?.isWaiting && !this.#isAdopted ? this.#turn.expire() : this.#fail(fault),
    )
    this.#naming = order.isStored ? new Naming(order, (id) => this.alias(id)) : null
  }

  /** Why it failed, if it did. */
  get failure(): Fault | null {
    return this.#outcome ? this.#fault : null
  }

  /** Another node was faster with the same call. */
  get isAnotherNodes(): boolean {
    if (this.#fault?.code !== 'HF_LEASE_LOST' || this.#entry?.count) return false
    return soleNameOf(this.order, this.#relay.clock) !== null
  }

  get hasEnded(): boolean {
    return this.#outcome !== null
  }

  /** Who is at it now. */
  get leg(): Leg | null {
    return this.#leg
  }

  /** Begins the answer. `caller`: who reads it first; null for one that runs in the background. */
  start(caller: Reader | null): void {
    this.#caller = caller
    const { admission, fleet, journal, pressure } = this.#relay
    try {
      pressure.need(this.order.tier)
      this.#relay.poison?.need(this.order)
      admission.enter()
      this.#isAdmitted = true
      this.#target = fleet.resolve(this.order.call.model)
      this.#account.isModelKnown = true
      const sole = soleNameOf(this.order, this.#relay.clock)
      if (sole === null) this.#takeTurn(this.#target)
      if (this.#outcome) return
      // What dies with its node has no successor.
      const parcel = journal.engine === 'memory' ? null : parcelOf(this.order, this.#target, this.#relay)
      this.#entry = journal.begin(infoOf(this, this.#relay.clock), parcel, this, sole?.name, sole?.sinceMs)
      this.#time.start(this.#target, false)
      if (sole !== null) void this.#speakIfSole(this.#target)
      else if (this.#turn?.hasCome) this.onTurnCome()
    } catch (thrown) {
      this.#fail(toFault(thrown))
    }
  }

  /** Another node may have begun the same call at the same time: no upstream is asked before that is known. */
  async #speakIfSole(target: Target): Promise<void> {
    try {
      const begun = await this.#relay.journal.open(this.order.ray) // waits until it is kept, or lost
      if (begun && !this.#outcome) this.#takeTurn(target)
    } catch (thrown) {
      this.#fail(toFault(thrown))
    }
  }

  #takeTurn(target: Target): void {
    this.#turn = this.#account.turn = new Turn(this.#relay, this.order, target, this)
    this.#turn.take(this.#isAdopted)
  }

  onTurnCome(): void {
    if (this.#entry && !this.#outcome) this.#speakAnew()
  }

  onSentAway(fault: Fault): void {
    if (!this.#isAdopted) return this.#fail(fault)
    this.#speakAnew() // what another node had accepted is not refused here
  }

  /** Goes on with an answer whose node has died. */
  adopt(adopted: Adopted): void {
    this.#entry = adopted.entry
    this.#isAdopted = true
    this.attendance.adopt()
    if (adopted.events.length > 0) this.#account.firstTokenMs = 0
    try {
      this.#relay.admission.enter()
      this.#isAdmitted = true
      const ended = lastWord(this.order.call, adopted.events)
      if (ended) this.#finish(ended, null)
      else if (adopted.isCancelled) this.onCancel()
      else this.#goOn(adopted)
    } catch (thrown) {
      this.#fail(toFault(thrown))
    }
  }

  /** After a start the upstreams may still be on their way. */
  #goOn(adopted: Adopted, waitedMs = 0): void {
    if (this.#outcome) return
    try {
      this.#target = this.#relay.fleet.resolve(this.order.call.model, true)
      this.#account.isModelKnown = true
    } catch (thrown) {
      if (waitedMs >= upstreamWaitMsMax) return this.#fail(toFault(thrown))
      return this.#time.after(upstreamWaitMs, () => this.#goOn(adopted, waitedMs + upstreamWaitMs))
    }
    this.#time.start(this.#target, true)
    if (adopted.events.length === 0) return this.#takeTurn(this.#target)
    this.#mend(adopted.events, new Fault('HF_NOT_ADOPTABLE', { detail: 'nobody could go on with it' }))
  }

  /** A further name of the answer, by which it can be found. */
  alias(id: string): void {
    if (!this.#outcome) this.#entry?.alias(id)
  }

  #speakAnew(): void {
    if (!this.#target) return
    const speech = new Speech(this.#relay, this.order, this.#target, this.#account, this.#turn)
    this.#begin(new Leg(this.#relay, speech, this))
  }

  #begin(leg: Leg): void {
    this.#leg = this.#account.leg = leg
    leg.start()
  }

  onCommit(): void {
    this.#isReading = true
    this.#time.speak()
    this.#account.firstTokenMs ??= this.#relay.clock.monotonicMs() - this.order.beganMs
  }

  onEvent(event: Buffer, aside?: Buffer): void {
    if (this.#outcome) return // an earlier event of the same read ended the call
    this.#isReading = true
    this.#journal(this.#naming ? this.#naming.event(event) : event, aside)
  }

  onTurn(): void {
    this.#isReading = false
    this.feed.flush()
  }

  onWhole({ body }: WholeAnswer): void {
    this.#endLeg()
    if (this.#outcome) return
    this.#isReading = true
    this.#account.firstTokenMs = this.#relay.clock.monotonicMs() - this.order.beganMs
    this.#journal(this.#naming ? this.#naming.body(body) : body)
    if (!this.#outcome) this.#finish('complete', null)
  }

  onStreamEnd(): void {
    this.#endLeg()
    this.#finish('complete', null)
  }

  onGivenUp(fault: Fault): void {
    this.#endLeg()
    this.#fail(fault.code === 'HF_POISON' ? fault : (this.#fault ?? fault)) // what broke it says more than who cannot
  }

  onBroken(fault: Fault): void {
    const { member } = this.#leg?.race ?? {}
    this.#endLeg()
    if (this.#outcome) return
    this.feed.flush()
    if (!isMoved(fault) && !this.#relay.seamBudget.take(this.#seamCount++)) return this.#fail(fault)
    const recalled = this.#relay.journal.recall(this.order.ray).catch(() => null)
    void recalled.then((events) => {
      if (!this.#outcome) return events ? this.#mend(events, fault, member) : this.#fail(fault)
    })
  }

  /** The seam: goes on behind these events. */
  #mend(events: Adopted['events'], fault: Fault, avoid: PoolMember | null = null): void {
    const target = this.#target
    if (!target || this.#outcome) return
    this.#fault = fault
    try {
      const mend = new Mend(this.#relay, this.order, target, events, { account: this.#account.attempts, avoid })
      if (!mend.isPossible) return this.#fail(fault)
      this.#account.seam(this.#relay, this.order, fault, { upstream: avoid?.upstream.name, eventCount: events.length })
      const rest = mend.rest
      if (!rest) return this.#begin(new Leg(this.#relay, mend, this))
      if (rest.length === 0) return this.#sealUnseen()
      for (const event of rest) this.#journal(event)
      this.#finish('complete', null)
    } catch (thrown) {
      this.#fail(toFault(thrown))
    }
  }

  /** All was said before: no event of ours proves that the answer is still ours to end; readers ask the journal. */
  #sealUnseen(): void {
    this.#outcome = 'complete'
    this.#fault = null
    this.#entry?.seal('complete')
    this.feed.handOver()
    this.#settle()
  }

  /** `why`: it is cancelled, too. */
  #endLeg(why: Fault | null = null): void {
    if (why) this.#leg?.cancel(why)
    this.#isReading = false // one that breaks off within a read has no turn to end: what is kept goes out at once
    this.#turn?.leave()
    const leg = this.#leg
    if (!leg) return
    this.#leg = null
    this.#account.addLeg(leg.race)
  }

  // Journal, deliver, settle.
  /** Only what the journal has taken is put into the feed, so that both count the same events. */
  #journal(event: Buffer, aside?: Buffer): void {
    try {
      // Before `append`: the journal may tell within it that the event is kept.
      this.feed.push(event)
      this.#entry?.append(event, aside)
      this.#account.answerBytes += event.length
    } catch (thrown) {
      this.feed.unpush()
      this.#fail(toFault(thrown))
    }
  }

  onKept(keptCount: number): void {
    this.feed.kept(keptCount)
    if (!this.#isReading) this.feed.flush()
  }

  /** What the journal could not keep is not delivered, its end least of all; also of an answer that is settled. */
  onLost(fault: Fault): void {
    if (!this.#isSettled) {
      this.#endLeg(fault)
      this.#fault = fault
      this.#outcome = 'failed'
      this.#isReading = false
    }
    // With another node the answer goes on, and with it the readers; else they are told here.
    if (fault.code === 'HF_LEASE_LOST') this.feed.handOver()
    else this.#tellUnkept(fault)
    this.#settle()
  }

  onCancel(): void {
    this.#fail(new Fault('HF_CANCELLED'), 'cancelled')
  }

  /** The house closes: what is still under way ends with a word, and is left to whoever adopts it. */
  close(): void {
    if (this.#outcome) return
    const fault = new Fault('HF_CLOSING', { retryAfterMs: 1000 })
    if (this.#relay.journal.engine === 'memory' || !this.#entry) return this.#fail(fault)
    this.#endLeg(fault)
    this.#fault = fault
    this.#outcome = 'failed'
    this.#entry.release()
    this.#tellUnkept(fault)
    this.#settle()
  }

  /** The house closes now: what a slow caller has not taken is left. */
  abandon(): void {
    this.close()
    this.#caller?.abandon()
    this.#settle()
  }

  #tellUnkept(fault: Fault): void {
    if (this.#caller && !this.#caller.hasBegun) this.#caller.fail(fault)
    this.feed.breakUnkept(errorEvent(fault, this.order.ray, this.order.call.route), fault)
  }

  /** `lastWord`: the event that says why it failed. */
  #finish(outcome: Outcome, fault: Fault | null, lastWord?: Buffer): void {
    if (this.#outcome) return
    this.#outcome = outcome
    this.#fault = fault
    this.#isReading = true // what is kept within `seal` waits for the end: readers are to know that it is one
    if (lastWord) this.feed.push(lastWord)
    if (outcome === 'complete') this.#account.nameForOthers(this.#relay, this.order, this.#entry)
    this.#entry?.seal(outcome, lastWord)
    this.#isReading = false
    this.feed.finish(outcome === 'complete' ? 'end' : 'breakOff', fault)
    this.#settle()
  }

  /** With an error answer while nothing has been sent, with an error event and a broken connection afterwards. */
  #fail(fault: Fault, outcome: Outcome = 'failed'): void {
    if (this.#outcome) return
    this.#endLeg(fault)
    const event = errorEvent(fault, this.order.ray, this.order.call.route)
    if (this.#account.firstTokenMs === null) this.#caller?.fail(fault)
    this.#finish(outcome, fault, this.#entry ? event : undefined)
  }

  /** A reader is gone, or has all. */
  readerLeft(how: 'end' | 'breakOff' | 'gone'): void {
    if (how === 'gone' && !this.#outcome && this.feed.listenerCount === 0) {
      if (this.#turn?.isForgotten) this.#fail(new Fault('HF_CLIENT_GONE'), 'cancelled')
      else this.attendance.leave()
    }
    this.#settle()
  }

  onDetached(): void {
    if (this.callKey) this.alias(lostAlias(this.order.caller, this.callKey))
  }

  /** Nobody wants it, or may have it. Model servers of all that end in this turn are let go before the books close. */
  onAbandoned(fault: Fault): void {
    this.#leg?.cancel(fault)
    this.#relay.clock.soon(() => this.#fail(fault, 'cancelled'))
  }

  #settle(): void {
    if (this.#isSettled || !this.#outcome || (this.#caller && !this.#caller.isOver)) return
    this.#isSettled = true
    this.#onSettled()
    this.attendance.end()
    this.#time.end()
    if (this.#isAdmitted) this.#relay.admission.leave()
    if (this.isAnotherNodes) return // which accounts for it
    const [sentBytes, eventCount] = [this.#caller?.sentBytes ?? 0, this.#entry?.count ?? 0]
    this.#account.settle(this.#relay, this.order, this.#fault, { outcome: this.#outcome, sentBytes, eventCount })
  }
}
