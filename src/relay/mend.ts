/** tmp */
import type { Translation } from '../dialect/translation.ts'
import type { Target } from '../fleet/fleet.ts'
import type { Member as PoolMember } from '../fleet/pool.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { Adopted } from '../store/journal.ts'
import type { LegOrder } from './leg.ts'
import type { Order } from './order.ts'
import type { Relay } from './relay-parts.ts'
export class Mend implements LegOrder {
  readonly order: Order
  readonly target: Target
  readonly account: AttemptFact[]
  readonly avoid: PoolMember | null
  readonly isPossible: boolean = false
  readonly rest: readonly Buffer[] | null = null
  constructor(_relay: Relay, order: Order, target: Target, _events: Adopted['events'], options: { account: AttemptFact[]; avoid: PoolMember | null }) {
    this.order = order
    this.target = target
    this.account = options.account
    this.avoid = options.avoid
  }
  speak(): Translation | null { return null }
  hasOtherWay(): boolean { return false }
}
