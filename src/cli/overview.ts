/** The gateway on one page, joined from what its workers tell: for the console, `holdfast top`, `holdfast status`. */
import { type FaultCode, faultKind, faultKinds } from '../fault/code.ts'
import type { Source } from '../fault/fault-kind.ts'
import { type FleetView, type LineView, upstreamStates, type UpstreamView } from '../house/fleet-view.ts'
import type { IncidentSeen } from '../house/incident-seen.ts'
import type { Totals } from '../observe/metric.ts'
import type { LastFailure } from '../observe/pulse.ts'
import type { History, Lately } from './history.ts'
import { stateWords, type Verdict, verdictOf } from './overview-verdict.ts'
import type { WorkerStatus } from './worker-word.ts'

/** Rates and times to the first token are those of the last seconds; faults are counted for longer. */
const ratesSeconds = 10
const faultsSeconds = 300

/** One worker process, as its supervisor knows it. */
export interface HandView {
  readonly number: number
  readonly pid: number
  readonly isRetired: boolean
  /** How long ago it told anything. */
  readonly heardMs: number
  /** It tells nothing, as one that is too busy or hangs. */
  readonly isSilent: boolean
  /** Null while it starts. */
  readonly status: WorkerStatus | null
}

/** What does not change while the gateway runs, or only at a restart. */
export interface Identity {
  readonly site: string
  readonly version: string
  readonly pid: number
  readonly startedMs: number
  readonly generation: number
  readonly urls: readonly string[]
  /** The folder by which commands find it. */
  readonly stateDir: string
}

export interface UpstreamSeen extends UpstreamView {
  /** What its state means: `hangs`. */
  readonly words: string
  /** Of the code, in a few words; empty without one. */
  readonly title: string
  readonly attempts: number
  readonly failed: number
  readonly lastFailure: (LastFailure & { readonly title: string }) | null
}

export interface WorkerSeen {
  readonly number: number
  readonly pid: number
  readonly state: 'starting' | 'ready' | 'not ready' | 'silent' | 'retiring'
  readonly callsLive: number
  readonly rung: string
  readonly reason: string
}

/** How often a fault has come in the last minutes. */
export interface FaultSeen {
  readonly code: string
  readonly title: string
  readonly source: Source | null
  readonly cure: string
  /** Calls that failed by it for their callers. */
  readonly calls: number
  /** Attempts that failed by it; where another made it good no caller has noticed. */
  readonly attempts: number
}

export interface Overview extends Identity {
  readonly atMs: number
  readonly isReady: boolean
  readonly verdict: Verdict
  /** Since the start. */
  readonly totals: Readonly<Totals>
  readonly callsLive: number
  readonly waiting: number
  readonly lately: Omit<Lately, 'codes' | 'attemptCodes'>
  readonly faults: readonly FaultSeen[]
  readonly faultsSeconds: number
  readonly upstreams: readonly UpstreamSeen[]
  readonly upstreamsLeftOut: number
  readonly lines: readonly LineView[]
  readonly workers: readonly WorkerSeen[]
  /** That go on, the worst first. Left out by a gateway that runs since before an update. */
  readonly incidents?: readonly IncidentSeen[]
}

export interface OverviewParts {
  readonly nowMs: number
  readonly identity: Identity
  readonly isReady: boolean
  readonly totals: Readonly<Totals>
  readonly hands: readonly HandView[]
  readonly history: History
  readonly incidents: readonly IncidentSeen[]
}

export function overviewOf({ nowMs, identity, isReady, totals, hands, history, incidents }: OverviewParts): Overview {
  const statuses = hands.flatMap(({ status }) => (status ? [status] : []))
  const upstreams = joinUpstreams(statuses)
  const workers = hands.map(seeWorker)
  const { codes: _, attemptCodes: __, ...lately } = history.lately(ratesSeconds)
  const lines = joinLines(statuses.map(({ view }) => view))
  return {
    ...identity,
    atMs: nowMs,
    isReady,
    verdict: verdictOf({ isReady, upstreams, workers }),
    totals,
    callsLive: statuses.reduce((sum, { callsLive }) => sum + callsLive, 0),
    waiting: waitingIn(lines),
    lately,
    faults: faultsOf(history.lately(faultsSeconds)),
    faultsSeconds,
    upstreams,
    upstreamsLeftOut: Math.max(0, ...statuses.map(({ view }) => view.upstreamsLeftOut)),
    lines,
    workers,
    incidents,
  }
}

export function waitingIn(lines: readonly LineView[]): number {
  return lines.reduce((sum, { waiting }) => sum + waiting, 0)
}

/** By name: the worst that any worker has found stands for all; what each has in hand adds up. */
function joinUpstreams(statuses: readonly WorkerStatus[]): UpstreamSeen[] {
  const joined = new Map<string, UpstreamSeen>()
  for (const { view, beat } of statuses) {
    for (const each of view.upstreams) {
      const { attempts = 0, failed = 0 } = ownOf(beat.upstreams, each.name) ?? {}
      const last = ownOf(beat.lastFailures, each.name) ?? null
      const code = codeOf(each, last)
      const title = code ? faultKind(code).title : ''
      const lastFailure = last && { ...last, title: faultKind(last.code).title }
      const seen: UpstreamSeen = { ...each, code, words: stateWords[each.state], title, attempts, failed, lastFailure }
      const other = joined.get(each.name)
      joined.set(each.name, other ? joinTwo(other, seen) : seen)
    }
  }
  return [...joined.values()]
}

/** An upstream may be named like what every object has. */
function ownOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Who asks what it offers only hears that nobody is there; calls know more. */
function codeOf({ state, code }: UpstreamView, last: LastFailure | null): FaultCode | null {
  return state === 'failing' && code === 'HF_NO_UPSTREAM' && last ? last.code : code
}

function joinTwo(a: UpstreamSeen, b: UpstreamSeen): UpstreamSeen {
  const [worse, better] = badness(b) > badness(a) ? [b, a] : [a, b]
  const isNewer = (better.lastFailure?.atMs ?? 0) > (worse.lastFailure?.atMs ?? 0)
  return {
    ...worse,
    calls: a.calls + b.calls,
    callsMax: a.callsMax + b.callsMax,
    work: a.work + b.work,
    workMax: a.workMax + b.workMax,
    keysResting: Math.max(a.keysResting, b.keysResting),
    engine: worse.engine ?? better.engine,
    attempts: a.attempts + b.attempts,
    failed: a.failed + b.failed,
    lastFailure: isNewer ? better.lastFailure : worse.lastFailure,
  }
}

export function badness({ state }: Pick<UpstreamView, 'state'>): number {
  return upstreamStates.indexOf(state)
}

function joinLines(views: readonly FleetView[]): LineView[] {
  const joined = new Map<string, LineView>()
  for (const { pool, tier, waiting } of views.flatMap(({ lines }) => lines)) {
    const name = `${pool}/${tier}`
    joined.set(name, { pool, tier, waiting: waiting + (joined.get(name)?.waiting ?? 0) })
  }
  return [...joined.values()]
}

function seeWorker({ number, pid, isRetired, isSilent, status }: HandView): WorkerSeen {
  const { callsLive = 0 } = status ?? {}
  const { rung = 'calm', reason = '' } = status?.pressure ?? {}
  const base = { number, pid, callsLive, rung, reason: rung === 'calm' ? '' : reason }
  if (isRetired) return { ...base, state: 'retiring' }
  if (status === null) return { ...base, state: 'starting' }
  if (isSilent) return { ...base, state: 'silent' }
  return { ...base, state: status.isReady ? 'ready' : 'not ready' }
}

/** The most frequent first. */
function faultsOf({ codes, attemptCodes }: Pick<Lately, 'codes' | 'attemptCodes'>): FaultSeen[] {
  const all = [...new Set([...Object.keys(codes), ...Object.keys(attemptCodes)])].map((code): FaultSeen => {
    const kind = code in faultKinds ? faultKind(code as FaultCode) : null
    const { title = code, source = null, cure = '' } = kind ?? {}
    return { code, title, source, cure, calls: codes[code] ?? 0, attempts: attemptCodes[code] ?? 0 }
  })
  return all.toSorted((a, b) => b.calls - a.calls || b.attempts - a.attempts)
}
