/**
 * Which servers can answer a call in the time that it has, and until when it may wait for one of them. Pure.
 *
 * A server that is too slow for this call whenever it is begun does not count, as long as there is a faster one: the
 * call waits for that. Of those that do count the slowest says until when it may wait, since any of them may have the
 * next place.
 */

/** Answers differ in length from what was expected: so many times the expected time is kept free for one. */
const answerTimeFactor = 1.5

/** What a call needs at one server, as far as that is known; else 0. */
export interface Need {
  /** Until the first token. */
  readonly readMs: number
  /** From there to the last one. */
  readonly writeMs: number
}

export interface Allowance {
  readonly beganMs: number
  /** Until the first token; null where nobody minds. */
  readonly firstTokenMs: number | null
  readonly totalMs: number
}

export interface InTime<T> {
  /** Those that can be in time; null for all: none is too slow, or every one. */
  readonly members: readonly T[] | null
  /** The last moment at which the call may be begun and still be in time. */
  readonly startByMs: number
}

/** @param isOut who takes no calls at present does not say how long one may wait, unless nobody does. */
export function whoIsInTime<T>(
  members: readonly T[],
  allowance: Allowance,
  { needOf, isOut, nowMs }: { needOf: (member: T) => Need; isOut: (member: T) => boolean; nowMs: number },
): InTime<T> {
  let [startByMs, outStartByMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  const able: T[] = []
  for (const member of members) {
    const latestMs = latestStart(needOf(member), allowance)
    if (latestMs <= nowMs) continue
    able.push(member)
    if (isOut(member)) outStartByMs = Math.min(outStartByMs, latestMs)
    else startByMs = Math.min(startByMs, latestMs)
  }
  // What was never enough is tried at once, or not at all: it may be shorter than expected.
  if (able.length === 0) return { members: null, startByMs: nowMs }
  return {
    members: able.length < members.length ? able : null,
    startByMs: startByMs === Number.POSITIVE_INFINITY ? outStartByMs : startByMs,
  }
}

function latestStart({ readMs, writeMs }: Need, { beganMs, firstTokenMs, totalMs }: Allowance): number {
  const byFirst = firstTokenMs === null ? Number.POSITIVE_INFINITY : beganMs + firstTokenMs - readMs
  return Math.min(byFirst, beganMs + totalMs - answerTimeFactor * (readMs + writeMs))
}
