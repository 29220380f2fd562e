/** Offsets and cursors, as they go over the wire. */
import type { Random } from '../../ground/random.ts'
import type { Position } from '../../store/stream-store.ts'

/** A caller's place in a stream: `now` is wherever its end is. */
export type Place = Position | 'now'

const digits = 16

/** Sorts as text as the positions do; the same shape as that of other servers of this protocol. */
export function formatOffset({ no, bytes }: Position): string {
  return `${String(no).padStart(digits, '0')}_${String(bytes).padStart(digits, '0')}`
}

/** Null when it is none that we could have made. */
export function parseOffset(text: string): Position | null {
  const [, no, bytes] = /^(\d{16})_(\d{16})$/.exec(text) ?? []
  const position = { no: Number(no), bytes: Number(bytes) }
  return Number.isSafeInteger(position.no) && Number.isSafeInteger(position.bytes) ? position : null
}

const cursorEpochMs = Date.UTC(2024, 9, 9)
const cursorIntervalMs = 20_000
/** A cursor is moved on by 1 to 3600 seconds, in intervals. */
const leapMax = 180

/**
 * What a cache between us and the reader tells requests apart by: the number of the current interval of 20 s, or, when
 * the reader has that already, a greater one, so that nobody is answered from the cache for ever.
 */
export function nextCursor(told: string | null, nowMs: number, random: Random): string {
  const current = Math.max(0, Math.floor((nowMs - cursorEpochMs) / cursorIntervalMs))
  const last = told !== null && /^\d{1,15}$/.test(told) ? Number(told) : -1
  return String(last < current ? current : last + 1 + Math.floor(random.unit() * leapMax))
}
