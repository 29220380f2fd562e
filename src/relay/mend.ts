/**
 * How a broken answer is put to the next upstream: reads from its events what was said, and climbs down the ladder of
 * continuation, rung by rung, on one upstream after the other. The words are the dialect's; the choice is made here.
 */
import type { Route } from '../dialect/call.ts'
import { type PartialAnswer, readPartial } from '../dialect/seam/partial-answer.ts'
import { ladder } from '../dialect/seam/ladder.ts'
import { closingEvents, openLeg } from '../dialect/seam/leg.ts'
import type { LegFacts, Rung, RungName } from '../dialect/seam/rung.ts'
import type { Translation } from '../dialect/translation.ts'
import type { Fault } from '../fault/fault.ts'
import { isRefusal } from '../fleet/capability.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import { LastResort } from '../fleet/target.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { Adopted } from '../store/journal.ts'
import type { LegOrder } from './leg-order.ts'
import type { Order } from './order.ts'
import { sizeOf } from './order-size.ts'
import type { Relay } from './relay-parts.ts'

export interface MendOptions {
  readonly account: AttemptFact[]
  readonly avoid: PoolMember | null
}

/** Rungs that continue behind the last token; all others begin or ask anew. */
const seamless: ReadonlySet<RungName> = new Set(['token-exact', 'prefill', 'prefix-flag'])

export class Mend implements LegOrder {
  readonly order: Order
  readonly target: Target
  readonly size: CallSize
  readonly account: AttemptFact[]
  readonly isBeginning = false
  readonly inTime = null
  readonly avoid: PoolMember | null
  /** The events that end an answer of which only the end is missing; null where an upstream has to go on. */
  readonly rest: readonly Buffer[] | null
  #relay: Relay
  #partial: PartialAnswer
  /** The way in which each upstream was asked last, and those that it refused. */
  #asked = new Map<PoolMember, Rung>()
  #refused = new Map<PoolMember, Set<RungName>>()

  constructor(relay: Relay, order: Order, target: Target, events: Adopted['events'], options: MendOptions) {
    this.#relay = relay
    this.order = order
    // One that is only to go may go on with it when nobody else can.
    this.target = options.avoid?.upstream.isDraining ? new LastResort(target, options.avoid) : target
    this.account = options.account
    this.size = sizeOf(relay, order, events.length)
    this.avoid = options.avoid
    this.#partial = readPartial(order.call.route, events)
    this.rest = closingEvents(order.call, this.#partial, { marksSeams: order.marksSeams })
    for (const member of target.members) relay.prober?.ask(member.upstream, modelAt(member, target))
  }

  /** Some upstream may be able to go on. */
  get isPossible(): boolean {
    return this.rest !== null || this.target.members.some((member) => this.#rungs(member).length > 0)
  }

  /** Another server than the one that speaks now can go on at once, token by token: nobody will see it. */
  get isSeamless(): boolean {
    const canGoOn = (member: PoolMember): boolean =>
      member !== this.avoid &&
      member.upstream.restLeftMs === 0 &&
      this.#rungs(member).some(({ name }) => seamless.has(name))
    return this.rest !== null || this.target.members.some(canGoOn)
  }

  speak(member: PoolMember): Translation | null {
    const { upstream } = member
    const [rung] = this.#rungs(member)
    if (!rung) return null
    this.#asked.set(member, rung)
    return openLeg(this.order.call, this.#partial, rung, this.#facts(member), {
      wantsUsage: upstream.options.streamUsage,
      wantsTokenIds: this.#relay.seamBudget.options.tokenIds && this.#relay.capabilities.tellsTokenIds(upstream),
      nowMs: this.#relay.clock.nowMs(),
      marksSeams: this.order.marksSeams,
      ...(this.#partial.seam === null && { upstreams: this.#spokeBefore() }),
    })
  }

  /** What an upstream refused once is remembered: for this answer, and, where it is its nature, for others too. */
  hasOtherWay(member: PoolMember, fault: Fault): boolean {
    const rung = this.#asked.get(member)
    const isRefused = isRefusal(fault.receivedStatus ?? null)
    if (!rung || !(isRefused || fault.code === 'HF_SEAM_MISFIT')) return false
    if (isRefused)
      this.#relay.capabilities.refuse(member.upstream, modelAt(member, this.target), this.#route, rung.name)
    const refused = this.#refused.get(member) ?? new Set<RungName>()
    this.#refused.set(member, refused.add(rung.name))
    return this.#rungs(member).length > 0
  }

  /** The caller has the beginning of an answer: a refusal of how we went on is no refusal of the call. */
  isFinal(): boolean {
    return false
  }

  /** It went on: so it can. */
  onSpoken(member: PoolMember): void {
    const rung = this.#asked.get(member)
    if (rung) this.#relay.capabilities.prove(member.upstream, modelAt(member, this.target), this.#route, rung.name)
  }

  get #route(): Route {
    return this.order.call.route
  }

  #rungs(member: PoolMember): Rung[] {
    const options = { mustSameModel: this.order.mustSameModel || this.#relay.seamBudget.options.sameModelOnly }
    const refused = this.#refused.get(member)
    return ladder(this.order.call, this.#partial, this.#facts(member), options).filter(
      ({ name }) => !refused?.has(name),
    )
  }

  #facts(member: PoolMember): LegFacts {
    const { upstream } = member
    const model = modelAt(member, this.target)
    return {
      upstream: upstream.name,
      kind: upstream.kind,
      speaks: upstream.speaks,
      model,
      isSameModel: model === this.#beganModel,
      rungs: this.#relay.capabilities.rungs(upstream, model, this.#route),
    }
  }

  /**
   * The model that began the answer, by its name at the upstreams: that of the one that broke off, else the one that
   * the answer names, if that is the name of one here; servers may call theirs otherwise.
   */
  get #beganModel(): string {
    const { avoid, target } = this
    if (avoid) return modelAt(avoid, target)
    const told = this.#partial.envelope['model']
    return target.members.map((member) => modelAt(member, target)).find((name) => name === told) ?? target.upstreamModel
  }

  #spokeBefore(): string[] {
    const last = this.avoid?.upstream.name
    return last === undefined ? [] : [last]
  }
}
