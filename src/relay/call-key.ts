/** By what a call is known when it comes again, and its answer in the journal. */
import { hash } from 'node:crypto'
import { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { AnswerInfo, JournalCursor } from '../store/journal.ts'
import type { Order } from './order.ts'

/** Larger bodies are not looked for when a call comes again: their digest would hold up the moving of chunks. */
const digestBytesMax = 256 * 2 ** 10

type CallMark = Pick<Order, 'call' | 'toldId' | 'idempotencyKey'>

/** The same for calls that are the same byte for byte; null for one that is too large to be looked for. */
export function callKeyOf({ call, toldId, idempotencyKey }: CallMark): string | null {
  const { bytes } = call.body
  // Under a key of the caller's a different body must be seen, however large.
  if (bytes.length > digestBytesMax && idempotencyKey === null) return null
  // What was sent to the background was asked for in other words than the call has now.
  const way = toldId === null ? call.route : `${call.route}.background`
  return `${way}.${hash('sha256', bytes, 'base64url')}`
}

/** The alias of an answer that has lost its reader. */
export function lostAlias(caller: string, callKey: string): string {
  return `lost/${caller}/${callKey}`
}

/** The alias of an answer that was asked for with an `Idempotency-Key`; null where there was none. */
export function keyAlias({ caller, idempotencyKey: key }: Pick<Order, 'caller' | 'idempotencyKey'>): string | null {
  return key === null ? null : `key/${caller}/${hash('sha256', key, 'base64url')}`
}

/** What the journal is told of an answer that is under way. */
export function infoOf({ order, callKey }: { order: Order; callKey: string | null }, clock: Clock): AnswerInfo {
  const { ray, call, caller, isStored } = order
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
