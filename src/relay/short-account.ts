/** Accounts of calls that are no exchange here: refused before they were one, or given up after their node had died. */
import type { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import { refusalFact } from '../observe/observer.ts'
import type { AnswerInfo } from '../store/journal.ts'
import type { Order } from './order.ts'

export function refusedOrder(order: Order, fault: Fault, clock: Clock): ExchangeFact {
  const { ray, call, caller, requestId, trace, beganMs } = order
  return {
    ...refusalFact(fault, ray, call.route, clock.nowMs(), clock.monotonicMs() - beganMs),
    ...{ requestId, trace, caller, model: call.model, isStream: call.isStream, requestBytes: call.body.bytes.length },
  }
}

/** Whoever had it in hand can account for it no more. */
export function givenUpAnswer(info: AnswerInfo, fault: Fault, eventCount: number, clock: Clock): ExchangeFact {
  const { ray, route, model, caller, isStream, beganMs } = info
  const nowMs = clock.nowMs()
  return { ...refusalFact(fault, ray, route, nowMs, Math.max(0, nowMs - beganMs)), model, caller, isStream, eventCount }
}
