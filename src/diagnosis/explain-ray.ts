/** Asks a record for what concerns one call, within bounds, and explains it. */
import type { FactKind } from '../observe/fact.ts'
import type { FactSource } from './fact-source.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'
import { afterMs, beforeMs } from './scene.ts'
import type { Places } from './server.ts'
import { parseRay } from '../fault/ray.ts'
import { explainUnrecorded } from './unrecorded.ts'

/** Kinds that tell of the house around a call; loads and limits are too many, and say nothing that others do not. */
const houseKinds = [
  ...(['upstream', 'engine', 'breaker', 'worker', 'deploy', 'config', 'pressure', 'journal', 'resource'] as const),
] satisfies readonly FactKind[]
const houseCountMax = 1000
const callsMs = 90_000
const callCountMax = 500

/** @param asked whatever was given for a ray; `last` for that of the last call that failed. */
export function explainRay(source: FactSource, asked: string): Diagnosis {
  const ray = (asked === 'last' ? source.lastFailure()?.fact.ray : null) ?? asked
  const own = source.byRay(ray).map(({ fact }) => fact)
  const fromMs = Math.min(parseRay(ray)?.timeMs ?? Infinity, own[0]?.atMs ?? Infinity)
  const toMs = own.at(-1)?.atMs ?? fromMs
  if (own.length === 0 || !Number.isFinite(fromMs)) return explainUnrecorded(source, ray, placesOf(source))
  const around = [
    ...source.around(fromMs - beforeMs, toMs + afterMs, houseKinds, houseCountMax),
    ...source.around(fromMs - callsMs, fromMs, ['call'], callCountMax),
    ...source.around(fromMs, toMs + afterMs, ['call'], callCountMax),
  ].map(({ fact }) => fact)
  return diagnose(ray, [...own, ...around.filter((fact) => fact.ray !== ray)], placesOf(source))
}

/** Where the upstreams are, by the configuration in force last. */
function placesOf(source: FactSource): Places {
  const configs = source.latest({ kinds: ['config'] }, configsMax).entries
  const told = configs.flatMap(({ fact }) => (fact.kind === 'config' && fact.state !== 'refused' ? [fact.places] : []))
  return Object.fromEntries((told[0] ?? []).map(({ upstream, host, kind }) => [upstream, { host, kind }]))
}

const configsMax = 20
