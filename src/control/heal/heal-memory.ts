/** What healing remembers from one look to the next. It belongs to `decideRemedies`, which changes it in place. */
import type { Ailment, Finding, Remedy, ReplicaView } from './ailment.ts'
import { calm, type Damped } from './damper.ts'
import type { Counts } from './effect.ts'
import type { WorkSeen } from './hang.ts'
import type { MemoryBin } from './leak.ts'
import { RobotLimit } from './robot-limit.ts'

export class ReplicaMemory {
  work: WorkSeen | null = null
  bins: MemoryBin[] = []
  /** Of the bins as they were when the last of them began: it costs too much to judge them at each look. */
  leak: { readonly bin: number; readonly finding: Finding | null } | null = null
  /** Which run of it the others are of. */
  startedMs = 0
  damped: Damped = calm
  wasServing = false
  /** What was said of it last, so that only a change is told. */
  told = ''
  /** It is to be replaced, until it is gone. */
  mark: 'replace' | null = null
  markedMs = 0
  /** What it was marked for. */
  ailment: Ailment | null = null
  /** At this look. */
  isHung = false

  /** It was started anew: what was seen of the one before it says nothing of this one. */
  begin({ startedMs, phase }: ReplicaView): void {
    if (startedMs === this.startedMs) return
    this.startedMs = startedMs
    this.work = null
    this.bins = []
    this.leak = null
    if (phase !== 'gone') this.mark = null
  }
}

/** A remedy of which is yet to be seen what came of it. */
export interface Trial {
  readonly deployment: string
  readonly replica: string
  readonly ailment: Ailment
  readonly remedy: Remedy
  readonly atMs: number
  /** Of the deployment in the time before. */
  readonly before: Counts
  readonly countsAt: Counts
  isBack: boolean
}

export interface Failures {
  readonly inRow: number
  readonly untilMs: number
}

export class HealMemory {
  readonly replicas = new Map<string, ReplicaMemory>()
  readonly limit = new RobotLimit()
  trials: Trial[] = []
  /** By deployment, ailment and remedy. */
  readonly failures = new Map<string, Failures>()
  /** Deployments that were told to go back, until they live again. */
  readonly wentBack = new Set<string>()
  /** Counts of a deployment a while ago, and now: what the next remedy is compared with. */
  readonly counts = new Map<string, { readonly atMs: number; readonly since: Counts; readonly before: Counts }>()

  of(name: string): ReplicaMemory {
    let memory = this.replicas.get(name)
    if (!memory) this.replicas.set(name, (memory = new ReplicaMemory()))
    return memory
  }

  /** Who flapped lately. */
  dampedNames(nowMs: number): [string, Damped][] {
    return [...this.replicas].flatMap(([name, { damped }]): [string, Damped][] =>
      damped.value > 0 && nowMs - damped.flappedMs < forgetMs ? [[name, damped]] : [],
    )
  }

  /** Those that are no more are forgotten, as soon as nothing of them matters. */
  forget(names: ReadonlySet<string>, nowMs: number): void {
    for (const [name, { damped }] of this.replicas)
      if (!names.has(name) && nowMs - damped.atMs > forgetMs) this.replicas.delete(name)
  }
}

const forgetMs = 60 * 60_000
