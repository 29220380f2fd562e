/** Measures what one worker tells of replicas: fed with the account of each call, asked once a second. */
import { newTally, type TallyCounts, tallyAttempt } from '../control/deploy/replica-tally.ts'
import type { ReplicaReport, ReplicasWord } from '../control/replicas-word.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import type { CallReader } from '../observe/observer.ts'

/** The two clocks drift apart: an answer that did not get on must not seem to. */
const driftMs = 50

type Settled = Pick<ExchangeFact, 'attempts' | 'outcome' | 'finishReason' | 'outputTokens' | 'isStream'>

export class ReplicaMeter implements CallReader {
  #clock: Clock
  /** Of replicas at which an attempt has ended since it was asked last. */
  #tallies = new Map<string, TallyCounts>()
  #progressed = new WeakMap<Upstream, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  settled(fact: Settled): void {
    for (const attempt of fact.attempts) {
      const { upstream, setting } = attempt
      if (!setting) continue
      let tally = this.#tallies.get(upstream)
      if (!tally) this.#tallies.set(upstream, (tally = newTally()))
      tallyAttempt(tally, attempt, fact, setting)
    }
  }

  /** Since this was asked last. */
  take({ upstreams }: Pick<Fleet, 'upstreams'>, demand: ReplicasWord['demand']): ReplicasWord {
    const replicas: Record<string, ReplicaReport> = {}
    for (const upstream of upstreams) {
      if (!upstream.isReplica) continue
      const { calls } = upstream.load
      const tally = this.#tallies.get(upstream.name) ?? null
      if (calls === 0 && tally === null) continue
      replicas[upstream.name] = { calls, progressedMs: this.#progressedMs(upstream), tally }
    }
    // Of those that have left meanwhile there is nobody to judge.
    this.#tallies.clear()
    return { replicas, demand }
  }

  #progressedMs(upstream: Upstream): number | null {
    const { silentMs } = upstream.progress
    if (!Number.isFinite(silentMs)) return null
    const atMs = Math.round(this.#clock.nowMs() - silentMs)
    const before = this.#progressed.get(upstream)
    if (before !== undefined && Math.abs(atMs - before) < driftMs) return before
    this.#progressed.set(upstream, atMs)
    return atMs
  }
}
