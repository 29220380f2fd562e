/**
 * From what is seen of replicas to what is done about the sick ones. Pure but for the memory, which is its own: the
 * same views in the same order give the same remedies. Nothing that serves is taken away below what the load needs; a
 * robot acts so often and no more; what flaps is left alone for a while; what does nothing time after time is not done
 * again.
 */
import type { Ailment, Finding, Remedy, ReplicaView } from './ailment.ts'
import { findCrashLoop } from './crash-loop.ts'
import { decay, flap } from './damper.ts'
import { type Counts, effectOf } from './effect.ts'
import { findHang, stillForMs, watchWork } from './hang.ts'
import type { HealMemory, ReplicaMemory, Trial } from './heal-memory.ts'
import type { HealOptions } from './heal-options.ts'
import { addMemory, findLeak } from './leak.ts'
import { findShortage } from './supplies.ts'

/** A remedy that fails time after time is not used for so long. */
const disabledMs = 6 * 3_600_000
/** Fewer that stand still since the same moment may be chance. */
const frozenMin = 3
const frozenTogetherMs = 15_000
/** A release of which all have died so often does not live. */
const deathsMin = 3

export interface HealView {
  readonly nowMs: number
  readonly replicas: readonly ReplicaView[]
  /** By name; of others nothing is decided. */
  readonly deployments: ReadonlyMap<string, DeploymentView>
  readonly options: HealOptions
}

export interface DeploymentView {
  readonly isHealed: boolean
  /** What it takes to start another replica and to drain one, milliseconds; as measured. */
  readonly replaceMs: number
  /** There is another release, and nothing that leads a change of it already. */
  readonly mayGoBack: boolean
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
  readonly marks: ReadonlyMap<string, 'replace'>
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
  #counts = new Map<string, Counts>()
  /** How long nothing got on, of each that stands still. */
  #still: number[] = []
  #isMeasured: boolean

  constructor(view: HealView, memory: HealMemory) {
    this.#view = view
    this.#memory = memory
    this.#isMeasured = view.replicas.some(({ progressedMs }) => progressedMs !== null)
  }

  decide(): Remedies {
    const { replicas, nowMs } = this.#view
    this.#watch()
    this.#measure()
    for (const replica of replicas) this.#heal(replica)
    for (const deployment of this.#view.deployments.keys()) this.#goBack(deployment)
    const known = this.#memory.replicas
    const marks = new Map<string, 'replace'>()
    for (const { name } of replicas) {
      const mark = known.get(name)?.mark ?? null
      if (mark !== null && !this.#view.options.dryRun) marks.set(name, mark)
    }
    // All that are seen are remembered; where as many are, nobody else is.
    if (known.size > replicas.length) this.#memory.forget(new Set(replicas.map(({ name }) => name)), nowMs)
    return { marks, rollbacks: this.#rollbacks, facts: this.#facts, memory: this.#memory }
  }

  /** Takes in what is seen, before anything is judged by it. */
  #watch(): void {
    const { replicas, nowMs, options } = this.#view
    // By what was known before this look: an answer that comes now ends a pause.
    const stillBefore = replicas.flatMap(({ name }) => {
      const { work } = this.#memory.of(name)
      return work ? [nowMs - Math.max(work.sinceMs, work.progressedMs ?? 0)] : []
    })
    const isWithOthers = (forMs: number): boolean => areMany(stillBefore, forMs)
    const rules = { hangMs: options.hangMs, isMeasured: this.#isMeasured }
    const sums = new Map<string, { ended: number; failed: number }>()
    for (const replica of replicas) {
      const { name, deployment, isServing, ended, failed } = replica
      const own = this.#memory.of(name)
      own.begin(replica)
      own.work = watchWork(own.work, replica, nowMs, isWithOthers)
      const stillMs = stillForMs(own.work, replica, nowMs, rules)
      if (stillMs !== null) this.#still.push(stillMs)
      addMemory(own.bins, replica, nowMs, options.binMs)
      // One that goes by our own wish does not flap.
      if (own.wasServing && !isServing && !replica.isLeaving) own.damped = flap(own.damped, nowMs)
      own.wasServing = isServing
      const counts = sums.get(deployment)
      if (counts) {
        counts.ended += ended
        counts.failed += failed
      } else sums.set(deployment, { ended, failed })
    }
    for (const [deployment, counts] of sums) {
      this.#counts.set(deployment, counts)
      const last = this.#memory.counts.get(deployment)
      if (last && nowMs - last.atMs < options.measureMs) continue
      this.#memory.counts.set(deployment, { atMs: nowMs, since: counts, before: minus(counts, last?.since) })
    }
  }

  #heal(replica: ReplicaView): void {
    const own = this.#memory.of(replica.name)
    const finding = this.#find(replica, own)
    own.isHung = finding?.ailment === 'hang'
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
    if (finding.remedy === 'replace') {
      own.mark = finding.remedy
      own.markedMs = this.#view.nowMs
      own.ailment = finding.ailment
    }
  }

  #find(replica: ReplicaView, own: ReplicaMemory): Finding | null {
    const { nowMs, options, deployments } = this.#view
    if (!options.enabled || !deployments.get(replica.deployment)?.isHealed || replica.isLeaving) return null
    if (replica.phase === 'gone') return replica.deaths && findCrashLoop(replica.deaths)
    const isWithOthers = (forMs: number): boolean => areMany(this.#still, forMs)
    const rules = { hangMs: options.hangMs, isMeasured: this.#isMeasured, isWithOthers }
    // What stands still for want of room does not get on elsewhere on the same disk.
    const shortage = findShortage(replica)
    if (shortage) return shortage
    return findHang(own.work, replica, nowMs, rules) ?? this.#findLeak(own, replica) ?? this.#findFlapping(own)
  }

  /** A release of which none lives, where there is another. */
  #goBack(deployment: string): void {
    const { replicas, options, deployments } = this.#view
    const { isHealed = false, mayGoBack = false } = deployments.get(deployment) ?? {}
    if (!isHealed || !mayGoBack || !options.enabled) return
    let first: ReplicaView | null = null
    let count = 0
    let areAllBad = true
    for (const each of replicas) {
      if (each.deployment !== deployment || each.isLeaving) continue
      first ??= each
      count++
      areAllBad = each.release === first.release && (each.deaths?.inRow ?? 0) >= deathsMin
      if (!areAllBad) break
    }
    if (!first || !areAllBad) {
      this.#memory.wentBack.delete(deployment)
      return
    }
    if (this.#memory.wentBack.has(deployment)) return
    this.#memory.wentBack.add(deployment)
    const evidence = `all ${count} replicas of ${first.release} died ${deathsMin} times in a row or more, last by ${first.deaths?.how ?? ''}`
    const detail = options.dryRun ? 'dry run' : ''
    const state = options.dryRun ? 'withheld' : 'planned'
    if (!options.dryRun) this.#rollbacks.add(deployment)
    const what = { deployment, replica: first.name, ailment: 'bad-deploy', remedy: 'rollback' } as const
    this.#facts.push({ kind: 'remedy', state, ...what, evidence, detail })
  }

  #findLeak(own: ReplicaMemory, replica: ReplicaView): Finding | null {
    const { options, deployments } = this.#view
    const { replaceMs = 0 } = deployments.get(replica.deployment) ?? {}
    const bin = Math.floor((own.bins.at(-1)?.atMs ?? 0) / options.binMs)
    if (own.leak?.bin !== bin)
      own.leak = { bin, finding: findLeak(own.bins, replica, { replaceMs, binMs: options.binMs }) }
    return own.leak.finding
  }

  #findFlapping(own: ReplicaMemory): Finding | null {
    const { nowMs } = this.#view
    // Kept as it was at the last flap, unless it is let in again.
    const now = own.damped.isSuppressed ? decay(own.damped, nowMs) : own.damped
    if (own.damped.isSuppressed && !now.isSuppressed) own.damped = now
    if (!now.isSuppressed) return null
    return {
      ailment: 'flapping',
      remedy: 'tell',
      evidence: `it came and went again and again (penalty ${Math.round(now.value)})`,
    }
  }

  /** Whether the remedy may be used, and why not. */
  #judge(replica: ReplicaView, { ailment, remedy }: Finding): { state: RemedyNote['state']; detail: string } {
    const { options, nowMs } = this.#view
    const { deployment, name } = replica
    if (remedy === 'tell') return { state: 'gave-up', detail: 'it is left to people' }
    if (remedy === 'rest') return { state: 'planned', detail: '' }
    const failures = this.#memory.failures.get(keyOf(deployment, ailment, remedy))
    if (failures && failures.inRow >= options.failuresMax && failures.untilMs > nowMs)
      return { state: 'withheld', detail: `it did not help ${failures.inRow} times in a row` }
    if (this.#memory.of(name).damped.isSuppressed) return { state: 'withheld', detail: 'it comes and goes too often' }
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
    const isOver = ({ atMs }: Trial): boolean => nowMs - atMs >= options.measureMs
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
    { deployment, name, deaths }: ReplicaView,
    own: ReplicaMemory,
    { ailment, remedy, evidence }: Finding,
    state: RemedyNote['state'],
    detail: string,
  ): void {
    const told = `${ailment} ${remedy} ${state} ${detail} ${deaths?.inRow ?? 0}`
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
