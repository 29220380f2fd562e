/** What windows of maintenance keep from new calls, and until when. Pure. */
import { isInForce, type Occurrence } from './maintenance-book.ts'

interface ClosedNow {
  /** By name: until when, milliseconds since 1970. */
  readonly upstreams: ReadonlyMap<string, number>
  readonly models: ReadonlyMap<string, number>
}

/** @param all those in force, and those that follow: one that begins when another ends makes one of both. */
export function closedNow(all: readonly Occurrence[], nowMs: number): ClosedNow {
  const inOrder = all.toSorted((a, b) => a.fromMs - b.fromMs)
  return {
    upstreams: untilOf(inOrder, nowMs, ({ upstreams }) => upstreams),
    models: untilOf(inOrder, nowMs, ({ models }) => models),
  }
}

function untilOf(
  inOrder: readonly Occurrence[],
  nowMs: number,
  namesOf: (each: Occurrence) => readonly string[],
): Map<string, number> {
  const until = new Map<string, number>()
  for (const each of inOrder) {
    const isCalledOff = each.cancelledMs !== null && each.cancelledMs <= each.fromMs
    if (isCalledOff) continue
    for (const name of namesOf(each)) {
      const known = until.get(name)
      const goesOn = known !== undefined && each.fromMs <= known
      if (goesOn) until.set(name, Math.max(known, each.toMs))
      else if (known === undefined && isInForce(each, nowMs)) until.set(name, each.toMs)
    }
  }
  return until
}
