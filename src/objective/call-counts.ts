/** What one worker counts of its settled calls for objectives and early warnings: running sums since its start. */
import type { ExchangeFact } from '../observe/exchange-fact.ts'
import type { Visit } from '../observe/visit.ts'
import type { Objective } from './objective-options.ts'
import { judge, judgeVisit } from './sli.ts'
import type { QuotaCounts } from './signs.ts'

export class CallCounts {
  #objectives: readonly Objective[]
  #isAnnounced: (fact: ExchangeFact) => boolean
  /** Good and bad in turn, in the order of the objectives. */
  #counts: Float64Array
  #quotas = new Map<string, { attempts: number; limited: number; spent: number }>()
  /** Streams that began, and the sum of the logarithms of their times to the first token in milliseconds. */
  firstTokens = { count: 0, logSum: 0 }

  /**
   * `paid`: upstreams to which the gateway shows keys of its own; what the keys of callers may do is theirs.
   * `isAnnounced`: whether planned maintenance did it to the call; that was said before, and breaks no promise.
   */
  constructor(
    objectives: readonly Objective[],
    paid: Iterable<string> = [],
    isAnnounced: (fact: ExchangeFact) => boolean = () => false,
  ) {
    this.#objectives = objectives
    this.#isAnnounced = isAnnounced
    this.#counts = new Float64Array(2 * objectives.length)
    for (const name of paid) this.#quotas.set(name, { attempts: 0, limited: 0, spent: 0 })
  }

  settled(fact: ExchangeFact): void {
    const judged = fact.outcome === 'failed' && this.#isAnnounced(fact) ? 0 : this.#objectives.length
    for (let i = 0; i < judged; i++) {
      const isGood = judge(this.#objectives[i] as Objective, fact)
      if (isGood !== null) (this.#counts[2 * i + (isGood ? 0 : 1)] as number)++
    }
    if (fact.isStream && fact.firstTokenMs !== null) {
      this.firstTokens.count++
      this.firstTokens.logSum += Math.log(Math.max(1, fact.firstTokenMs))
    }
    for (const { upstream, code } of fact.attempts) {
      const quota = this.#quotas.get(upstream)
      if (!quota) continue
      quota.attempts++
      if (code === 'HF_UPSTREAM_RATE_LIMITED') quota.limited++
      if (code === 'HF_UPSTREAM_QUOTA_SPENT') quota.spent++
    }
  }

  /** One of what is served beside the models. */
  visited(visit: Visit): void {
    for (const [i, objective] of this.#objectives.entries()) {
      const isGood = judgeVisit(objective, visit)
      if (isGood !== null) (this.#counts[2 * i + (isGood ? 0 : 1)] as number)++
    }
  }

  get objectives(): Record<string, readonly [good: number, bad: number]> {
    return Object.fromEntries(
      this.#objectives.map(({ name }, i) => [name, [this.#counts[2 * i] ?? 0, this.#counts[2 * i + 1] ?? 0]]),
    )
  }

  /** Of upstreams that were asked. */
  get quotas(): Record<string, QuotaCounts> {
    return Object.fromEntries(
      [...this.#quotas].filter(([, { attempts }]) => attempts > 0).map(([name, all]) => [name, { ...all }]),
    )
  }
}
