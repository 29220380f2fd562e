/**
 * What cannot wait for the end of the minute: nothing runs and calls wait, or there is clearly more than the replicas
 * bear. It only ever asks for more, and stands by it for as long as a lower wish of the minutes must last.
 */
import type { DemandTold } from './demand.ts'
import { type LoadScale, loadUnits, type Measured } from './load-unit.ts'

/** Over which rates are measured, and calls in hand. */
const rateMs = 30_000
const callsMs = 5000
/** What is within this of what they bear is just right. */
const deadBand = 0.1
/** Looks in a row in which calls waited, or were refused, while all replicas were ready. */
const crowdedLooks = 3
/** A count of calls is that sure: so many standard deviations are left off. */
const doubt = 2

export interface UrgentLook {
  readonly demand: DemandTold
  readonly inHand: number
  readonly ready: number
  readonly starting: number
  readonly pastMs: number
}

export interface UrgentWish {
  readonly replicas: number
  readonly why: string
}

export class Urgency {
  readonly #scale: LoadScale
  /** Counts within about `rateMs`, and calls in hand. */
  #recent = { requests: 0, promptTokens: 0, outputTokens: 0, calls: 0 }
  #crowded = 0

  constructor(scale: LoadScale) {
    this.#scale = scale
  }

  /** How many replicas are needed at once; null where that can wait. */
  look({ demand, inHand, ready, starting, pastMs }: UrgentLook): UrgentWish | null {
    this.#add(demand, inHand, pastMs)
    const running = ready + starting
    const isCrowded = demand.waiting > 0 || demand.refused > 0
    this.#crowded = isCrowded && starting === 0 ? this.#crowded + 1 : 0
    if (running === 0)
      return isCrowded || demand.requests > 0 ? { replicas: 1, why: 'calls wait, and none runs' } : null
    const atMost = 2 * Math.max(1, ready)
    const busy = this.#scale.replicas(this.#sure())
    if (busy > (1 + deadBand) * running) return { replicas: Math.min(atMost, Math.ceil(busy)), why: 'load now' }
    if (this.#crowded < crowdedLooks) return null
    const more = Math.ceil((demand.waiting + demand.refused) / Math.max(1, inHand / Math.max(1, ready)))
    return { replicas: Math.min(atMost, ready + Math.max(1, more)), why: 'calls wait while all are ready' }
  }

  #add({ requests, promptTokens, outputTokens, waiting }: DemandTold, inHand: number, pastMs: number): void {
    const keep = Math.exp(-pastMs / rateMs)
    const keepCalls = Math.exp(-pastMs / callsMs)
    const { calls, ...counts } = this.#recent
    this.#recent = {
      requests: counts.requests * keep + requests,
      promptTokens: counts.promptTokens * keep + promptTokens,
      outputTokens: counts.outputTokens * keep + outputTokens,
      calls: calls * keepCalls + (inHand + waiting) * (1 - keepCalls),
    }
  }

  /** By the minute, as far as the number of calls can make it sure. */
  #sure(): Measured {
    const { requests, promptTokens, outputTokens, calls } = this.#recent
    const aMinute = (60_000 / rateMs) * (requests > 0 ? Math.max(0, 1 - doubt / Math.sqrt(requests)) : 0)
    const rates = [requests, outputTokens, promptTokens].map((each) => each * aMinute)
    const all = [...rates, calls].map((each, at) => [loadUnits[at], each])
    return Object.fromEntries(all) as Measured
  }
}
