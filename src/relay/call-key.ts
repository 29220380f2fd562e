/** By what a call is known when it comes again, and its answer in the journal. */
import { hash } from 'node:crypto'
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { AnswerInfo, JournalCursor } from '../store/journal.ts'
import type { Order } from './order.ts'

/** Larger bodies are not looked for when a call comes again: their digest would hold up the moving of chunks. */
const digestBytesMax = 256 * 2 ** 10

type CallMark = Pick<Order, 'call' | 'toldId' | 'idempotencyKey' | 'cache'>

/** The same for calls that are the same byte for byte; null for one that is too large to be looked for. */
export function callKeyOf({ call, toldId, idempotencyKey, cache }: CallMark): string | null {
  const { bytes } = call.body
  // Under a key of the caller's a different body must be seen, however large.
  if (bytes.length > digestBytesMax && idempotencyKey === null) return null
  // What was sent to the background was asked for in other words than the call has now.
  const way = toldId === null ? call.route : `${call.route}.background`
  const whose = cache?.isShared && cache.mayKeep ? sharedMark : ''
  return `${whose}${way}.${hash('sha256', bytes, 'base64url')}`
}

const sharedMark = 'shared.'

/** Whether any key may read the answer: it was made for all (`cache.shared`). */
export function isForAll({ callKey }: Pick<AnswerInfo, 'callKey'>): boolean {
  return callKey?.startsWith(sharedMark) ?? false
}

/** The alias of an answer that has lost its reader. */
export function lostAlias(caller: string, callKey: string): string {
  return `lost/${caller}/${callKey}`
}

/** The alias of an answer that was asked for with an `Idempotency-Key`; null where there was none. */
export function keyAlias({ caller, idempotencyKey: key }: Pick<Order, 'caller' | 'idempotencyKey'>): string | null {
  return key === null ? null : `key/${caller}/${hash('sha256', key, 'base64url')}`
}

/** The name that only one answer may bear; complete ones that ended before `sinceMs` (since 1970) do not count. */
export interface SoleName {
  readonly name: string
  readonly sinceMs: number
}

/** Null for none. */
export function soleNameOf(order: Order, clock: Pick<Clock, 'nowMs' | 'monotonicMs'>): SoleName | null {
  const alias = keyAlias(order)
  if (alias !== null) return { name: alias, sinceMs: 0 }
  if (!order.cache?.mayLead) return null
  // What was still being made when this call came is joined, also where it is complete by now.
  const arrivedMs = clock.nowMs() - (clock.monotonicMs() - order.beganMs)
  return { name: order.cache.liveName, sinceMs: Math.floor(arrivedMs) + 1 }
}

/** What the journal is told of an answer that is under way. */
export function infoOf({ order, callKey }: { order: Order; callKey: string | null }, clock: Clock): AnswerInfo {
  const { ray, call, caller, cache } = order
  const isStored = order.isStored || (cache?.isKeptLong ?? false)
  const { route, model, isStream } = call
  return { ray, route, model, caller, beganMs: clock.nowMs(), isStream, isStored, callKey }
}

/** What failed may be tried anew under the same key; what is under way or complete may not. */
export function isUsable(cursor: JournalCursor | null): cursor is JournalCursor {
  return cursor !== null && (cursor.outcome === null || cursor.outcome === 'complete')
}

/** @throws {Fault} HF_KEY_REUSED */
export function needSameCall({ callKey }: AnswerInfo, order: Order): void {
  if (callKey !== callKeyOf(order)) throw new Fault('HF_KEY_REUSED', { param: 'idempotency-key' })
}
