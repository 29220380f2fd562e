/**
 * Sees what the pilot wishes, look by look, and checks it: replicas within their bounds and with the load, shares where
 * they belong, no release that is no good, nothing taken away while something else goes on.
 */
import type { Deployments } from '../../../src/control/deployment-options.ts'
import type { Wishes } from '../../../src/control/pilot.ts'
import type { DeploymentPlan } from '../../../src/control/plan.ts'
import type { RolloutRow } from '../../../src/control/rollouts.ts'
import type { Sight } from '../../../src/control/sight.ts'
import type { Note } from '../../../src/observe/fact.ts'
import type { CheckName, FleetChecks } from './fleet-checks.ts'
import type { DeploymentTraits } from './fleet-scenario.ts'
import { deployedNames, flawOf } from './release-kinds.ts'

const minuteMs = 60_000
/** A wish follows the load: a step has to end, and what it says has to be told. */
const followMs = 4 * minuteMs
/** More than the load needs are wished for so long, where it was so high a while ago. */
const excessMs = 15 * minuteMs
const peakMinutes = 150
const excessFactor = 2
const excessMore = 3
/** What the load needs, but for a hair. */
const nearly = 0.9
/** Calls of a release that fails or is slow, until that has been seen. */
const badCallsMax = 5000

export interface WishWorld {
  readonly checks: FleetChecks
  readonly nowMs: () => number
  readonly traits: readonly DeploymentTraits[]
  /** As operators wrote them. */
  readonly deployments: () => Deployments
  readonly neededOf: (deployment: string) => number
  /** Workers are silent, or tell of something that goes on. */
  readonly isUnusual: () => boolean
  readonly isTroubled: () => boolean
  readonly paused: ReadonlyMap<string, number>
}

export interface WishCounts {
  deploys: number
  done: number
  rolledBack: number
  /** Of these: they were good, and the judge stopped them. */
  wronglyStopped: number
  scalings: number
}

/** One deployment, as it was at the look before. */
interface Before {
  readonly total: number
  readonly max: number
  readonly rollout: RolloutRow | undefined
  readonly isTroubled: boolean
}

export class WishWatch {
  readonly counts: WishCounts = { deploys: 0, done: 0, rolledBack: 0, wronglyStopped: 0, scalings: 0 }
  rollouts: readonly RolloutRow[] = []
  #world: WishWorld
  #before = new Map<string, Before>()
  /** Since when too few, or too many, are wished. */
  #few = new Map<string, number>()
  #many = new Map<string, number>()
  /** Replicas that the load needed, minute by minute. */
  #needs = new Map<string, number[]>()
  /** Calls of the release that is no good, by deployment. */
  #badCalls = new Map<string, number>()

  constructor(world: WishWorld) {
    this.#world = world
  }

  /** A control process begins, or ends: what was before is not to be compared with. */
  onBegin(): void {
    for (const map of [this.#before, this.#few, this.#many]) map.clear()
    this.rollouts = []
  }

  onWishes({ plan }: Wishes, _sight: Sight, rollouts: readonly RolloutRow[]): void {
    this.rollouts = rollouts
    const deployments = this.#world.deployments()
    for (const { name, isScaled } of this.#world.traits) {
      const own = plan.get(name)
      const options = deployments[name]
      if (!own || !options) {
        for (const map of [this.#before, this.#few, this.#many]) map.delete(name)
        continue
      }
      const { min, max } = options.replicas
      const rollout = rollouts.find(({ deployment }) => deployment === name)
      this.#checkBounds(name, own, rollout ? Math.max(1, min) : min, Math.max(1, max))
      const total = own.releases[0]?.replicas ?? 0
      if (rollout) this.#checkRollout(name, rollout)
      if (isScaled) {
        const now = { total, max, rollout, isTroubled: this.#world.isTroubled() }
        this.#checkHeld(name, now)
        this.#before.set(name, now)
        this.#checkLoad(name, total, options.replicas, rollout)
      }
    }
  }

  onNote(note: Note): void {
    if (note.kind === 'scale') this.counts.scalings++
    if (note.kind !== 'rollout') return
    const { phase, release, deployment, detail } = note
    if (phase === 'starting') this.#badCalls.delete(deployment)
    // Others are those of the configuration, which are not deployed but run.
    if (phase === 'done' && deployedNames.includes(release)) this.counts.done++
    if (phase === 'rolled-back') {
      this.counts.rolledBack++
      const isAsked = /rolled back by|the configuration|not ready within|nobody decided|not known after/.test(detail)
      if (flawOf(release) === null && !isAsked) this.counts.wronglyStopped++
    }
    if ((phase === 'draining' || phase === 'warm' || phase === 'done') && flawOf(release) !== null)
      this.#report('bad', `${deployment}: all calls go to ${release} (${detail})`)
  }

  /** Once a minute. */
  checkNeeds(): void {
    for (const { name, isScaled } of this.#world.traits) {
      if (!isScaled) continue
      const needs = this.#needs.get(name) ?? []
      needs.push(this.#world.neededOf(name))
      if (needs.length > peakMinutes) needs.shift()
      this.#needs.set(name, needs)
    }
  }

  /** Calls have ended at replicas of a release that is no good, and is being judged. */
  addBadCalls(deployment: string, release: string, calls: number): void {
    if (!this.rollouts.some((each) => each.deployment === deployment && each.to === release)) return
    const before = this.#badCalls.get(deployment) ?? 0
    this.#badCalls.set(deployment, before + calls)
    if (before <= badCallsMax && before + calls > badCallsMax)
      this.#report('bad', `${deployment}: ${release} was given ${badCallsMax} calls, and stays`)
  }

  #checkBounds(name: string, { releases }: DeploymentPlan, min: number, max: number): void {
    const words = (): string => releases.map((each) => `${each.replicas} of ${each.release} (${each.share})`).join(', ')
    for (const [i, { replicas }] of releases.entries())
      if (replicas > max || (i === 0 && replicas < min))
        this.#report('bounds', `${name}: ${words()} are wished; from ${min} to ${max} are allowed`)
    const sum = releases.reduce((all, { share }) => all + share, 0)
    if (Math.abs(sum - 1) > 1e-6 || releases.some(({ share }) => share < 0))
      this.#report('shares', `${name}: ${words()} do not make a whole`)
  }

  #checkRollout(name: string, { to, share, phase }: RolloutRow): void {
    const pausedAt = this.#world.paused.get(name)
    if (pausedAt !== undefined && share > pausedAt + 1e-9)
      this.#report('held', `${name}: it is paused, and ${to} gets ${share} in place of ${pausedAt}`)
    if (flawOf(to) === 'never-ready' && share > 0)
      this.#report('bad', `${name}: ${to} gets ${share} of the calls (${phase}), and is never ready`)
  }

  #checkHeld(name: string, now: Before): void {
    const before = this.#before.get(name)
    if (!before || now.total >= before.total || now.max < before.max) return
    const isChanging = ({ rollout }: Before): boolean => rollout !== undefined && rollout.phase !== 'warm'
    const isBusy = isChanging(before) && isChanging(now) && before.rollout?.to === now.rollout?.to
    if (isBusy || (before.isTroubled && now.isTroubled))
      this.#report('held', `${name}: ${now.total} are wished after ${before.total}; something goes on there`)
  }

  #checkLoad(
    name: string,
    wished: number,
    { min, max }: Deployments[string]['replicas'],
    rollout: RolloutRow | undefined,
  ): void {
    const nowMs = this.#world.nowMs()
    const needed = this.#world.neededOf(name)
    const isUnusual = this.#world.isUnusual()
    const isFew = !isUnusual && wished < Math.min(max, Math.ceil(nearly * needed))
    if (isLong(this.#few, name, isFew, nowMs, followMs))
      this.#report('load', `${name}: ${wished} are wished for 4 min, and ${needed} are needed`)
    const peak = Math.max(needed, ...(this.#needs.get(name) ?? []))
    const isMany = !isUnusual && !rollout && wished > Math.max(min, excessFactor * peak + excessMore)
    if (isLong(this.#many, name, isMany, nowMs, excessMs))
      this.#report('load', `${name}: ${wished} are wished for 15 min, and no more than ${peak} were needed`)
  }

  #report(check: CheckName, words: string): void {
    this.#world.checks.report(check, words)
  }
}

/** Whether it has been so for long; told once. */
function isLong(since: Map<string, number>, name: string, is: boolean, nowMs: number, longMs: number): boolean {
  if (!is) since.delete(name)
  else if (!since.has(name)) since.set(name, nowMs)
  const sinceMs = since.get(name)
  if (sinceMs === undefined || nowMs - sinceMs < longMs) return false
  since.set(name, Number.POSITIVE_INFINITY)
  return true
}
