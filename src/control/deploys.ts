/**
 * The rollouts of all deployments as the control loop has them: it asks what each deployment is to run, and tells once
 * a second what it sees. Gates are run beside it; tallies of workers are gathered into looks of some seconds.
 */
import { type GatheredReplica, gatherLook } from './deploy/gather-look.ts'
import type { GateReport } from './deploy/gate.ts'
import type { TallyCounts } from './deploy/replica-tally.ts'
import type { RolloutCommand, Seen } from './deploy/rollout.ts'
import { type Configured, RolloutBook, type RolloutBookState, type RolloutView } from './deploy/rollout-book.ts'
import type { RolloutOptions } from './deploy/rollout-options.ts'
import { planOf, type RolloutPlan } from './deploy/rollout-plan.ts'
import type { HistoryEntry, RolloutOrder, RolloutState } from './deploy/rollout-state.ts'

/** Replicas of which tallies are kept until the next look. */
const replicasMax = 2000
/** Tallies of one replica in one look: a worker sends one a second. */
const talliesMax = 200

export interface DeploysParts {
  /** Asks both releases; never rejects. */
  readonly runGate: (order: RolloutOrder, signal: AbortSignal) => Promise<GateReport>
  /** Each step of each rollout, for the record. */
  readonly tell: (deployment: string, release: string, entry: HistoryEntry) => void
}

/** A replica as the loop sees it. */
export interface DeployReplica {
  readonly name: string
  readonly release: string
  readonly isReady: boolean
  readonly callsInHand: number
  readonly memoryBytes: number | null
  readonly memoryBytesMax: number | null
}

export interface DeployFacts {
  readonly nowMs: number
  /** Replicas that the load wants. */
  readonly total: number
  readonly replicas: readonly DeployReplica[]
  /** Died by themselves since it was told last. */
  readonly died: readonly string[]
  /** Of the whole deployment. */
  readonly callsPerHour: number
  readonly isWindowOpen: boolean
}

/** Of a rollout that goes on. */
interface Watch {
  /** Of which rollout. */
  readonly id: string
  lookedAtMs: number
  readonly died: Map<string, DeployReplica>
  gate: { report: GateReport | null; readonly abort: AbortController } | null
}

export class Deploys {
  #parts: DeploysParts
  #book: RolloutBook
  #tallies = new Map<string, TallyCounts[]>()
  #watches = new Map<string, Watch>()

  constructor(parts: DeploysParts, state?: RolloutBookState) {
    this.#parts = parts
    this.#book = new RolloutBook(state)
  }

  /** To be kept, and handed in again after a restart. */
  toJSON(): RolloutBookState {
    return this.#book.toJSON()
  }

  views(deployment?: string): RolloutView[] {
    return this.#book.views(deployment)
  }

  /** @throws {RolloutError} */
  begin(order: RolloutOrder, nowMs: number): void {
    this.#told(order.deployment, () => this.#book.begin(order, nowMs))
  }

  /** @throws {RolloutError} */
  command(deployment: string, asked: RolloutCommand, by: string, nowMs: number): void {
    this.#told(deployment, () => this.#book.command(deployment, asked, by, nowMs))
  }

  /** Whether one goes on, in which nothing else should change the deployment. */
  isBusy(deployment: string): boolean {
    const state = this.#book.live(deployment)
    return state !== null && state.phase !== 'warm'
  }

  /** The one that goes on; null for none. */
  live(deployment: string): Readonly<RolloutState> | null {
    return this.#book.live(deployment)
  }

  /** The release that runs for good. */
  release(deployment: string): string | null {
    return this.#book.release(deployment)
  }

  /** Whether its death, if it was told, is in what is kept; else it is to be told to the next process. */
  isJudged(deployment: string, replica: string): boolean {
    return !this.#watches.get(deployment)?.died.has(replica)
  }

  /** The configuration may have changed. Returns what changes for it, in words; null for nothing. */
  follow(deployment: string, configured: Configured, nowMs: number): string | null {
    let words: string | null = null
    this.#told(deployment, () => {
      const live = this.#book.live(deployment)
      words = this.#book.follow(deployment, configured, nowMs)
      return live
    })
    return words
  }

  /** @param configured the release to run where nothing was ever deployed */
  plan(deployment: string, configured: string, total: number, options: RolloutOptions): RolloutPlan {
    const state = this.#book.live(deployment)
    if (state) return planOf(state, total, options)
    const release = this.#book.release(deployment) ?? configured
    return { releases: [{ release, replicas: total, share: 1 }], controlShare: null }
  }

  /** What a worker measured of a replica since it told last. */
  hear(replica: string, tally: TallyCounts): void {
    const own = this.#tallies.get(replica)
    if (own) return void (own.length < talliesMax && own.push(tally))
    if (this.#tallies.size < replicasMax) this.#tallies.set(replica, [tally])
  }

  /** Goes on with the rollout of a deployment, if there is one. */
  look(deployment: string, facts: DeployFacts, options: RolloutOptions): void {
    const state = this.#book.live(deployment)
    if (!state) return this.#end(deployment)
    const watch = this.#watchOf(state, facts)
    for (const name of facts.died) {
      const dead = facts.replicas.find((each) => each.name === name)
      if (dead) watch.died.set(name, dead)
    }
    this.#leadGate(state, watch)
    const of = (release: string | null): DeployReplica[] => facts.replicas.filter((each) => each.release === release)
    const ready = (release: string | null): number => of(release).filter(({ isReady }) => isReady).length
    const seen: Seen = {
      ...{ nowMs: facts.nowMs, total: facts.total, readyNext: ready(state.to), readyPresent: ready(state.from) },
      callsLeft: of(state.from).reduce((sum, { callsInHand }) => sum + callsInHand, 0),
      ...{ isWindowOpen: facts.isWindowOpen, gate: watch.gate?.report ?? null },
      look: this.#lookOf(state, watch, facts, options),
    }
    this.#told(deployment, () => this.#book.advance(deployment, seen, options))
  }

  /** Null until it is time for one. */
  #lookOf({ from, to }: RolloutState, watch: Watch, facts: DeployFacts, { lookMs }: RolloutOptions): Seen['look'] {
    const ms = facts.nowMs - watch.lookedAtMs
    if (ms < 0) watch.lookedAtMs = facts.nowMs
    if (ms < lookMs) return null
    watch.lookedAtMs = facts.nowMs
    const gather = (release: string | null): ReturnType<typeof gatherLook> => {
      const own = new Map(facts.replicas.filter((each) => each.release === release).map((each) => [each.name, each]))
      for (const [name, dead] of watch.died) if (dead.release === release) own.set(name, dead)
      return gatherLook([...own.values()].map((each) => this.#gathered(each, watch)))
    }
    const look = { present: gather(from), next: gather(to) }
    watch.died.clear()
    return { ...look, ms: Math.min(ms, 6 * lookMs), callsPerReplicaHour: facts.callsPerHour / Math.max(1, facts.total) }
  }

  #gathered({ name, memoryBytes, memoryBytesMax }: DeployReplica, { died }: Watch): GatheredReplica {
    const tallies = this.#tallies.get(name) ?? []
    this.#tallies.delete(name)
    return { name, memoryBytes, memoryBytesMax, tallies, hasDied: died.has(name) }
  }

  /** Begun with its phase, also after a restart; called off with it. */
  #leadGate({ id, deployment, from, to, strategy, phase }: RolloutState, watch: Watch): void {
    if (phase !== 'gate') {
      watch.gate?.abort.abort()
      watch.gate = null
      return
    }
    if (watch.gate) return
    const gate = { report: null as GateReport | null, abort: new AbortController() }
    watch.gate = gate
    void this.#parts
      .runGate({ id, deployment, from, to, strategy }, gate.abort.signal)
      .then((report) => (gate.report = report))
  }

  #watchOf({ id, deployment }: RolloutState, { nowMs }: DeployFacts): Watch {
    const known = this.#watches.get(deployment)
    if (known?.id === id) return known
    this.#end(deployment)
    const watch: Watch = { id, lookedAtMs: nowMs, died: new Map(), gate: null }
    this.#watches.set(deployment, watch)
    return watch
  }

  #end(deployment: string): void {
    this.#watches.get(deployment)?.gate?.abort.abort()
    this.#watches.delete(deployment)
    // Nobody will gather them.
    if (this.#watches.size === 0) this.#tallies.clear()
  }

  /** Tells what came to the history. */
  #told(deployment: string, change: () => RolloutState | null): void {
    const before = this.#book.live(deployment)
    const [id, last] = [before?.id, before?.history.at(-1)]
    const after = change()
    if (!after) return
    const from = after.id === id && last ? after.history.findLastIndex((each) => same(each, last)) + 1 : 0
    for (const entry of after.history.slice(from)) this.#parts.tell(deployment, after.to, entry)
  }
}

const same = (a: HistoryEntry, b: HistoryEntry): boolean =>
  a.atMs === b.atMs && a.phase === b.phase && a.words === b.words && a.share === b.share
