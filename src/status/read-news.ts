/**
 * From facts of the record to news for `IncidentWatch`: how the calls of each component went, and which calls are worth
 * a diagnosis. What is a caller's own fault harms nobody else.
 */
import { faultKind } from '../fault/code.ts'
import type { FaultCode } from '../fault/code.ts'
import { webRoute } from '../observe/exchange-fact.ts'
import type { CallFact, SumFact } from '../observe/fact.ts'
import type { VisitsFact } from '../observe/visit.ts'
import { addUp, type CallKind, type Component, covers, isOfSite, noCalls } from './component.ts'
import type { Tally } from './harm-meter.ts'

export interface Harm {
  /** By the id of the component. */
  readonly tallies: ReadonlyMap<string, Tally>
  /** Calls that failed, newest first, by component. */
  readonly failed: ReadonlyMap<string, readonly CallFact[]>
}

/** `calls`: those that are in the record one by one, newest first. `visits`: of what is served beside the models. */
export function readHarm(
  sums: readonly SumFact[],
  calls: readonly CallFact[],
  components: readonly Component[],
  visits: readonly VisitsFact[] = [],
): Harm {
  const tallies = new Map<string, Tally>()
  const failed = new Map<string, readonly CallFact[]>()
  for (const component of components) {
    if (isOfSite(component)) {
      const own = visits.filter(({ route }) => component.site?.includes(route))
      if (own.length > 0) tallies.set(component.id, tallyVisits(own))
      continue
    }
    const own = sums.filter((sum) => covers(component, sum)).concat(isRest(component) ? sums.flatMap(answered) : [])
    const ownCalls = calls.filter((call) => covers(component, kindOf(call)))
    const harmed = ownCalls.filter(isHarmed)
    const isOneCaller = isOfOneCaller(harmed, ownCalls)
    if (own.length > 0) tallies.set(component.id, tallyInOrder(own, isOneCaller))
    if (harmed.length > 0 && !isOneCaller) failed.set(component.id, harmed)
  }
  return { tallies, failed }
}

function tallyInOrder(sums: readonly SumFact[], isOneCaller: boolean): Tally {
  return inOrder(sums.map((sum) => ({ ...tallyOf(sum, isOneCaller), atMs: sum.atMs })))
}

function tallyVisits(visits: readonly VisitsFact[]): Tally {
  return inOrder(visits.map(({ count, failedCount, atMs }) => ({ total: count, failed: failedCount, slow: 0, atMs })))
}

/** Sums are told apart where harm begins: what went well before it is known to have done so. */
function inOrder(all: readonly (Tally & { readonly atMs: number })[]): Tally {
  const harmedMs = Math.min(...all.filter(({ failed, slow }) => failed + slow > 0).map(({ atMs }) => atMs))
  const before = all.filter(({ atMs }) => atMs < harmedMs).map(({ total }) => total)
  const wellBefore = Number.isFinite(harmedMs) ? before.reduce((a, b) => a + b, 0) : 0
  return { ...all.reduce(addUp, noCalls), wellBefore }
}

function tallyOf(sum: SumFact, isOneCaller: boolean): Tally {
  const { outcome, count, slowCount } = sum
  if (outcome === 'complete') return { total: count, failed: 0, slow: slowCount }
  if (!isHarmed(sum)) return noCalls
  return { total: count, failed: isOneCaller ? 0 : count, slow: 0 }
}

/** It failed through no fault of its caller's. What operators ask at their own port is no call, nor is a page. */
export function isHarmed({ outcome, code, route }: Pick<SumFact, 'outcome' | 'code' | 'route'>): boolean {
  const isCall = route !== operatorsRoute && route !== webRoute
  return outcome === 'failed' && isCall && !isCallersFault(code) && !isAnnounced(code)
}

/** What is refused before its model is known is a share of all that is asked for, not of what was refused alike. */
export function isRest({ models }: Component): boolean {
  return models.length === 1 && models[0] === unknownModel
}

function answered(sum: SumFact): SumFact[] {
  return sum.outcome === 'complete' ? [{ ...sum, slowCount: 0 }] : []
}

/** Refused for maintenance that was planned: no harm, and no answer either. */
function isAnnounced(code: FaultCode | null): boolean {
  return code === 'HF_MAINTENANCE'
}

/** Of all calls together. */
export function tallyAll(sums: readonly SumFact[]): Tally {
  return sums.map((sum) => tallyOf(sum, false)).reduce(addUp, noCalls)
}

/** Of calls of keys to which something is promised, by the name of the key. */
export function tallyCallers(sums: readonly SumFact[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>()
  for (const sum of sums)
    if (sum.caller !== '') tallies.set(sum.caller, addUp(tallies.get(sum.caller) ?? noCalls, tallyOf(sum, false)))
  return tallies
}

function isCallersFault(code: FaultCode | null): boolean {
  return code !== null && faultKind(code).source === 'client'
}

/** Only calls of one caller fail, while those of others are answered: it is about that caller. */
function isOfOneCaller(harmed: readonly CallFact[], all: readonly CallFact[]): boolean {
  const names = new Set(harmed.map(({ caller }) => caller))
  const [name] = names
  if (names.size !== 1 || name === '') return false
  return all.some(({ caller, outcome }) => caller !== name && outcome === 'complete')
}

/** Calls that were refused before their model was known are of none. */
function kindOf({ model, route, tier }: CallFact): CallKind {
  return { model: model === '' ? unknownModel : model, route, tier }
}

/** As the record's sums call it. */
export const unknownModel = 'unknown'
const operatorsRoute = 'admin'
