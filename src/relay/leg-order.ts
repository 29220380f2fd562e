/** What a leg is given: the parts that it works with, and how the call is put to upstreams. */
import type { Translation } from '../dialect/translation.ts'
import type { Fault } from '../fault/fault.ts'
import type { Target } from '../fleet/fleet.ts'
import type { CallSize } from '../fleet/load.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { Balancer } from './balance/balancer.ts'
import type { Order } from './order.ts'
import type { Breakers } from './overload/breakers.ts'
import type { Hedging } from './overload/hedge.ts'
import type { Places } from './overload/places.ts'
import type { RetryBudget } from './overload/retry-budget.ts'
import type { PoisonWatch } from './poison-watch.ts'
import type { WireSource } from './wire/wires.ts'

export interface LegParts {
  readonly clock: Clock
  readonly random: Random
  readonly wires: WireSource
  readonly places: Places
  readonly balancer: Balancer
  readonly breakers: Breakers
  readonly retries: RetryBudget
  readonly hedging: Hedging
  /** Null where requests that kill servers are not looked for. */
  readonly poison: PoisonWatch | null
  /** Largest answer, bytes. */
  readonly answerBytesMax: number
}

export interface LegOrder {
  readonly order: Order
  readonly target: Target
  /** As expected before the answer. */
  readonly size: CallSize
  /** Pieces of the answer that there are before this leg. */
  readonly spokenCount: number
  /** No other leg went before: budgets for further attempts and hedges are for such. */
  readonly isBeginning: boolean
  /** Who can be in time for the caller, and so is asked before others; null where that makes no difference. */
  readonly inTime: readonly PoolMember[] | null
  /** The upstream that broke the answer: asked again only after all others. */
  readonly avoid: PoolMember | null
  /**
   * How the call is put to this upstream; null when it cannot be. @throws {Fault} when one field of the call is why.
   */
  speak(member: PoolMember): Translation | null
  /** The upstream refused what was put to it: is there another way to put it? */
  hasOtherWay(member: PoolMember, fault: Fault): boolean
  /** No other upstream would answer otherwise. */
  isFinal(fault: Fault): boolean
  /** The upstream has begun to speak. */
  onSpoken(member: PoolMember): void
  /** Where the account of each attempt goes. */
  readonly account: AttemptFact[]
}
