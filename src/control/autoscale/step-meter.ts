/** What was asked of a deployment within one step (a minute), added up look by look. */
import type { DemandTold } from './demand.ts'
import type { Measured } from './load-unit.ts'

/** A step of which less was watched says nothing. */
const watchedShareMin = 0.8
/** Between two looks; longer ones are pauses in which nobody watched. */
const lookMsMax = 5000

export interface MeterLook {
  readonly demand: DemandTold
  /** At the replicas, at work. */
  readonly inHand: number
  /** Since the look before. */
  readonly pastMs: number
  /** The workers tell, and nothing extraordinary goes on. */
  readonly isUsual: boolean
}

export class StepMeter {
  readonly #stepMs: number
  #requests = 0
  #promptTokens = 0
  #outputTokens = 0
  #callMs = 0
  #watchedMs = 0
  #isUsual = true
  #wasUsual: boolean
  #isWatched = true

  /** @param wasUsual as of the last look of the step before */
  constructor(stepMs: number, wasUsual = true) {
    this.#stepMs = stepMs
    this.#wasUsual = wasUsual
  }

  add({ demand, inHand, pastMs, isUsual }: MeterLook): void {
    if (!isUsual) this.#isUsual = false
    // What comes after a pause, or a silence, is of all that time: it would count as a rush.
    this.#isWatched = pastMs <= lookMsMax && this.#wasUsual
    this.#wasUsual = isUsual
    if (!this.#isWatched) return
    this.#requests += demand.requests
    this.#promptTokens += demand.promptTokens
    this.#outputTokens += demand.outputTokens
    this.#callMs += (inHand + demand.waiting) * pastMs
    this.#watchedMs += pastMs
  }

  /** As of the last look. */
  get wasUsual(): boolean {
    return this.#wasUsual
  }

  /** Whether what the last look was told had come since the look before. */
  get isWatched(): boolean {
    return this.#isWatched
  }

  /** Null where the step says nothing about the load. */
  close(): Measured | null {
    if (!this.#isUsual || this.#watchedMs < watchedShareMin * this.#stepMs) return null
    const aMinute = 60_000 / this.#watchedMs
    return {
      requestsPerMinute: this.#requests * aMinute,
      promptTokensPerMinute: this.#promptTokens * aMinute,
      outputTokensPerMinute: this.#outputTokens * aMinute,
      callsInHand: this.#callMs / this.#watchedMs,
    }
  }
}
