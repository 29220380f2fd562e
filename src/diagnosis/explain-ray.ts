/**
 * Asks a record for what concerns one call, within bounds, and explains it. Of what happened around it, that is wanted
 * which is nearest in time; of other calls, those on the servers that failed this one, those that met the same fault,
 * and some of all.
 */
import type { Fact, FactKind } from '../observe/fact.ts'
import type { FactSource, FactWish } from './fact-source.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'
import { afterMs, beforeMs } from './scene.ts'
import type { Places } from './server.ts'
import { parseRay } from '../fault/ray.ts'
import { explainUnrecorded } from './unrecorded.ts'

/** Kinds that tell of the house around a call; loads and limits are too many, and say nothing that others do not. */
const houseKinds = [
  ...(['upstream', 'engine', 'breaker', 'worker', 'deploy', 'config', 'pressure', 'journal', 'resource'] as const),
  'maintenance',
] satisfies readonly FactKind[]
/** Facts before a moment, and from there on. */
const houseMax = { before: 400, after: 150 }
/** Other calls: on one server that failed, with one fault, of any kind. */
const sameServerMax = { before: 60, after: 60 }
const sameFaultMax = { before: 40, after: 40 }
const anyCallMax = { before: 100, after: 60 }
const callsMs = 90_000
/** Servers and faults of one call that are looked at. */
const serversMax = 4
const faultsMax = 3

/** @param asked whatever was given for a ray; `last` for that of the last call that failed. */
export function explainRay(source: FactSource, asked: string): Diagnosis {
  const ray = (asked === 'last' ? source.lastFailure()?.fact.ray : null) ?? asked
  const told = source.byRay(ray)
  const own = told.map(({ fact }) => fact)
  const fromMs = Math.min(parseRay(ray)?.timeMs ?? Infinity, own[0]?.atMs ?? Infinity)
  const toMs = own.at(-1)?.atMs ?? fromMs
  if (own.length === 0 || !Number.isFinite(fromMs)) return explainUnrecorded(source, ray, placesOf(source))
  const found = new Map<number, Fact>()
  const look = (wish: FactWish, ms: number, most: typeof houseMax, spanMs: number): void => {
    const before = source.latest({ ...wish, fromMs: fromMs - spanMs, toMs: ms }, most.before).entries
    const after = source.earliest({ ...wish, fromMs: ms, toMs: toMs + afterMs }, most.after)
    for (const { id, fact } of [...before, ...after]) if (fact.ray !== ray) found.set(id, fact)
  }
  look({ kinds: houseKinds }, toMs, houseMax, beforeMs)
  look({ kinds: ['call'] }, fromMs, anyCallMax, callsMs)
  for (const [upstream, ms] of failuresOf(own)) look({ kinds: ['call'], upstream }, ms, sameServerMax, callsMs)
  for (const code of codesOf(own)) look({ kinds: ['call'], code }, toMs, sameFaultMax, callsMs)
  return diagnose(ray, [...own, ...found.values()], placesOf(source))
}

/** Servers that failed it, and when they did so last. */
function failuresOf(own: readonly Fact[]): readonly (readonly [string, number])[] {
  const times = new Map<string, number>()
  for (const fact of own) {
    if (fact.kind === 'seam' && fact.upstream !== null) times.set(fact.upstream, fact.atMs)
    if (fact.kind !== 'call') continue
    for (const { upstream, code, afterMs: fromMs, durationMs } of fact.attempts)
      if (code !== null) times.set(upstream, fact.atMs - fact.durationMs + fromMs + durationMs)
  }
  return [...times].slice(0, serversMax)
}

function codesOf(own: readonly Fact[]): readonly string[] {
  return [...new Set(own.flatMap(({ kind, code }) => (kind === 'call' && code !== null ? [code] : [])))].slice(
    0,
    faultsMax,
  )
}

/** Where the upstreams are, by the configuration in force last. */
function placesOf(source: FactSource): Places {
  const configs = source.latest({ kinds: ['config'] }, configsMax).entries
  const told = configs.flatMap(({ fact }) => (fact.kind === 'config' && fact.state !== 'refused' ? [fact.places] : []))
  return Object.fromEntries((told[0] ?? []).map(({ upstream, host, kind }) => [upstream, { host, kind }]))
}

const configsMax = 20
