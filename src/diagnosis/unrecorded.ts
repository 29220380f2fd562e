/**
 * A ray of which the record has nothing. It tells when it was given, and the sums over all calls tell what failed then:
 * so even one of a flood, of which only examples are kept, gets a cause; inferred, and called so.
 */
import { parseRay } from '../fault/ray.ts'
import type { CallFact, DeployFact, Fact, SumFact, WorkerFact } from '../observe/fact.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'
import type { FactSource } from './fact-source.ts'
import type { Places } from './server.ts'
import { clock, span } from './words.ts'

/** A call may take so long, and sums are told every ten seconds. */
const callMs = 15_000
const beforeMs = 60_000
const factsMax = 1000
/** What a process has noted in the last moments before its death may be lost with it. */
const lossMs = 1000

export function explainUnrecorded(source: FactSource, ray: string, places: Places): Diagnosis {
  const nothing = diagnose(ray, [])
  const bornMs = parseRay(ray)?.timeMs
  if (bornMs === undefined) return { ...nothing, sentence: `${nothing.sentence}: it is no Ray ID of a gateway` }
  const calls = source
    .latest({ kinds: ['call'], fromMs: bornMs - callMs, toMs: bornMs + callMs }, factsMax)
    .entries.map(({ fact }) => fact as CallFact)
  /** Failures that cannot be found one by one; of old ones those that were kept are forgotten, too. */
  const lostOf = ({ count, recordedCount }: SumFact): number => (calls.length > 0 ? count - recordedCount : count)
  const sums = source
    .latest({ kinds: ['sum'], fromMs: bornMs, toMs: bornMs + callMs }, factsMax)
    .entries.flatMap(({ fact }) => failedIn(fact, bornMs))
  const biggest = sums.toSorted((a, b) => lostOf(b) - lostOf(a))[0]
  if (!biggest || lostOf(biggest) === 0) return { ...nothing, ...deathWords(source, bornMs, nothing.sentence) }
  const kinds = ['upstream', 'engine', 'breaker', 'worker', 'deploy', 'config', 'pressure', 'journal'] as const
  const around = source
    .latest({ kinds: kinds, fromMs: bornMs - beforeMs, toMs: bornMs + callMs }, factsMax)
    .entries.map(({ fact }) => fact)
  const alike = calls.filter(({ code, route }) => code === biggest.code && route === biggest.route)
  const example = alike.toSorted((a, b) => Math.abs(a.atMs - bornMs) - Math.abs(b.atMs - bornMs))[0]
  const of = example ?? callOf(biggest, ray)
  const found = diagnose(of.ray, [of, ...around, ...calls.filter((call) => call !== of)], places)
  const share = lostOf(biggest) / sums.reduce((sum, each) => sum + lostOf(each), 0)
  return {
    ...found,
    ray,
    isInferred: true,
    confidence: found.confidence * share,
    sentence: `The record has nothing of this call itself; if it failed, then most likely as ${biggest.count} others of that time. Of those: ${found.sentence}`,
    code: null,
    outcome: null,
    evidence: [
      `${biggest.count} calls of ${biggest.route} to ${biggest.model} failed with ${biggest.code} until ${clock(biggest.atMs)}; ${biggest.recordedCount} of them were kept one by one`,
      ...(example ? [`one of them that is kept: ${example.ray}`] : []),
      ...found.evidence,
    ],
    actions: [],
    timeline: [],
  }
}

/** Failures that were counted in its time. */
function failedIn(fact: Fact, bornMs: number): SumFact[] {
  return fact.kind === 'sum' && fact.code !== null && fact.fromMs <= bornMs + callMs && fact.atMs >= bornMs
    ? [fact]
    : []
}

/** The call as far as the sum tells of it. */
function callOf(
  { count, durationMs, atMs, node, upstream, code, route, model, outcome, tier, caller }: SumFact,
  ray: string,
): CallFact {
  return {
    kind: 'call',
    ray: ray as CallFact['ray'],
    isEventful: true,
    ...{ atMs, node, upstream, code, route, model, outcome, tier, caller },
    durationMs: durationMs / count,
    ...{ detail: '', requestId: null, traceId: null, isStream: false, status: 0, attempts: [], seams: [] },
    ...{ firstTokenMs: null, queueMs: 0, overheadMs: null, inputTokens: null, outputTokens: null, finishReason: null },
    ...{ requestBytes: 0, sentBytes: 0, eventCount: 0 },
  }
}

/** What a process had noted in its last moments dies with it. */
function deathWords(source: FactSource, bornMs: number, sentence: string): Partial<Diagnosis> {
  const facts = source
    .earliest({ kinds: ['worker', 'deploy'], fromMs: bornMs, toMs: bornMs + callMs }, factsMax)
    .map(({ fact }) => fact)
  for (const fact of facts) {
    const words = fact.kind === 'worker' ? workerWords(fact) : fact.kind === 'deploy' ? gatewayWords(fact) : null
    if (words === null) continue
    const after = `${span(fact.atMs - bornMs)} after the call began ${words}`
    const loss = `what was noted within the last ${span(lossMs)} before a death may be lost`
    return { sentence: `${sentence}: ${after}, and ${loss}`, evidence: [`${words}, at ${clock(fact.atMs)}`] }
  }
  return {}
}

function workerWords({ state, isExpected, number, exit }: WorkerFact): string | null {
  if (state !== 'exited' || isExpected) return null
  return `worker ${number} died by ${exit?.signal ?? `exit code ${exit?.exitCode ?? '?'}`}`
}

/** A start with a reason comes after an end without a word. */
function gatewayWords({ state, reason }: DeployFact): string | null {
  return state === 'started' && reason !== '' ? 'the gateway was started anew, for it had died' : null
}
