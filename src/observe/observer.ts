/** Takes the account of each settled call and gives it to all who count: log, metrics, record, objectives. */
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metric.ts'
import { withoutRefusalWords } from './refusal-words.ts'
import { noRecorder, type Recorder } from './recorder.ts'

/** Who reads settled calls, beside log and metrics. */
export interface CallReader {
  settled(fact: ExchangeFact): void
}

export class Observer {
  readonly log: Log
  readonly recorder: Recorder
  readonly #metrics: Metrics
  readonly #hasAccessLog: boolean
  readonly #hasRefusalWords: boolean
  readonly #readers: readonly CallReader[]

  /** `readers`: who else is told of each call. */
  constructor(
    log: Log,
    metrics: Metrics,
    options: { access: boolean; refusalWords?: boolean },
    recorder = noRecorder,
    readers: readonly CallReader[] = [],
  ) {
    this.log = log
    this.recorder = recorder
    this.#metrics = metrics
    this.#hasAccessLog = options.access
    this.#hasRefusalWords = options.refusalWords ?? false
    this.#readers = readers
  }

  settled(fact: ExchangeFact): void {
    this.#metrics.settled(fact)
    for (const reader of this.#readers) reader.settled(fact)
    this.recorder.call(fact)
    if (!this.#hasAccessLog) return
    // A stream that broke has sent its 200 long before.
    const isOurTrouble = fact.outcome === 'failed' && (fact.status >= 500 || fact.status === 200)
    this.log.call(isOurTrouble ? 'warn' : 'info', this.#hasRefusalWords ? fact : withoutRefusalWords(fact))
  }
}

/** The account of a request that never became a call. */
export function refusalFact(fault: Fault, ray: Ray, route: string, atMs: number, durationMs: number): ExchangeFact {
  return {
    atMs,
    ray,
    requestId: null,
    trace: null,
    route,
    model: '',
    isModelKnown: false,
    caller: '',
    tier: 'standard',
    isStream: false,
    outcome: 'failed',
    status: fault.status,
    code: fault.code,
    detail: fault.detail,
    attempts: [],
    seams: [],
    durationMs,
    firstTokenMs: null,
    queueMs: 0,
    overheadMs: null,
    inputTokens: null,
    outputTokens: null,
    finishReason: null,
    requestBytes: 0,
    sentBytes: 0,
    eventCount: 0,
  }
}
