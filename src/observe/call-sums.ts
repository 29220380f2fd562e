/** Sums over all calls of a period, kept one by one in the record or not: what is counted stays true. */
import type { ExchangeFact } from './exchange-fact.ts'
import type { SumFact } from './fact.ts'
import { isSlow } from './call-sample.ts'
import { lastUpstream } from './fact-row.ts'

/** Kinds of calls of one period; what is beyond is summed together, whatever its model and upstream. */
const sumsMax = 500

type Sum = { -readonly [K in keyof Omit<SumFact, 'atMs' | 'node'>]: SumFact[K] }

export class CallSums {
  #fromMs: number
  #slowMs: number
  #sums = new Map<string, Sum>()
  /** The last one that was added to: as a rule the next is alike. */
  #last: Sum | null = null

  /** `nowMs`: wall time. `slowMs`: from here on a call is slow. */
  constructor(nowMs: number, slowMs: number) {
    this.#fromMs = nowMs
    this.#slowMs = slowMs
  }

  /** Kinds of calls since the last time. */
  get kindCount(): number {
    return this.#sums.size
  }

  add(fact: ExchangeFact, isRecorded: boolean): void {
    const model = fact.isModelKnown ? fact.model : 'unknown'
    const sum = this.#find(fact, model, lastUpstream(fact))
    sum.count++
    if (isRecorded) sum.recordedCount++
    if (fact.outcome === 'complete' && isSlow(fact, this.#slowMs)) sum.slowCount++
    sum.durationMs += fact.durationMs
    if (fact.firstTokenMs !== null) {
      sum.firstTokenMs += fact.firstTokenMs
      sum.firstTokenCount++
    }
    sum.inputTokens += fact.inputTokens ?? 0
    sum.outputTokens += fact.outputTokens ?? 0
    sum.attemptCount += fact.attempts.length
    sum.seamCount += fact.seams.length
  }

  /** The sums since the last time. `nowMs`: wall time. */
  drain(nowMs: number): Omit<SumFact, 'atMs' | 'node'>[] {
    const sums = [...this.#sums.values()]
    this.#sums.clear()
    this.#last = null
    this.#fromMs = nowMs
    return sums
  }

  #find(fact: ExchangeFact, model: string, upstream: string | null): Sum {
    const last = this.#last
    if (last && isAlike(last, fact, model, upstream)) return last
    const { outcome, code, route, tier } = fact
    let key = `${outcome}\n${code}\n${route}\n${tier}\n${upstream}\n${model}\n${callerOf(fact)}`
    const isBeyond = this.#sums.size >= sumsMax && !this.#sums.has(key)
    if (isBeyond) key = `${outcome}\n${code}\n${route}\n${tier}`
    let sum = this.#sums.get(key)
    if (!sum) {
      sum = isBeyond ? this.#open(fact, 'other', null) : this.#open(fact, model, upstream)
      this.#sums.set(key, sum)
    }
    this.#last = sum
    return sum
  }

  #open(fact: ExchangeFact, model: string, upstream: string | null): Sum {
    const { outcome, code, route, tier } = fact
    const counts = { count: 0, recordedCount: 0, slowCount: 0, durationMs: 0, firstTokenMs: 0, firstTokenCount: 0 }
    const more = { inputTokens: 0, outputTokens: 0, attemptCount: 0, seamCount: 0 }
    const kind = { route, model, outcome, tier, caller: callerOf(fact) }
    return { kind: 'sum', ray: null, upstream, code, fromMs: this.#fromMs, ...kind, ...counts, ...more }
  }
}

/** A promise of its own has the caller of the tier `premium`: there are few of them. */
function callerOf({ tier, caller }: ExchangeFact): string {
  return tier === 'premium' ? caller : ''
}

function isAlike(sum: Sum, fact: ExchangeFact, model: string, upstream: string | null): boolean {
  const { outcome, code, route, tier } = fact
  return (
    sum.tier === tier &&
    sum.caller === callerOf(fact) &&
    sum.outcome === outcome &&
    sum.code === code &&
    sum.route === route &&
    sum.model === model &&
    sum.upstream === upstream
  )
}
