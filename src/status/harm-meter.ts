/**
 * How a component does, from calls that were counted: the share that failed or was degraded through no fault of their
 * callers. It is quick to see harm and slow to believe that it is over, so that a status does not flicker.
 */
import type { Level } from './incident.ts'

/** Calls of one component that were settled in a time. */
export interface Tally {
  readonly total: number
  /** Failed, through no fault of the caller. */
  readonly failed: number
  /** Answered whole, but slower than promised. */
  readonly slow: number
  /** Of `total`: settled well before the first that was harmed, as far as that is known. */
  readonly wellBefore?: number
}

/** Shares from which on a component is said to do so. */
const majorShare = 0.5
const partialShare = 0.1
const failedShare = 0.02
const slowShare = 0.25
/** Fewer calls than that harm nobody: one may fail by chance. */
const badMin = 3
const slowMin = 5
const fastMs = 20_000
const longMs = 60_000
/** Without harm for so long, and a good call since, it is over. */
const clearMs = 15_000
/** The same where nobody calls any more. */
const silentMs = 5 * 60_000

interface Sample extends Tally {
  readonly atMs: number
}

export class HarmMeter {
  #samples: Sample[] = []
  #level: Level = 'operational'
  #sinceMs: number | null = null
  #lastBadMs = Number.NEGATIVE_INFINITY
  #goodSinceBad = 0
  #total = 0
  #bad = 0

  get level(): Level {
    return this.#level
  }

  /** When the harm began; null while there is none. */
  get sinceMs(): number | null {
    return this.#sinceMs
  }

  /** Calls since the harm began, and those of them that were harmed. */
  get sums(): { readonly total: number; readonly bad: number } {
    return { total: this.#total, bad: this.#bad }
  }

  /** Goes on where another process left off: its harm is over when that is seen here. */
  resume(level: Level, sinceMs: number, nowMs: number, { total, bad }: HarmMeter['sums']): void {
    this.#level = level
    this.#sinceMs = sinceMs
    this.#lastBadMs = nowMs
    this.#total = total
    this.#bad = bad
  }

  /** It is over: one failure more must not bring it back. */
  forget(): void {
    this.#level = 'operational'
    this.#sinceMs = null
    this.#samples = []
  }

  /** The clock was set back by so much: what was measured by the old one is as old as it was. */
  setBack(ms: number): void {
    this.#samples = this.#samples.map((each) => ({ ...each, atMs: each.atMs - ms }))
    this.#lastBadMs -= ms
    if (this.#sinceMs !== null) this.#sinceMs -= ms
  }

  /** What was counted since the last time. `nowMs`: since 1970. */
  add(nowMs: number, tally: Tally): Level {
    const { total, failed, slow } = tally
    if (total > 0) this.#samples.push({ ...tally, atMs: nowMs })
    while (this.#samples[0] && this.#samples[0].atMs <= nowMs - longMs) this.#samples.shift()
    const isBad = levelOf(tally, 1, 1) !== 'operational'
    if (isBad) {
      this.#lastBadMs = nowMs
      this.#goodSinceBad = 0
    } else this.#goodSinceBad += total
    this.#total += total
    this.#bad += failed + slow
    this.#judge(nowMs)
    return this.#level
  }

  #judge(nowMs: number): void {
    const measured = this.#measure(nowMs)
    if (measured !== 'operational') {
      if (this.#sinceMs === null) this.#begin(nowMs)
      this.#level = measured
      return
    }
    if (this.#sinceMs === null) return
    const quietMs = nowMs - this.#lastBadMs
    if ((quietMs >= clearMs && this.#goodSinceBad > 0) || quietMs >= silentMs) this.forget()
  }

  /** Few calls take a minute to say anything; that minute counts only while harm is fresh. */
  #measure(nowMs: number): Level {
    const fast = levelOf(this.#sum(nowMs, fastMs), badMin, slowMin)
    if (fast !== 'operational' || nowMs - this.#lastBadMs > clearMs) return fast
    return levelOf(this.#sum(nowMs, longMs), badMin, slowMin)
  }

  #begin(nowMs: number): void {
    const recent = this.#samples.filter(({ atMs }) => atMs > nowMs - longMs)
    const first = recent.findIndex((sample) => levelOf(sample, 1, 1) !== 'operational')
    this.#sinceMs = recent[first]?.atMs ?? nowMs
    const { total, failed, slow } = sum(recent.slice(Math.max(0, first)))
    this.#total = total - (recent[first]?.wellBefore ?? 0)
    this.#bad = failed + slow
  }

  #sum(nowMs: number, spanMs: number): Tally {
    return sum(this.#samples.filter(({ atMs }) => atMs > nowMs - spanMs))
  }
}

function sum(samples: readonly Tally[]): Tally {
  let [total, failed, slow] = [0, 0, 0]
  for (const sample of samples) {
    total += sample.total
    failed += sample.failed
    slow += sample.slow
  }
  return { total, failed, slow }
}

function levelOf({ total, failed, slow }: Tally, failedLeast: number, slowLeast: number): Level {
  if (failed >= failedLeast) {
    const share = failed / total
    if (share >= majorShare) return 'major_outage'
    if (share >= partialShare) return 'partial_outage'
    if (share >= failedShare) return 'degraded_performance'
  }
  return slow >= slowLeast && (failed + slow) / total >= slowShare ? 'degraded_performance' : 'operational'
}
