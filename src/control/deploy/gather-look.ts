/** From what workers told of replicas to what the judge is told of a release. */
import type { ReleaseLook, Strata } from './release-look.ts'
import type { TallyCounts } from './replica-tally.ts'
import { addSketch, type Sketch } from './sketch.ts'

export interface GatheredReplica {
  readonly name: string
  readonly memoryBytes: number | null
  readonly memoryBytesMax: number | null
  /** It died by itself since the last look. */
  readonly hasDied: boolean
  /** From all workers, since the last look. */
  readonly tallies: readonly TallyCounts[]
}

export function gatherLook(replicas: readonly GatheredReplica[]): ReleaseLook {
  return joinLooks(replicas.flatMap((replica) => lookOf(replica)))
}

/** What broke with a replica is one death, not as many failures as it had calls in hand. */
function lookOf({ name, memoryBytes, memoryBytesMax, hasDied, tallies }: GatheredReplica): ReleaseLook {
  const all = joinLooks(tallies.map((tally) => ({ ...tally, deaths: 0, replicas: [] })))
  const replicas = [{ name, memoryBytes, memoryBytesMax, calls: all.finished }]
  if (!hasDied) return { ...all, replicas }
  const failed = Object.values(all.failures).reduce((a, b) => a + b, 0)
  return { ...all, replicas, deaths: 1, failures: {}, calls: all.calls - failed }
}

/** As if they were of one. */
export function joinLooks(looks: readonly ReleaseLook[]): ReleaseLook {
  const sum = (key: CountName): number => looks.reduce((total, look) => total + look[key], 0)
  return {
    ...{ calls: sum('calls'), finished: sum('finished'), truncated: sum('truncated'), refused: sum('refused') },
    ...{ empty: sum('empty'), toolOffers: sum('toolOffers'), toolCalls: sum('toolCalls'), deaths: sum('deaths') },
    toolCallsBroken: sum('toolCallsBroken'),
    failures: addCounts(looks.map(({ failures }) => failures)),
    ttftMs: addStrata(looks.map(({ ttftMs }) => ttftMs)),
    interTokenMs: addStrata(looks.map(({ interTokenMs }) => interTokenMs)),
    answerTokens: addSketches(looks.map(({ answerTokens }) => answerTokens)),
    replicas: looks.flatMap(({ replicas }) => replicas),
  }
}

/** Those that are numbers. */
type CountName = { [Key in keyof ReleaseLook]: ReleaseLook[Key] extends number ? Key : never }[keyof ReleaseLook]

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const counts of all) for (const [key, count] of Object.entries(counts)) sum[key] = (sum[key] ?? 0) + count
  return sum
}

function addSketches(all: readonly Sketch[]): number[] {
  const sum: number[] = []
  for (const sketch of all) addSketch(sum, sketch)
  return sum
}

function addStrata(all: readonly Strata[]): Record<string, number[]> {
  const sum: Record<string, number[]> = {}
  for (const strata of all)
    for (const [stratum, sketch] of Object.entries(strata)) addSketch((sum[stratum] ??= []), sketch)
  return sum
}
