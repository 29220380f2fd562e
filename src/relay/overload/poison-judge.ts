/**
 * Whether a request kills model servers. It is suspected when a server died while it was there; so are all others that
 * were there. Only one that two distinct servers died of, and that alone was at both, is condemned: a crowd tells
 * nothing of each of its members. Whoever got further elsewhere is out of it.
 */
import type { ServerDeath, SuspectTrace } from '../../store/quarantine.ts'

/** What two workers tell of one server within this is one death. */
const sameDeathMs = 3000
/** Pieces by which two counts of the same place may differ: roles and ends are counted by some. */
export const placeSlack = 8
/** Servers that die all around, of whatever, say that it is not the request. */
const aroundMs = 60_000

export type Verdict = 'free' | 'suspect' | 'poison'

/** Whether at the second it got further than it had at the first, so that it was not what killed that. */
export function gotFurther(first: SuspectTrace, second: Omit<SuspectTrace, 'ray'>): boolean {
  return second.isStream ? second.place > first.place + placeSlack : second.ageMs > 1.5 * first.ageMs + 250
}

/** What several workers tell of one death put together; the first first. */
export function joinDeaths(deaths: readonly ServerDeath[]): ServerDeath[] {
  const joined: (ServerDeath & { suspects: Map<string, SuspectTrace>; isExplained: boolean })[] = []
  for (const death of deaths) {
    const same = joined.findLast(
      ({ upstream, atMs }) => upstream === death.upstream && Math.abs(death.atMs - atMs) <= sameDeathMs,
    )
    if (!same) joined.push({ ...death, suspects: new Map(death.suspects) })
    else {
      same.isExplained ||= death.isExplained
      for (const [key, trace] of death.suspects) same.suspects.set(key, trace)
    }
  }
  return joined
}

/** `deaths`: joined. */
export function judge(key: string, deaths: readonly ServerDeath[], nowMs: number): Verdict {
  const mine = deaths.filter(({ suspects }) => suspects.has(key))
  if (mine.length === 0) return 'free'
  if (new Set(mine.map(({ upstream }) => upstream)).size < 2 || !isAtAllOf(key, mine)) return 'suspect'
  if (areDyingAround(key, deaths, nowMs)) return 'suspect'
  const rivals = [...(mine[0]?.suspects.keys() ?? [])].filter((other) => other !== key && isAtAllOf(other, mine))
  return rivals.length === 0 ? 'poison' : 'suspect'
}

/** As many servers died lately without it as with it, and two at least: no need to look for a request. */
export function areDyingAround(key: string, deaths: readonly ServerDeath[], nowMs: number): boolean {
  const around = deaths.filter(
    ({ atMs, isExplained, suspects }) => !isExplained && !suspects.has(key) && nowMs - atMs <= aroundMs,
  )
  return around.length >= Math.max(2, deaths.filter(({ suspects }) => suspects.has(key)).length)
}

/** It was at all of these when they died, and got no further from one to the next. */
function isAtAllOf(key: string, deaths: readonly ServerDeath[]): boolean {
  const traces = deaths.map(({ suspects }) => suspects.get(key))
  const [first] = traces
  return first !== undefined && traces.every((trace) => trace !== undefined && !gotFurther(first, trace))
}
