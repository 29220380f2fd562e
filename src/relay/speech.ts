/** How a call is put to upstreams for the first time: in the caller's own words, or translated. */
import { translate } from '../dialect/translate.ts'
import type { Translation } from '../dialect/translation.ts'
import type { Fault } from '../fault/fault.ts'
import { modelAt, type Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { LegOrder } from './leg-order.ts'
import type { Order } from './order.ts'
import { sizeOf } from './order-size.ts'
import type { Relay } from './relay-parts.ts'

export class Speech implements LegOrder {
  readonly order: Order
  readonly target: Target
  readonly size: CallSize
  readonly account: AttemptFact[]
  readonly isBeginning = true
  readonly spokenCount = 0
  readonly avoid = null
  readonly inTime: readonly PoolMember[] | null
  #relay: Relay
  /** By what each is for; one upstream is asked, as a rule. */
  #translations: Map<string, Translation | null> | null = null
  #firstKey: string | null = null
  #first: Translation | null = null

  /** `account`: where that of each attempt goes. `turn`: knows the call's size and who can be in time. */
  constructor(
    relay: Relay,
    order: Order,
    target: Target,
    account: { readonly attempts: AttemptFact[] },
    turn: Pick<LegOrder, 'size' | 'inTime'> | null,
  ) {
    this.#relay = relay
    this.order = order
    this.target = target
    this.account = account.attempts
    this.size = turn?.size ?? sizeOf(relay, order)
    this.inTime = turn?.inTime ?? null
  }

  speak(member: PoolMember): Translation | null {
    const { upstream } = member
    const isOfItsKind = !upstream.options.speaks && upstream.options.streamUsage && member.model === null
    const key = isOfItsKind ? upstream.kind : upstream.name
    if (key === this.#firstKey) return this.#first
    const known = this.#translations?.get(key)
    if (known !== undefined) return known
    const options = {
      wantsUsage: upstream.options.streamUsage,
      nowMs: this.#relay.clock.nowMs(),
      wantsTokenIds: this.#relay.seamBudget.options.tokenIds && this.#relay.capabilities.tellsTokenIds(upstream),
    }
    this.#keep(key, null) // also when it throws: it would throw again
    const translation = translate(this.order.call, upstream.speaks, modelAt(member, this.target), options)
    this.#keep(key, translation)
    return translation
  }

  #keep(key: string, translation: Translation | null): void {
    this.#firstKey ??= key
    if (key === this.#firstKey) this.#first = translation
    else (this.#translations ??= new Map()).set(key, translation)
  }

  hasOtherWay(): boolean {
    return false
  }

  isFinal(fault: Fault): boolean {
    return fault.kind.retry === 'no'
  }

  onSpoken(): void {}
}
