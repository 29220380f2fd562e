/**
 * The patrol: slow loops beside the calls. It asks what is out for a token when its time has come, tells when one has
 * its full share again, and compares upstreams that do the same work.
 */
import type { Fault } from '../fault/fault.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Pool } from '../fleet/pool.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { breakerNews, type BreakerMetrics } from './breaker-news.ts'
import type { BreakerOptions } from './overload/breaker-options.ts'
import type { Breakers, Entry } from './overload/breakers.ts'
import { findOutliers, type OutlierRules } from './overload/outlier.ts'
import { verdictOf } from './overload/verdict.ts'
import { levelTimes, type RawPeer } from './peer-times.ts'
import { isRefused, type Proof, type TokenProber } from './token-probe.ts'

const askPeriodMs = 1000
const comparePeriodMs = 10_000
/** Questions under way at once. */
const liveMax = 4
/** When a question came to nothing (it was busy, or away), it is asked again after this. */
const askAgainMs = 5000
/** Differences in waiting that no reader notices. */
const rules: OutlierRules = { firstTokenMarginMs: 100, gapMarginMs: 20 }

/** Faults of a server that is away, and not sick. */
const away: ReadonlySet<string> = new Set([
  'HF_NO_UPSTREAM',
  'HF_UPSTREAM_REFUSED',
  'HF_CONNECT_TIMEOUT',
  'HF_NO_ROUTE',
  'HF_DNS_FAILED',
  'HF_DNS_TIMEOUT',
])

export interface PatrolParts {
  readonly clock: Clock
  readonly fleet: Fleet
  readonly breakers: Breakers
  readonly prober: Pick<TokenProber, 'ask'>
  readonly log: Log
  readonly recorder: Recorder
  readonly options: BreakerOptions
  readonly metrics: BreakerMetrics
}

export class Patrol implements Disposable {
  #parts: PatrolParts
  #timers: Timer[]
  #asking = new Set<Entry>()
  /** Those that were away when they were to be asked. */
  #away = new WeakSet<Entry>()
  /** What the last question to each showed; a change is told, and only a change. */
  #told = new WeakMap<Entry, string>()
  /** Out, or back with a part of their share. */
  #troubled = new Set<Entry>()

  constructor(parts: PatrolParts) {
    this.#parts = parts
    const { clock, breakers, log, recorder, metrics, options } = parts
    breakers.listener = breakerNews(log, recorder, metrics)
    this.#timers = options.enabled ? [clock.every(askPeriodMs, () => this.#look())] : []
    if (options.enabled && options.outliers) this.#timers.push(clock.every(comparePeriodMs, () => this.#compare()))
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer.cancel()
  }

  #look(): void {
    const { breakers, clock, log } = this.#parts
    const nowMs = clock.monotonicMs()
    for (const entry of this.#troubled) {
      const isForgotten = breakers.find(entry.upstream, entry.model) !== entry
      if (isForgotten || entry.breaker.phase(nowMs) === 'closed') this.#troubled.delete(entry)
      if (!isForgotten && !this.#troubled.has(entry))
        log.info(nameOf(entry), 'model of an upstream has its full share of the calls again')
    }
    for (const entry of breakers.out()) {
      this.#troubled.add(entry)
      if (!entry.isTriedByCalls) this.#consider(entry, nowMs)
    }
  }

  #consider(entry: Entry, nowMs: number): void {
    const { upstream, breaker } = entry
    if (upstream.lastFault !== null && away.has(upstream.lastFault)) return void this.#away.add(entry)
    // It may be another process now, and well.
    if (this.#away.delete(entry)) breaker.askNow()
    if (!breaker.wantsToken(nowMs) || this.#asking.has(entry) || this.#asking.size >= liveMax) return
    this.#asking.add(entry)
    this.#parts.prober.ask(upstream, entry.model, (proof) => this.#conclude(entry, proof))
  }

  #conclude(entry: Entry, { fault, firstTokenMs }: Proof): void {
    const { breakers, clock, log, metrics } = this.#parts
    this.#asking.delete(entry)
    const verdict = verdictOf(fault)
    const outcome = verdict === 'good' ? 'token' : verdict === 'nothing' ? 'nothing' : 'failed'
    metrics.breakerAsked(entry.upstream.name, outcome)
    const facts = { ...nameOf(entry), ...(fault ? { code: fault.code, detail: fault.detail } : { firstTokenMs }) }
    log.debug(facts, 'model of an upstream was asked for a token')
    this.#record(entry, outcome, fault)
    if (outcome !== 'nothing') return breakers.prove(entry, fault ? `then asked for a token: ${fault.code}` : null)
    if (fault && isRefused(fault)) entry.isTriedByCalls = true
    entry.breaker.askIn(askAgainMs, clock.monotonicMs())
  }

  #record(entry: Entry, outcome: 'token' | 'failed' | 'nothing', fault: Fault | null): void {
    const state = `${outcome} ${fault?.code}`
    if (this.#told.get(entry) === state) return
    this.#told.set(entry, state)
    const { code = null, detail = '' } = fault ?? {}
    this.#parts.recorder.note({ kind: 'probe', ...nameOf(entry), outcome, code, detail })
  }

  #compare(): void {
    for (const pool of this.#parts.fleet.pools.values()) {
      for (const group of this.#groupsOf(pool)) this.#judge(group)
    }
  }

  /** Entries of the same model and rank. */
  #groupsOf(pool: Pool): Iterable<Entry[]> {
    const groups = new Map<string, Entry[]>()
    for (const { upstream, model, priority } of pool.members) {
      if (model !== null) continue // answers with another model than the others
      for (const entry of this.#parts.breakers.of(upstream)) {
        const key = `${priority}\n${entry.model}`
        const group = groups.get(key)
        if (group) group.push(entry)
        else groups.set(key, [entry])
      }
    }
    return groups.values()
  }

  #judge(group: readonly Entry[]): void {
    const { breakers, clock } = this.#parts
    if (group.length < 2) return
    const nowMs = clock.monotonicMs()
    const peers = group.map(({ upstream, model, breaker }): RawPeer => {
      const { failures, silences, ...sums } = breaker.tally.sums(nowMs)
      const isOut = breaker.isOut || isResting(upstream)
      return { ...sums, failures: failures + silences, isOut, speed: upstream.speed(model) }
    })
    for (const { index, reason } of findOutliers(levelTimes(peers), rules)) {
      const entry = group[index]
      if (entry) breakers.eject(entry, reason)
    }
  }
}

function isResting({ lastFault, restLeftMs }: Upstream): boolean {
  return lastFault !== null && restLeftMs > 0
}

function nameOf({ upstream, model }: Entry): { upstream: string; model: string } {
  return { upstream: upstream.name, model }
}
