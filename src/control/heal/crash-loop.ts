/**
 * A replica that dies rests before it is started again: 1 s, twice as long with each death in a row, up to 5 min. After
 * so many in a row it is given up, with its last words; once an hour it is tried again. One that lived long enough
 * begins anew.
 */
import type { Finding, ReplicaView } from './ailment.ts'

const restMsMin = 1000
const restMsMax = 5 * 60_000
const deathsMax = 10
const givenUpMs = 60 * 60_000
const wellMs = 10 * 60_000
const wordsMax = 300

export interface Deaths {
  readonly inRow: number
  readonly lastMs: number
  /** Which run of it was counted last. */
  readonly startedMs: number
  readonly restUntilMs: number
  readonly lastWords: string
}

/** Takes in an end that was not counted yet. */
export function countDeath(before: Deaths | null, replica: ReplicaView, nowMs: number): Deaths {
  const { startedMs, exit } = replica
  const isAnew = before === null || nowMs - startedMs >= wellMs
  const inRow = isAnew ? 1 : before.inRow + 1
  const restMs = inRow >= deathsMax ? givenUpMs : Math.min(restMsMax, restMsMin * 2 ** (inRow - 1))
  const lastWords = (exit?.lastWords ?? '').slice(-wordsMax)
  return { inRow, lastMs: nowMs, startedMs, restUntilMs: nowMs + restMs, lastWords }
}

export function isGivenUp({ inRow }: Deaths): boolean {
  return inRow >= deathsMax
}

/** Null for a first death: that is no loop yet, and it is started again after its rest. */
export function findCrashLoop(deaths: Deaths, { exit }: ReplicaView): Finding | null {
  if (deaths.inRow < 2) return null
  const how = exit?.isOutOfMemory ? 'out of memory' : (exit?.signal ?? `exit code ${exit?.code ?? 'unknown'}`)
  const restS = Math.round((deaths.restUntilMs - deaths.lastMs) / 1000)
  const evidence = `died ${deaths.inRow} times in a row, last by ${how}; rests ${restS} s; last words: ${deaths.lastWords.trim() || 'none'}`
  return { ailment: 'crash-loop', remedy: isGivenUp(deaths) ? 'tell' : 'rest', evidence }
}
