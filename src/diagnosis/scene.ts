/**
 * The scene of one call: what the record tells of it and of all that happened around it, put in the order in which one
 * asks. Pure; whatever is missing is empty.
 */
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type {
  AdoptionFact,
  BreakerFact,
  CallFact,
  ClientFact,
  ConfigFact,
  DeployFact,
  EngineFact,
  Fact,
  FactKind,
  JournalFact,
  MaintenanceFact,
  PressureFact,
  ResourceFact,
  SeamFact,
  UpstreamFact,
  WorkerFact,
} from '../observe/fact.ts'
import type { FaultCode } from '../fault/code.ts'
import { parseRay } from '../fault/ray.ts'
import { type Deed, type Places, Server } from './server.ts'
import { isHarmless, type Sign } from './sign.ts'

/** Facts so long before a call, and so long after it, may have to do with it; milliseconds. */
export const beforeMs = 10 * 60_000
export const afterMs = 60_000

export interface Scene {
  readonly ray: string
  /** Its account; null while there is none. */
  readonly call: CallFact | null
  /** Milliseconds since 1970. */
  readonly beganMs: number
  readonly endedMs: number
  /** What is to be explained. */
  readonly signs: ReadonlySet<Sign>
  /** Attempts that failed. */
  readonly failures: readonly AttemptFact[]
  /** The upstreams of these, or, where none was asked, those that were out of use then. */
  readonly servers: readonly Server[]
  /** All that the record tells of. */
  readonly allServers: readonly Server[]
  readonly seams: readonly SeamFact[]
  readonly client: readonly ClientFact[]
  readonly adoptions: readonly AdoptionFact[]
  readonly workers: readonly WorkerFact[]
  readonly deploys: readonly DeployFact[]
  readonly configs: readonly ConfigFact[]
  readonly pressures: readonly PressureFact[]
  readonly resources: readonly ResourceFact[]
  readonly journal: readonly JournalFact[]
  readonly breakers: readonly BreakerFact[]
  readonly maintenances: readonly MaintenanceFact[]
  /** Other calls, as far as they are in the record one by one. */
  readonly others: readonly CallFact[]
}

type Of<Kind extends FactKind> = Extract<Fact, { kind: Kind }>

/** @param facts of the ray and of what happened around it, in any order. */
export function readScene(ray: string, facts: readonly Fact[], places: Places = {}): Scene {
  const all = facts.toSorted((a, b) => a.atMs - b.atMs)
  const of = <Kind extends FactKind>(kind: Kind): Of<Kind>[] =>
    all.filter((fact): fact is Of<Kind> => fact.kind === kind)
  const own = <T extends Fact>(list: readonly T[]): T[] => list.filter((fact) => fact.ray === ray)
  const calls = of('call')
  const accounts = own(calls)
  // A process that was left behind accounts for it, too; its word is not the last.
  const call = accounts.findLast(({ code }) => code !== 'HF_LEASE_LOST') ?? accounts.at(-1) ?? null
  const others = calls.filter((other) => other.ray !== ray)
  const { beganMs, endedMs } = spanOf(ray, call, own(all))
  const failures = call?.attempts.filter(({ code }) => code !== null && !isHarmless(code)) ?? []
  const seams = own(of('seam'))
  const client = own(of('client'))
  const adoptions = own(of('adoption'))
  const allServers = readServers(all, calls, { ray, beganMs, endedMs, places })
  const asked = new Set([...failures.map(({ upstream }) => upstream), ...seams.map(({ upstream }) => upstream ?? '')])
  const wasAsked = allServers.filter(({ name }) => asked.has(name))
  const isUnserved = call?.code === 'HF_NO_UPSTREAM' || call?.code === 'HF_ATTEMPTS_SPENT'
  const servers = wasAsked.length > 0 || !isUnserved ? wasAsked : allServers.filter((server) => server.isOut)
  const isVainWait = waitedInVain(call, { failures, seams, client })
  const behind = asked.size === 0 ? servers.flatMap(({ codesBefore }) => codesBefore) : []
  return {
    ...{ ray, call, beganMs, endedMs, failures, servers, allServers, seams, client, adoptions, others },
    signs: readSigns(accounts, { failures, seams, client, adoptions, behind, isVainWait }),
    workers: of('worker'),
    deploys: of('deploy'),
    configs: of('config'),
    pressures: of('pressure'),
    resources: of('resource'),
    journal: of('journal'),
    breakers: of('breaker'),
    maintenances: of('maintenance'),
  }
}

/** A ray bears the time of its beginning. */
function spanOf(ray: string, call: CallFact | null, own: readonly Fact[]): { beganMs: number; endedMs: number } {
  const bornMs = parseRay(ray)?.timeMs ?? own[0]?.atMs ?? 0
  const endedMs = call?.atMs ?? own.at(-1)?.atMs ?? bornMs
  return { beganMs: call ? Math.min(call.atMs - call.durationMs, endedMs) : Math.min(bornMs, endedMs), endedMs }
}

function readSigns(
  accounts: readonly CallFact[],
  told: {
    failures: readonly AttemptFact[]
    seams: readonly SeamFact[]
    client: readonly ClientFact[]
    adoptions: readonly AdoptionFact[]
    behind: readonly FaultCode[]
    isVainWait: boolean
  },
): ReadonlySet<Sign> {
  const signs = new Set<Sign>()
  const codes = [...accounts, ...told.failures, ...told.seams.filter(({ code }) => code !== 'HF_NOT_ADOPTABLE')]
  for (const { code } of codes) if (code) signs.add(code)
  for (const code of told.behind) signs.add(code)
  if (told.adoptions.length > 0) signs.add('ADOPTED')
  for (const { state } of told.client) signs.add(state === 'stalled' ? 'READER_STALLED' : 'READER_LEFT')
  if (told.isVainWait) for (const sign of leavings) signs.delete(sign)
  return new Set([...signs].filter((sign) => !isHarmless(sign)))
}

const leavings = ['READER_LEFT', 'HF_CLIENT_GONE'] as const satisfies readonly Sign[]

/**
 * A caller that left while its call was in trouble left because of it: most of the time until then was spent on
 * attempts that failed.
 */
function waitedInVain(
  call: CallFact | null,
  { failures, seams, client }: Pick<Scene, 'failures' | 'seams' | 'client'>,
): boolean {
  const left = client.find(({ state }) => state === 'left')
  if (!left && call?.code !== 'HF_CLIENT_GONE') return false
  if (!call) return seams.length > 0
  const beganMs = call.atMs - call.durationMs
  const stayedMs = (left?.atMs ?? call.atMs) - beganMs
  const inVain = failures.filter(({ code }) => code !== 'HF_CLIENT_GONE')
  const lostMs = inVain.reduce(
    (sum, { afterMs: from, durationMs }) => sum + Math.max(0, Math.min(from + durationMs, stayedMs) - from),
    0,
  )
  return inVain.length > 0 && lostMs >= stayedMs / 2
}

interface Setting {
  readonly ray: string
  readonly beganMs: number
  readonly endedMs: number
  readonly places: Places
}

function readServers(all: readonly Fact[], calls: readonly CallFact[], setting: Setting): Server[] {
  const { ray, beganMs, endedMs, places } = setting
  const deeds = new Map<string, Deed[]>()
  const note = (name: string, deed: Deed): void => {
    const list = deeds.get(name)
    if (list) list.push(deed)
    else deeds.set(name, [deed])
  }
  for (const call of calls) {
    const callBeganMs = call.atMs - call.durationMs
    for (const attempt of call.attempts) {
      const attemptBeganMs = callBeganMs + attempt.afterMs
      const isOwn = call.ray === ray
      const isAlone = call.attempts.length === 1 && call.seams.length === 0
      const tokens = isAlone ? (attempt.code === null ? call.outputTokens : call.eventCount) : null
      const attemptEndedMs = attemptBeganMs + attempt.durationMs
      note(attempt.upstream, { attempt, beganMs: attemptBeganMs, endedMs: attemptEndedMs, isOwn, tokens })
    }
  }
  const news = new Map<string, (UpstreamFact | EngineFact | BreakerFact)[]>()
  for (const fact of all) {
    if (fact.kind !== 'upstream' && fact.kind !== 'engine' && fact.kind !== 'breaker') continue
    const list = news.get(fact.upstream)
    if (list) list.push(fact)
    else news.set(fact.upstream, [fact])
  }
  return [...new Set([...deeds.keys(), ...news.keys()])].map(
    (name) =>
      new Server(name, {
        deeds: deeds.get(name) ?? [],
        news: news.get(name) ?? [],
        place: Object.hasOwn(places, name) ? (places[name] ?? null) : null,
        beganMs,
        endedMs,
      }),
  )
}
