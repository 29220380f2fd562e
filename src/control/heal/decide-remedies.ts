/**
 * From what is seen of replicas to what is done about the sick ones. Pure but for the memory, which is its own: the
 * same views in the same order give the same remedies. Nothing that serves is taken away below what the load needs; a
 * robot acts so often and no more; what flaps is left alone for a while; what does nothing time after time is not done
 * again.
 */
import type { Ailment, Finding, Remedy, ReplicaView } from './ailment.ts'
import { countDeath, findCrashLoop } from './crash-loop.ts'
import { decay, flap } from './damper.ts'
import { type Counts, effectOf } from './effect.ts'
import { findHang, frozenForMs, watchWork, type WorkSeen } from './hang.ts'
import type { HealMemory, ReplicaMemory, Trial } from './heal-memory.ts'
import type { HealOptions } from './heal-options.ts'
import { addMemory, findLeak } from './leak.ts'
import { findShortage } from './supplies.ts'

/** What came of a remedy is judged after this. */
const trialMs = 5 * 60_000
/** A remedy that fails time after time is not used for so long. */
const disabledMs = 6 * 3_600_000
/** Fewer that stand still since the same moment may be chance. */
const frozenMin = 3
const frozenTogetherMs = 15_000

export interface HealView {
  readonly nowMs: number
  readonly replicas: readonly ReplicaView[]
  /** Replicas that the present load needs, by deployment. */
  readonly needed: ReadonlyMap<string, number>
  /** Releases that the judge of deployments has found bad, by deployment, with its evidence. */
  readonly badReleases: ReadonlyMap<string, { readonly release: string; readonly evidence: string }>
  readonly options: HealOptions
  /** What it takes to start another replica and to drain one; as measured. */
  readonly replaceMs: number
}

export interface RemedyNote {
  readonly kind: 'remedy'
  readonly state: 'planned' | 'withheld' | 'gave-up' | 'measured'
  readonly deployment: string
  readonly replica: string
  readonly ailment: Ailment
  readonly remedy: Remedy
  readonly evidence: string
  readonly detail: string
}

export interface Remedies {
  /** What the loop is to do, by replica; as long as it is told. */
  readonly marks: ReadonlyMap<string, 'replace' | 'quarantine'>
  /** Those that may not be started again before then. */
  readonly restUntilMs: ReadonlyMap<string, number>
  /** Deployments that are to go back to the release before. */
  readonly rollbacks: ReadonlySet<string>
  /** For the record: what changed since the last look. */
  readonly facts: readonly RemedyNote[]
  readonly memory: HealMemory
}

export function decideRemedies(view: HealView, memory: HealMemory): Remedies {
  return new Round(view, memory).decide()
}

class Round {
  #view: HealView
  #memory: HealMemory
  #facts: RemedyNote[] = []
  #rollbacks = new Set<string>()
  #serving = new Map<string, number>()
  #counts = new Map<string, Counts>()
  /** How long nothing got on, of each at which there is work. */
  #frozen: number[] = []

  constructor(view: HealView, memory: HealMemory) {
    this.#view = view
    this.#memory = memory
  }

  decide(): Remedies {
    const { replicas, nowMs } = this.#view
    this.#watch()
    this.#measure()
    for (const replica of replicas) this.#heal(replica)
    const known = this.#memory.replicas
    const restUntilMs = new Map<string, number>()
    for (const [name, { deaths }] of known)
      if (deaths !== null && deaths.restUntilMs > nowMs) restUntilMs.set(name, deaths.restUntilMs)
    const marks = new Map<string, 'replace' | 'quarantine'>()
    for (const { name } of replicas) {
      const mark = known.get(name)?.mark ?? null
      if (mark !== null && !this.#view.options.dryRun) marks.set(name, mark)
    }
    this.#memory.forget(new Set(replicas.map(({ name }) => name)), nowMs)
    return { marks, restUntilMs, rollbacks: this.#rollbacks, facts: this.#facts, memory: this.#memory }
  }

  /** Takes in what is seen, before anything is judged by it. */
  #watch(): void {
    const { replicas, nowMs, options } = this.#view
    const before = replicas.flatMap(({ name }) => this.#memory.of(name).work ?? [])
    const frozenBefore = before.map((work) => frozenForMs(work, nowMs))
    const isWithOthers = (forMs: number): boolean => areMany(frozenBefore, forMs)
    for (const replica of replicas) {
      const { name, deployment, isServing, ended, failed } = replica
      const own = this.#memory.of(name)
      own.begin(replica)
      own.work = watchWork(own.work, replica, nowMs, isWithOthers)
      if (own.work) this.#frozen.push(frozenForMs(own.work, nowMs))
      own.bins = addMemory(own.bins, replica, nowMs, options.binMs)
      if (isServing !== own.wasServing) own.damped = flap(own.damped, nowMs)
      own.wasServing = isServing
      if (replica.phase === 'gone' && replica.exit !== null && own.deaths?.startedMs !== replica.startedMs)
        own.deaths = countDeath(own.deaths, replica, nowMs)
      if (isServing) this.#serving.set(deployment, (this.#serving.get(deployment) ?? 0) + 1)
      const { ended: all = 0, failed: bad = 0 } = this.#counts.get(deployment) ?? {}
      this.#counts.set(deployment, { ended: all + ended, failed: bad + failed })
    }
    for (const [deployment, counts] of this.#counts) {
      const last = this.#memory.counts.get(deployment)
      if (last && nowMs - last.atMs < trialMs) continue
      this.#memory.counts.set(deployment, { atMs: nowMs, since: counts, before: minus(counts, last?.since) })
    }
  }

  #heal(replica: ReplicaView): void {
    const own = this.#memory.of(replica.name)
    const finding = this.#find(replica, own)
    if (finding === null) {
      if (own.mark === null) own.told = ''
      return
    }
    for (const trial of this.#memory.trials)
      if (
        trial.deployment === replica.deployment &&
        trial.ailment === finding.ailment &&
        trial.replica !== replica.name
      )
        trial.isBack = true
    if (own.mark !== null) return // it is being done
    const { state, detail } = this.#judge(replica, finding)
    this.#tell(replica, own, finding, state, detail)
    if (state !== 'planned') return
    if (finding.remedy === 'rollback') this.#rollbacks.add(replica.deployment)
    if (finding.remedy === 'replace' || finding.remedy === 'quarantine') {
      own.mark = finding.remedy
      own.markedMs = this.#view.nowMs
    }
  }

  #find(replica: ReplicaView, own: ReplicaMemory): Finding | null {
    const { nowMs, badReleases, options } = this.#view
    if (!options.enabled) return null
    if (replica.phase === 'gone') return own.deaths && findCrashLoop(own.deaths, replica)
    const bad = badReleases.get(replica.deployment)
    if (bad && bad.release === replica.release)
      return { ailment: 'bad-deploy', remedy: 'rollback', evidence: bad.evidence }
    const hang = own.work && findHang(own.work, replica, nowMs, () => this.#isFrozenWithOthers(own.work as WorkSeen))
    return hang ?? this.#findLeak(own, replica) ?? this.#findFlapping(own) ?? findShortage(replica, nowMs)
  }

  #findLeak(own: ReplicaMemory, replica: ReplicaView): Finding | null {
    const { replaceMs, options } = this.#view
    const bin = Math.floor((own.bins.at(-1)?.atMs ?? 0) / options.binMs)
    if (own.leak?.bin !== bin)
      own.leak = { bin, finding: findLeak(own.bins, replica, { replaceMs, binMs: options.binMs }) }
    return own.leak.finding
  }

  #findFlapping(own: ReplicaMemory): Finding | null {
    const { nowMs } = this.#view
    own.damped = own.damped.value === 0 ? own.damped : decay(own.damped, nowMs)
    if (!own.damped.isSuppressed) return null
    return {
      ailment: 'flapping',
      remedy: 'tell',
      evidence: `it came and went again and again (penalty ${Math.round(own.damped.value)})`,
    }
  }

  /** Half of all at which there is work stand still since the same moment: maybe nobody looks. */
  #isFrozenWithOthers(own: WorkSeen): boolean {
    return areMany(this.#frozen, frozenForMs(own, this.#view.nowMs))
  }

  /** Whether the remedy may be used, and why not. */
  #judge(replica: ReplicaView, { ailment, remedy }: Finding): { state: RemedyNote['state']; detail: string } {
    const { options, nowMs, needed } = this.#view
    const { deployment, isServing, name } = replica
    if (remedy === 'tell') return { state: 'gave-up', detail: 'it is left to people' }
    if (remedy === 'rest') return { state: 'planned', detail: '' }
    const failures = this.#memory.failures.get(keyOf(deployment, ailment, remedy))
    if (failures && failures.inRow >= options.failuresMax && failures.untilMs > nowMs)
      return { state: 'withheld', detail: `it did not help ${failures.inRow} times in a row` }
    if (this.#memory.of(name).damped.isSuppressed) return { state: 'withheld', detail: 'it comes and goes too often' }
    // A replacement is admitted before its predecessor goes; without one enough must be left.
    const left = (this.#serving.get(deployment) ?? 0) - 1
    if (remedy === 'quarantine' && isServing && left < (needed.get(deployment) ?? 1))
      return { state: 'withheld', detail: 'the load needs it' }
    const rules = { windowMs: options.windowMs, perDeploymentMax: options.perDeploymentMax, allMax: options.allMax }
    if (options.dryRun) return { state: 'withheld', detail: 'dry run' }
    if (!this.#memory.limit.take(deployment, nowMs, rules))
      return { state: 'withheld', detail: 'too many remedies at once' }
    const counts = this.#counts.get(deployment) ?? none
    const before = this.#memory.counts.get(deployment)
    const recent = before ? plus(before.before, minus(counts, before.since)) : none
    const trial = {
      deployment,
      replica: name,
      ailment,
      remedy,
      atMs: nowMs,
      before: recent,
      countsAt: counts,
      isBack: false,
    }
    if (this.#memory.trials.length < trialsMax) this.#memory.trials.push(trial)
    return { state: 'planned', detail: '' }
  }

  /** What came of those that were done a while ago. */
  #measure(): void {
    const { nowMs, options } = this.#view
    const isOver = ({ atMs }: Trial): boolean => nowMs - atMs >= trialMs
    for (const trial of this.#memory.trials.filter(isOver)) {
      const { deployment, replica, ailment, remedy, before, countsAt, isBack } = trial
      const after = minus(this.#counts.get(deployment) ?? countsAt, countsAt)
      const effect = effectOf(before, after, isBack)
      const key = keyOf(deployment, ailment, remedy)
      const inRow = effect === 'worked' ? 0 : (this.#memory.failures.get(key)?.inRow ?? 0) + 1
      this.#memory.failures.set(key, { inRow, untilMs: nowMs + disabledMs })
      const evidence = `failed before ${before.failed} of ${before.ended}, after ${after.failed} of ${after.ended}${isBack ? ', and it came back' : ''}`
      const disabled = inRow >= options.failuresMax ? `${effect}; not used for 6 h` : effect
      this.#facts.push({
        kind: 'remedy',
        state: 'measured',
        deployment,
        replica,
        ailment,
        remedy,
        evidence,
        detail: disabled,
      })
    }
    this.#memory.trials = this.#memory.trials.filter((trial) => !isOver(trial))
  }

  #tell(
    { deployment, name }: ReplicaView,
    own: ReplicaMemory,
    { ailment, remedy, evidence }: Finding,
    state: RemedyNote['state'],
    detail: string,
  ): void {
    const told = `${ailment} ${remedy} ${state} ${detail} ${own.deaths?.inRow ?? 0}`
    if (own.told === told) return
    own.told = told
    this.#facts.push({ kind: 'remedy', state, deployment, replica: name, ailment, remedy, evidence, detail })
  }
}

/** Whether half of all, and some at least, have stood still for as long as this one. */
function areMany(frozen: readonly number[], forMs: number): boolean {
  if (forMs < frozenTogetherMs) return false
  const count = frozen.filter((other) => Math.abs(other - forMs) < frozenTogetherMs).length
  return count >= Math.max(frozenMin, frozen.length / 2)
}

const none: Counts = { ended: 0, failed: 0 }
const trialsMax = 1000
const keyOf = (deployment: string, ailment: Ailment, remedy: Remedy): string => `${deployment} ${ailment} ${remedy}`

/** Counts of replicas that are gone are gone with them: never below nothing. */
function minus(counts: Counts, less: Counts = none): Counts {
  const ended = Math.max(0, counts.ended - less.ended)
  return { ended, failed: Math.min(ended, Math.max(0, counts.failed - less.failed)) }
}

function plus(one: Counts, other: Counts): Counts {
  return { ended: one.ended + other.ended, failed: one.failed + other.failed }
}
