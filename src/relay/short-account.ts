/** Accounts of calls that are no exchange here: refused before they were one, or given up after their node had died. */
import type { Fleet } from '../fleet/fleet.ts'
import { Fault } from '../fault/fault.ts'
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

/** It was answered with what was made for another call. */
export function servedOrder(
  order: Order,
  served: Pick<ExchangeFact, 'outcome' | 'sentBytes' | 'cache' | 'firstTokenMs' | 'answerRay' | 'similarity'> & {
    readonly fault: Fault | null
  },
  { clock, fleet }: { readonly clock: Clock; readonly fleet: Pick<Fleet, 'knows'> },
): ExchangeFact {
  const { fault, outcome, ...rest } = served
  const isGone = outcome === 'cancelled'
  const base = refusedOrder(order, fault ?? new Fault('HF_CLIENT_GONE'), clock)
  const hasBegun = served.firstTokenMs !== null
  const status = isGone ? 499 : fault && !hasBegun ? fault.status : 200
  const code = fault?.code ?? (isGone ? 'HF_CLIENT_GONE' : null)
  const isModelKnown = fleet.knows(order.call.model)
  return { ...base, ...rest, outcome, status, code, isModelKnown, tier: order.tier, detail: fault?.detail ?? '' }
}

/** Whoever had it in hand can account for it no more. */
export function givenUpAnswer(info: AnswerInfo, fault: Fault, eventCount: number, clock: Clock): ExchangeFact {
  const { ray, route, model, caller, isStream, beganMs } = info
  const nowMs = clock.nowMs()
  return { ...refusalFact(fault, ray, route, nowMs, Math.max(0, nowMs - beganMs)), model, caller, isStream, eventCount }
}
