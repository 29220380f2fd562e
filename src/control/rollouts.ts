/**
 * Which releases of a deployment run, and with which share of new calls: the rollouts, led by what the loop sees, kept
 * over restarts of this process, and told as facts.
 */
import { keepOnly } from '../ground/keep-only.ts'
import { CallRate } from './deploy/call-rate.ts'
import { type GateReport, pairsMin } from './deploy/gate.ts'
import type { GatePrompt, GoldenAnswer } from './deploy/golden-prompt.ts'
import type { RolloutCommand } from './deploy/rollout.ts'
import { RolloutError, type RolloutView } from './deploy/rollout-book.ts'
import type { Strategy } from './deploy/rollout-options.ts'
import { rolloutOptionsOf } from './deploy/rollout-settings.ts'
import type { RolloutOrder } from './deploy/rollout-state.ts'
import { runGate } from './deploy/run-gate.ts'
import type { DeploymentOptions } from './deployment-options.ts'
import { type DeployReplica, Deploys } from './deploys.ts'
import type { FleetReport } from './fleet-report.ts'
import { type KeptRollouts, readKeptRollouts } from './kept-rollouts.ts'
import type { PilotParts } from './pilot-parts.ts'
import { type DeploymentPlan, type Plan, releaseOf } from './plan.ts'
import type { ReplicaSight, Sight } from './sight.ts'
import { Shadows } from './shadows.ts'
import type { Totals } from './scaling.ts'

const part = 'rollouts'
/** Without news it is kept so often: what was measured since is lost when the process dies. */
const keepMs = 5000

export interface RolloutWish {
  readonly deployment: string
  readonly release: string
  /** Left out: the one that is set. */
  readonly strategy?: Strategy | undefined
  readonly by: string
}

/** One that goes on. */
export type RolloutRow = Pick<RolloutView, 'deployment' | 'from' | 'to' | 'phase' | 'share' | 'isPaused'>

export class Rollouts {
  #parts: PilotParts
  #deploys: Deploys
  #sight: Sight | null = null
  /** Copies whose death was counted, by name: when they were started. */
  #dead: Map<string, number>
  #ended = new Map<string, number>()
  #rates = new Map<string, CallRate>()
  #shadows: Shadows | null
  #windows: ReadonlySet<string> = new Set()
  /** Replicas of deployments in which a rollout goes on: of others nobody gathers what was measured. */
  #judged: readonly string[] = []
  #keptMs = Number.NEGATIVE_INFINITY

  constructor(parts: PilotParts) {
    this.#parts = parts
    this.#shadows = parts.random ? new Shadows(parts.random) : null
    const kept = readKeptRollouts(parts.notebook.read(part))
    this.#dead = new Map(Object.entries(kept?.dead ?? {}))
    const { note } = parts
    this.#deploys = new Deploys(
      {
        runGate: (order, signal) => this.#runGate(order, signal),
        tell: (deployment, release, { phase, share, words }) =>
          note({ kind: 'rollout', deployment, release, phase, share, detail: words }),
      },
      kept?.book,
    )
  }

  hear(report: FleetReport): void {
    const { replicas, windows = [] } = report
    if (this.#sight) this.#shadows?.hear(report, this.#sight)
    this.#windows = new Set(windows)
    for (const name of this.#judged)
      if (Object.hasOwn(replicas, name))
        for (const tally of replicas[name]?.tallies ?? []) this.#deploys.hear(name, tally)
  }

  /** Whether one goes on, in which nothing else should change the deployment. */
  isBusy(deployment: string): boolean {
    return this.#deploys.isBusy(deployment)
  }

  views(deployment: string | null): RolloutView[] {
    return this.#deploys.views(deployment ?? undefined)
  }

  rows(): RolloutRow[] {
    return Object.keys(this.#sight?.deployments ?? {}).flatMap((name) => {
      const live = this.#deploys.live(name)
      if (!live) return []
      const { deployment, from, to, phase, share, isPaused } = live
      return [{ deployment, from, to, phase, share, isPaused }]
    })
  }

  /** @throws {RolloutError} */
  begin({ deployment, release, strategy, by }: RolloutWish, id: string, nowMs: number): RolloutView {
    const options = this.#optionsOf(deployment)
    if (!Object.hasOwn(options.releases, release)) {
      const known = Object.keys(options.releases).join(', ')
      throw new RolloutError(`${deployment} has no release named ${release}; in the configuration are: ${known}`)
    }
    if (this.#sight?.dryRun) throw new RolloutError('nothing is deployed in a dry run: `control.dryRun` is true')
    const live = this.#deploys.live(deployment)
    const from = live?.phase === 'warm' ? live.to : this.#deploys.release(deployment)
    const order = { id, deployment, from, to: release, strategy: strategy ?? options.rollout.strategy, by }
    this.#deploys.begin(order, nowMs)
    this.#keep()
    return this.#latest(deployment)
  }

  /** @throws {RolloutError} */
  command(deployment: string, asked: RolloutCommand, by: string, nowMs: number): RolloutView {
    this.#optionsOf(deployment)
    this.#deploys.command(deployment, asked, by, nowMs)
    this.#keep()
    return this.#latest(deployment)
  }

  /** Goes back, where the release before still runs. */
  rollBack(deployment: string, by: string, nowMs: number): void {
    const live = this.#deploys.live(deployment)
    if (live && live.phase !== 'rolling-back' && live.from !== null) this.command(deployment, 'rollback', by, nowMs)
  }

  look(sight: Sight, totals: Totals): Plan {
    this.#sight = sight
    const byDeployment = Map.groupBy(sight.replicas, ({ deployment }) => deployment)
    const judged: string[] = []
    const plans = Object.entries(sight.deployments).map(([name, options]): [string, DeploymentPlan] => {
      const own = byDeployment.get(name) ?? []
      const plan = this.#lookAt(name, options, sight, { own, wished: totals.get(name) ?? options.replicas.min })
      if (this.#deploys.live(name)) judged.push(...own.map((each) => each.name))
      return [name, plan]
    })
    this.#judged = judged
    if (sight.monotonicMs - this.#keptMs >= keepMs) {
      this.#forget(sight)
      // Where none goes on, all that is to be kept was kept when it changed.
      if (judged.length > 0 || this.#keptMs === Number.NEGATIVE_INFINITY) this.#keep()
      else this.#keptMs = sight.monotonicMs
    }
    return new Map(plans)
  }

  #lookAt(
    name: string,
    options: DeploymentOptions,
    sight: Sight,
    { own, wished }: { readonly own: readonly ReplicaSight[]; readonly wished: number },
  ): DeploymentPlan {
    const { nowMs, dryRun } = sight
    const configured = { release: releaseOf(options), releases: Object.keys(options.releases) }
    const changed = this.#deploys.follow(name, configured, nowMs)
    if (changed !== null) {
      const about = { deployment: name, release: configured.release, phase: 'done', share: 1 } as const
      this.#parts.note({ kind: 'rollout', ...about, detail: changed })
      this.#keep()
    }
    const died = this.#diedAmong(own)
    const before = this.#deploys.live(name)
    const rollout = rolloutOptionsOf(options.rollout, before?.strategy)
    const total = before ? Math.max(1, wished) : wished
    const [phase, share] = [before?.phase, before?.share]
    if (!before) this.#rates.delete(name)
    else if (!dryRun) {
      const callsPerHour = this.#rateOf(name, own, sight.monotonicMs)
      const isWindowOpen = !options.rollout.windowsOnly || this.#windows.has(name)
      const replicas = own.map((each) => replicaOf(each, options))
      this.#deploys.look(name, { nowMs, total, replicas, died, callsPerHour, isWindowOpen }, rollout)
    }
    const after = this.#deploys.live(name)
    if (after?.phase !== phase || after?.share !== share) this.#keep()
    return this.#deploys.plan(name, configured.release, after ? total : wished, rollout)
  }

  /** Each death is told once. */
  #diedAmong(replicas: readonly ReplicaSight[]): string[] {
    return replicas.flatMap(({ name, phase, startedMs }) => {
      if (phase !== 'gone' || this.#dead.get(name) === startedMs) return []
      this.#dead.set(name, startedMs)
      return [name]
    })
  }

  #rateOf(name: string, replicas: readonly ReplicaSight[], nowMs: number): number {
    let rate = this.#rates.get(name)
    if (!rate) {
      this.#rates.set(name, (rate = new CallRate()))
      // What ended before the rollout began is not of its time.
      for (const { name: replica, ended } of replicas) this.#ended.set(replica, ended)
    }
    let calls = 0
    for (const { name: replica, ended } of replicas) {
      calls += Math.max(0, ended - (this.#ended.get(replica) ?? 0))
      this.#ended.set(replica, ended)
    }
    rate.add(calls, nowMs)
    return rate.perHour
  }

  #forget({ replicas, deployments }: Sight): void {
    const names = new Set(replicas.map(({ name }) => name))
    for (const map of [this.#dead, this.#ended]) keepOnly(map, names)
    for (const name of this.#rates.keys()) if (!Object.hasOwn(deployments, name)) this.#rates.delete(name)
  }

  #keep(): void {
    this.#keptMs = this.#sight?.monotonicMs ?? this.#keptMs
    const deployments = new Map(this.#sight?.replicas.map(({ name, deployment }) => [name, deployment]))
    const dead = [...this.#dead].filter(([name]) => this.#deploys.isJudged(deployments.get(name) ?? '', name))
    const kept: KeptRollouts = { version: 1, book: this.#deploys.toJSON(), dead: Object.fromEntries(dead) }
    this.#parts.notebook.write(part, kept)
  }

  #optionsOf(deployment: string): DeploymentOptions {
    const { deployments = {} } = this.#sight ?? {}
    const options = Object.hasOwn(deployments, deployment) ? deployments[deployment] : undefined
    if (options) return options
    const known = Object.keys(deployments).join(', ') || 'none'
    throw new RolloutError(`no deployment named ${deployment} can be led now; those that can: ${known}`)
  }

  #latest(deployment: string): RolloutView {
    return this.#deploys.views(deployment)[0] as RolloutView
  }

  async #runGate({ deployment, from, to }: RolloutOrder, signal: AbortSignal): Promise<GateReport> {
    const options = this.#sight?.deployments[deployment]
    const { prompts: golden = [], times = 1, callsAtOnce = 1 } = options?.rollout.gate ?? {}
    const real = (this.#sight && this.#shadows?.prompts(deployment, this.#sight)) ?? []
    const prompts = golden.length === 0 && real.length * times < pairsMin ? [] : [...golden, ...real]
    if (prompts.length === 0) {
      const few = options?.rollout.gate.shadow ? `, and of real calls there are ${real.length}` : ''
      return { isPassed: true, words: `no golden prompts are set${few}: it was not asked`, findings: [] }
    }
    const { ask } = this.#parts
    const asker = (release: string) => async (prompt: GatePrompt) => {
      const url = this.#readyUrl(deployment, release)
      if (!ask || url === null || !options) return noAnswer
      return ask({ url: `${url}${options.apiPath}`, model: options.models?.[0] ?? null }, prompt, signal)
    }
    const askPresent = from === null ? null : asker(from)
    const report = await runGate({ prompts, times, callsAtOnce, askNext: asker(to), askPresent, signal })
    return real.length === 0 ? report : { ...report, words: `${report.words}; ${real.length} real calls were asked` }
  }

  /** The one with the least to do. */
  #readyUrl(deployment: string, release: string): string | null {
    const ready = (this.#sight?.replicas ?? []).filter(
      (each) => each.deployment === deployment && each.release === release && each.isReady && each.phase === 'running',
    )
    return ready.toSorted((a, b) => a.calls - b.calls)[0]?.url ?? null
  }
}

const noAnswer: GoldenAnswer = {
  ...{ text: '', finish: 'stop', fault: 'HF_NO_UPSTREAM', tokens: 0, ttftMs: 0, interTokenMs: 0, toolCall: null },
}

function replicaOf(replica: ReplicaSight, { releases }: DeploymentOptions): DeployReplica {
  const { name, release, isReady, phase, calls, memoryBytes } = replica
  const spec: unknown = releases[release]
  const limit = typeof spec === 'object' && spec !== null && 'memoryBytesMax' in spec ? Number(spec.memoryBytesMax) : 0
  const memory = { memoryBytes, memoryBytesMax: limit > 0 ? limit : null }
  return { name, release, isReady: isReady && phase === 'running', callsInHand: calls, ...memory }
}
