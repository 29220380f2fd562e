/**
 * What is asked of the fleet, as sums: so many calls a second by the time of day, spread over those that get calls by
 * their weights. No single call is followed.
 */
import { newTally, type TallyCounts } from '../../../src/control/deploy/replica-tally.ts'
import { tallyOf } from './answers.ts'
import type { DemandTold } from '../../../src/control/autoscale/demand.ts'
import type { FleetReport, ReplicaTold } from '../../../src/control/fleet-report.ts'
import type { Chance } from '../../world/chance.ts'
import type { Copy } from './copy.ts'
import type { DeploymentTraits } from './fleet-scenario.ts'
import type { TroubleKind } from './mishap.ts'

const dayMs = 86_400_000
/** Of one that hangs; then callers give up. */
const callsMax = 64
const promptTokensPerCall = 900
const outputTokensPerCall = 220

/** Shared: who hears it only adds it up. */
const quiet = newTally()

export interface LoadSums {
  /** Calls that were asked. */
  asked: number
  /** For which nobody was there. */
  unserved: number
  /** Beyond what those that were there bear. */
  beyond: number
  /** At one that is dead or hangs: they went on elsewhere. */
  strayed: number
  /** Of deployments that are scaled by their load: all, and beyond what those that were there bear. */
  scaledAsked: number
  scaledBeyond: number
}

export class Load {
  readonly sums: LoadSums = { asked: 0, unserved: 0, beyond: 0, strayed: 0, scaledAsked: 0, scaledBeyond: 0 }
  /** Deployments of which releases are judged now. */
  judged: ReadonlySet<string> = new Set()
  readonly #chance: Chance
  readonly #bursts = new Map<string, { readonly factor: number; readonly untilMs: number }>()
  /** Wavers from minute to minute. */
  readonly #waver = new Map<string, number>()
  #report: { replicas: Record<string, ReplicaTold>; demand: Record<string, DemandTold> } = { replicas: {}, demand: {} }

  constructor(chance: Chance) {
    this.#chance = chance
  }

  burst(deployment: string, factor: number, untilMs: number): void {
    this.#bursts.set(deployment, { factor, untilMs })
  }

  /** Calls a second. */
  of(traits: DeploymentTraits, nowMs: number): number {
    const { name, callsPerSecond, swing, peakAt } = traits
    const burst = this.#bursts.get(name)
    const factor = burst && burst.untilMs > nowMs ? burst.factor : 1
    const daily = 1 + swing * Math.cos(2 * Math.PI * (nowMs / dayMs - peakAt))
    return callsPerSecond * daily * factor * (this.#waver.get(name) ?? 1)
  }

  waver(traits: DeploymentTraits): void {
    const before = this.#waver.get(traits.name) ?? 1
    this.#waver.set(traits.name, 1 + 0.9 * (before - 1) + this.#chance.between(-0.01, 0.01))
  }

  /** One second of one deployment. */
  pass(traits: DeploymentTraits, copies: readonly Copy[], moveAfterMs: number, nowMs: number, wallMs: number): void {
    const { name, callsPerReplicaSecond, callS } = traits
    const asked = this.of(traits, nowMs)
    let weights = 0
    let serving = 0
    for (const copy of copies) {
      if (!copy.isMember || copy.isDraining) continue
      weights += copy.weight
      if (!copy.isHung && copy.isReadyAt(nowMs)) serving++
    }
    this.sums.asked += asked
    const beyond = Math.max(0, asked - serving * callsPerReplicaSecond)
    if (serving === 0) this.sums.unserved += asked
    else this.sums.beyond += beyond
    if (traits.isScaled) {
      this.sums.scaledAsked += asked
      this.sums.scaledBeyond += beyond
    }
    const isJudged = this.judged.has(name)
    const flow = 1 - Math.exp(-1 / callS)
    for (const copy of copies) {
      const isServing = copy.isMember && !copy.isDraining && copy.isReadyAt(nowMs)
      const own = isServing && weights > 0 ? (asked * copy.weight) / weights : 0
      if (!copy.isAlive) {
        if (copy.isMember && !copy.isDraining && weights > 0) this.sums.strayed += (asked * copy.weight) / weights
        copy.calls = 0
      } else if (copy.isHung) {
        copy.calls =
          copy.isDraining && nowMs - copy.drainedAtMs > moveAfterMs ? 0 : Math.min(callsMax, copy.calls + own)
        this.sums.strayed += own
      } else {
        copy.calls += (own * callS - copy.calls) * flow
        if (copy.isDraining && nowMs - copy.drainedAtMs > moveAfterMs) copy.calls = 0
      }
      if (copy.isAlive && (own > 0 || copy.calls >= 0.5)) this.#tell(copy, own, wallMs, isJudged)
    }
    this.#report.demand[name] = {
      ...{ requests: Math.round(asked), promptTokens: Math.round(asked * promptTokensPerCall) },
      ...{ outputTokens: Math.round(asked * outputTokensPerCall), waiting: 0, refused: 0 },
    }
  }

  /** What the workers tell since they told last. @param trouble of all deployments that something is asked of */
  take(trouble: TroubleKind | null): FleetReport {
    const { replicas, demand } = this.#report
    this.#report = { replicas: {}, demand: {} }
    const names = trouble ? Object.keys(demand) : []
    if (trouble === 'maintenance') return { replicas, demand, windows: names }
    return { replicas, demand, troubles: Object.fromEntries(names.map((name) => [name, trouble ?? 'incident'])) }
  }

  #tell(copy: Copy, own: number, wallMs: number, isJudged: boolean): void {
    const calls = Math.round(copy.calls)
    if (copy.isHung) {
      this.#report.replicas[copy.name] = { calls, progressedMs: copy.progressedMs, tallies: [] }
      return
    }
    copy.progressedMs = wallMs
    const before = Math.floor(copy.ended)
    copy.ended += own
    const ended = Math.floor(copy.ended) - before
    const told = (): TallyCounts =>
      isJudged ? tallyOf(ended, before, calls, copy.flaw) : { ...quiet, calls: ended, finished: ended }
    const tallies = ended > 0 ? [told()] : []
    this.#report.replicas[copy.name] = { calls, progressedMs: wallMs, tallies }
  }
}
