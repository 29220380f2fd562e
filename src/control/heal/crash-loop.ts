/**
 * A replica that dies rests before it is started again: 1 s, twice as long with each death in a row, up to 5 min. After
 * so many in a row it is given up, with its last words; then it is tried every quarter of an hour. One that served for
 * a minute has not died in a row.
 */
import type { Finding } from './ailment.ts'
import type { Deaths } from './deaths.ts'

const restMsMin = 1000
const restMsMax = 5 * 60_000
const deathsMax = 10
const givenUpMs = 15 * 60_000
/** One that served for so long begins anew. */
const soundMs = 60_000
const wordsMax = 300

export interface Death {
  readonly startedMs: number
  /** For how long it served; 0 for one that was never ready. */
  readonly servedMs: number
  readonly how: string
  readonly lastWords: string
}

export function countDeath(before: Deaths | null, death: Death, nowMs: number): Deaths {
  const { startedMs, servedMs, how, lastWords } = death
  const inRow = before === null || servedMs >= soundMs ? 1 : before.inRow + 1
  const restMs = inRow >= deathsMax ? givenUpMs : Math.min(restMsMax, restMsMin * 2 ** (inRow - 1))
  return { inRow, atMs: nowMs, startedMs, restUntilMs: nowMs + restMs, how, lastWords }
}

export function isGivenUp({ inRow }: Deaths): boolean {
  return inRow >= deathsMax
}

/** Null for a first death: that is no loop yet, and it is started again after its rest. */
export function findCrashLoop(deaths: Deaths): Finding | null {
  const { inRow, atMs, restUntilMs, how, lastWords } = deaths
  if (inRow < 2) return null
  const restS = Math.round((restUntilMs - atMs) / 1000)
  const said = lastWords.trim().slice(-wordsMax) || 'none'
  const evidence = `died ${inRow} times in a row, last by ${how}; rests ${restS} s; last words: ${said}`
  return { ailment: 'crash-loop', remedy: isGivenUp(deaths) ? 'tell' : 'rest', evidence }
}
