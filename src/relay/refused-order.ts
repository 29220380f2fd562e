/** The account of a call that was understood and refused before it became an exchange. */
import type { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import { refusalFact } from '../observe/observer.ts'
import type { Order } from './order.ts'

export function refusedOrder(order: Order, fault: Fault, clock: Clock): ExchangeFact {
  const { ray, call, caller, requestId, trace, beganMs } = order
  return {
    ...refusalFact(fault, ray, call.route, clock.nowMs(), clock.monotonicMs() - beganMs),
    ...{ requestId, trace, caller, model: call.model, isStream: call.isStream, requestBytes: call.body.bytes.length },
  }
}
