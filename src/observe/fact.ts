/**
 * Everything the record can hold: a closed union, one shape a kind. Whoever explains a failure, counts, warns or shows
 * reads these and measures nothing again. No kind has room for a prompt, an answer, a key or a header's value.
 */
import type { Ray } from '../fault/ray.ts'
import type { ChallengeSums } from './challenge-sums.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { Base } from './fact-base.ts'
import type { QuarantineFact, RemedyFact } from './heal-fact.ts'
import type { RolloutFact } from './rollout-fact.ts'
import type { VisitsFact } from './visit.ts'
import type { EngineFact, ReplicaFact, ScaleFact, WorkerFact } from './process-fact.ts'

export type { EngineFact, ExitTold, ReplicaFact, ScaleFact, WorkerFact } from './process-fact.ts'

/** A call is settled; also one that was refused at the door. `upstream`: the one that was asked last. */
export interface CallFact extends Base, Omit<ExchangeFact, 'atMs' | 'isModelKnown' | 'ray' | 'code' | 'trace'> {
  readonly kind: 'call'
  readonly ray: Ray
  /** Of the trace that it belongs to; null for none. */
  readonly traceId: string | null
  /** Why it is in the record: something happened to it, or it is one of a sample. */
  readonly isEventful: boolean
}

/** An answer broke off in the middle, and is gone on with. `upstream`: the one that broke off. */
export interface SeamFact extends Base {
  readonly kind: 'seam'
  readonly ray: Ray
  readonly detail: string
  /** Events that were kept before it. */
  readonly eventCount: number
}

/**
 * All readers of an answer were gone before its end (`left`; what became of the answer, the call tells), or one took
 * nothing of it for so long that its connection was closed (`stalled`).
 */
export interface ClientFact extends Base {
  readonly kind: 'client'
  readonly ray: Ray
  readonly state: 'left' | 'stalled'
}

/** An answer of a dead process was taken over by this one. */
export interface AdoptionFact extends Base {
  readonly kind: 'adoption'
  readonly ray: Ray
  /** `given-up`: it ended with an error, for nobody could go on with it. */
  readonly state: 'adopted' | 'given-up'
  /** How often the answer has changed hands, and one. */
  readonly epoch: number
  /** Events that were kept before. */
  readonly eventCount: number
}

/** A model of an upstream was taken out of use, or came back. `ejected`: for being worse than its peers. */
export interface BreakerFact extends Base {
  readonly kind: 'breaker'
  readonly upstream: string
  readonly model: string
  readonly state: 'opened' | 'ejected' | 'returned'
  /** In words. */
  readonly reason: string
  /** How long it is out at least; 0 for a return. */
  readonly openMs: number
}

/**
 * What became of an upstream, as soon as it changed. `code` and `detail` say why in technical words: the resolver's
 * error, the errno of connecting, the verdict on the certificate.
 */
export interface UpstreamFact extends Base {
  readonly kind: 'upstream'
  readonly upstream: string
  readonly state: 'up' | 'down' | 'hung'
  readonly detail: string
  /** `call`: a call failed there; `roll-call`: it was asked what it offers. */
  readonly seenBy: 'call' | 'roll-call'
  /** The certificate that it showed, where that is what was wrong with it; null where it is not known. */
  readonly certificate: CertificateTold | null
}

export interface CertificateTold {
  readonly subject: string
  readonly issuer: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** A key for an upstream is laid aside; it is told by its place, never by itself. */
export interface KeyFact extends Base {
  readonly kind: 'key'
  readonly upstream: string
  readonly position: number
  readonly count: number
  readonly restMs: number
}

/** A model that is out of use was asked for a token, and the outcome is another than before. */
export interface ProbeFact extends Base {
  readonly kind: 'probe'
  readonly upstream: string
  readonly model: string
  readonly outcome: 'token' | 'failed' | 'nothing'
  readonly detail: string
}

/** An upstream is given a quarter more or less at once than when that was last told. */
export interface LimitFact extends Base {
  readonly kind: 'limit'
  readonly upstream: string
  /** In calls, and in tokens of work. */
  readonly calls: number
  readonly callsBefore: number
  readonly work: number
  readonly workBefore: number
}

/** What an upstream had in hand at that moment, every 10 s while it is anything. */
export interface LoadFact extends Base {
  readonly kind: 'load'
  readonly upstream: string
  readonly calls: number
  readonly callsMax: number
  /** Tokens. */
  readonly work: number
  readonly workMax: number
  /** By the engine's own account; null where it tells nothing. */
  readonly engineWaiting: number | null
  readonly engineRunning: number | null
  readonly kvUsage: number | null
}

/** Calls that wait for a place in a pool at that moment, every 10 s while there are any. */
export interface LineFact extends Base {
  readonly kind: 'line'
  readonly pool: string
  readonly tier: string
  readonly waiting: number
}

/** The measures that a process takes against its own overload have changed. */
export interface PressureFact extends Base {
  readonly kind: 'pressure'
  readonly rung: string
  readonly rungBefore: string
  readonly store: string
  /** What is short, and the share of it that is used; null and 0 where all is calm. */
  readonly resource: string | null
  readonly share: number
}

/** What a process used at that moment, every 10 s. */
export interface ResourceFact extends Base {
  readonly kind: 'resource'
  readonly residentBytes: number
  readonly heapBytes: number
  readonly heapBytesMax: number
  /** The 99th percentile since the last sample of how late timers came; milliseconds. */
  readonly loopDelayMs: number
  /** Share of one processor since the last sample. */
  readonly cpuShare: number
  /** Open file descriptors; null where the system does not say. */
  readonly fdCount: number | null
  /** Free on the disk of the state folder; null where that is not known. */
  readonly diskFreeBytes: number | null
  readonly callsLive: number
}

/** The gateway as a whole: started, stopped, or asked to put new workers in place of the old. */
export interface DeployFact extends Base {
  readonly kind: 'deploy'
  readonly state: 'started' | 'restart-asked' | 'restarted' | 'restart-failed' | 'stopping' | 'stopped'
  readonly version: string
  /** The version that ran before; the same where it did not change. */
  readonly versionBefore: string
  readonly generation: number
  readonly reason: string
}

/** The configuration. Told by its hash and the names of what changed, never by values. */
export interface ConfigFact extends Base {
  readonly kind: 'config'
  readonly state: 'loaded' | 'changed' | 'refused'
  readonly hash: string
  readonly hashBefore: string
  /** Paths of settings, as in `upstreams.gpu1.url`; at most some dozens. */
  readonly changed: readonly string[]
  /** Why it was refused. */
  readonly reason: string
  /** Where the upstreams are, as far as the record keeps it: some dozens. */
  readonly places: readonly UpstreamPlace[]
}

export interface UpstreamPlace {
  readonly upstream: string
  /** Of its URL; without port, path, name and password. */
  readonly host: string
  /** As it is set; empty where it is not. */
  readonly kind: string
}

/** The journal of answers met an error: its disk is full, it was found damaged (and mended), or another. */
export interface JournalFact extends Base {
  readonly kind: 'journal'
  readonly state: 'full' | 'damaged' | 'error'
  readonly detail: string
}

/**
 * A certificate of our own: `loaded` at the start, `renewed` by a newer one, `refused` when what should have taken its
 * place cannot be used, and `failed` when an authority did not issue it.
 */
export interface CertificateFact extends Base {
  readonly kind: 'certificate'
  readonly state: 'loaded' | 'renewed' | 'refused' | 'failed'
  /** Names it is for; at most some dozens. */
  readonly names: readonly string[]
  /** Until when the one in use is good; 0 where there is none. */
  readonly untilMs: number
  readonly issuer: string
  readonly detail: string
}

/**
 * A window of planned maintenance began, or ended; `goes-on` is told every few minutes while it is in force, so that
 * whoever looks around a call finds it.
 */
export interface MaintenanceFact extends Base {
  readonly kind: 'maintenance'
  readonly state: 'began' | 'goes-on' | 'ended'
  readonly title: string
  readonly beginMs: number
  readonly endMs: number
  readonly components: readonly string[]
  readonly upstreams: readonly string[]
  readonly models: readonly string[]
}

/**
 * The shield against attacks was `raised` or `lowered` by a step, or a connection was closed for what came over it
 * (`offence`).
 */
export interface ShieldFact extends Base {
  readonly kind: 'shield'
  readonly state: 'raised' | 'lowered' | 'offence'
  /** 0: there is no attack. */
  readonly level: number
  readonly detail: string
  /** Whence most came of what was turned away, and its share; some at most. */
  readonly networks: readonly NetworkTold[]
  /** Since the last fact of this kind. */
  readonly challenges: ChallengeSums
}

export interface NetworkTold {
  readonly network: string
  readonly share: number
}

/**
 * Sums over the calls of one process that were settled in one period and are alike in all that is named here: of all
 * calls, whether they are in the record one by one or not. `upstream`: the one that was asked last.
 */
export interface SumFact extends Base {
  readonly kind: 'sum'
  /** From here to `atMs`. */
  readonly fromMs: number
  readonly route: string
  /** A model that is known, else `unknown`. */
  readonly model: string
  readonly outcome: ExchangeFact['outcome']
  readonly tier: string
  /** Name of the caller's key for calls of the tier `premium`, to whom a promise may be owed; else empty. */
  readonly caller: string
  readonly count: number
  /** Of these, calls that are in the record one by one. */
  readonly recordedCount: number
  /** Of these, calls that were answered whole but slowly (`record.slowMs`). */
  readonly slowCount: number
  /** Of all calls together; milliseconds. */
  readonly durationMs: number
  /** Of those calls that had a first token, and how many they were. */
  readonly firstTokenMs: number
  readonly firstTokenCount: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly attemptCount: number
  readonly seamCount: number
}

/** A fact of the record. */
export type Fact =
  | CallFact
  | SeamFact
  | ClientFact
  | AdoptionFact
  | BreakerFact
  | UpstreamFact
  | KeyFact
  | ProbeFact
  | LimitFact
  | LoadFact
  | LineFact
  | PressureFact
  | ResourceFact
  | WorkerFact
  | EngineFact
  | ReplicaFact
  | ScaleFact
  | DeployFact
  | ConfigFact
  | JournalFact
  | CertificateFact
  | MaintenanceFact
  | ShieldFact
  | QuarantineFact
  | RemedyFact
  | RolloutFact
  | SumFact
  | VisitsFact

export type FactKind = Fact['kind']

/** Every kind, and whether its facts are of single calls: those are the first to be forgotten when room is short. */
export const factKinds = {
  call: 'calls',
  seam: 'calls',
  client: 'calls',
  adoption: 'calls',
  breaker: 'house',
  upstream: 'house',
  key: 'house',
  probe: 'house',
  limit: 'house',
  load: 'house',
  line: 'house',
  pressure: 'house',
  resource: 'house',
  worker: 'house',
  engine: 'house',
  replica: 'house',
  scale: 'house',
  deploy: 'house',
  config: 'house',
  journal: 'house',
  certificate: 'house',
  maintenance: 'house',
  shield: 'house',
  quarantine: 'house',
  remedy: 'house',
  rollout: 'house',
  sum: 'house',
  visits: 'house',
} as const satisfies Record<FactKind, 'calls' | 'house'>

/** What the record adds by itself. */
type Given = 'atMs' | 'node'
type Links = 'ray' | 'upstream' | 'code'
/** Of the links those that may be null, and so be left out. */
type Loose<T extends Base> = { [K in Links]: null extends T[K] ? K : never }[Links]
type NoteOf<T> = T extends Base ? Omit<T, Given | Loose<T>> & Partial<Pick<T, Loose<T>>> : never

/** A fact as it is noted by whoever saw it; calls are told as accounts. */
export type Note = NoteOf<Exclude<Fact, CallFact | SumFact>>
