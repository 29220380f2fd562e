/** What every exchange of the relay works with. */
import type { CallSizes } from '../fleet/call-size.ts'
import type { Capabilities } from '../fleet/capability.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Observer } from '../observe/observer.ts'
import type { Journal } from '../store/journal.ts'
import type { LegParts } from './leg-order.ts'
import type { Order } from './order.ts'
import type { Detached } from './attendance.ts'
import type { Admission } from './overload/admission.ts'
import type { Pressure } from './overload/pressure.ts'
import type { PrefillProber } from './prefill-probe.ts'
import type { SeamBudget } from './stream/seam-budget.ts'

/** Keeps some real calls, where an operator wants that. */
export interface CallSampler {
  /** A whole answer to this order came from a replica of this name. */
  offer(order: Order, replica: string): void
}

export interface Relay extends LegParts {
  readonly fleet: Fleet
  readonly journal: Journal
  readonly admission: Admission
  readonly pressure: Pressure
  readonly observer: Observer
  readonly seamBudget: SeamBudget
  readonly capabilities: Capabilities
  /** What calls come to. */
  readonly sizes: CallSizes
  /** Null where nothing is asked behind the scenes. */
  readonly prober: PrefillProber | null
  /** Largest request that is kept for another node, bytes. */
  readonly requestBytesMax: number
  /** The answer to this order is kept for others that ask the same. */
  readonly keptForOthers: (order: Order) => void
  /** For the gate of a release; null where nobody wants it. */
  readonly sampler: CallSampler | null
  /** Answers that go on without a reader. */
  readonly detached: Detached
}
