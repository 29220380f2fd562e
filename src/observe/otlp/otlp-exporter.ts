/** Exports spans of calls as they settle, and metrics every now and then. */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { ExchangeFact } from '../exchange-fact.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metric.ts'
import { CallMeasures } from './call-measures.ts'
import { type Describe, SpanWriter } from './call-spans.ts'
import { attributes } from './otlp-object.ts'
import type { OtlpTarget } from './otlp-target.ts'
import { type OtlpPost, OtlpQueue } from './otlp-queue.ts'
import { ownMetrics } from './own-metrics.ts'

export interface OtlpParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  readonly target: OtlpTarget
  /** What distinguishes this process: `service.instance.id`. */
  readonly instance: string
  readonly describe: Describe
  readonly openPost: (url: string, headers: Readonly<Record<string, string>>) => OtlpPost
}

export class OtlpExporter implements AsyncDisposable {
  #parts: OtlpParts
  #measures: CallMeasures
  #writer: SpanWriter
  #spans: OtlpQueue | null
  #metrics: OtlpQueue | null
  #timer: Timer | null
  #startMs: number
  #isReading = false

  constructor(parts: OtlpParts) {
    const { clock, target, describe } = parts
    this.#parts = parts
    this.#measures = new CallMeasures(describe)
    this.#writer = new SpanWriter(describe)
    this.#startMs = clock.nowMs()
    this.#spans = target.tracesUrl === null ? null : this.#queue(target.tracesUrl, 'spans')
    this.#metrics = target.metricsUrl === null ? null : this.#queue(target.metricsUrl, 'metrics')
    this.#timer = this.#metrics && clock.every(target.periodMs, () => void this.#tellMetrics())
  }

  settled(fact: ExchangeFact): void {
    const { trace } = fact
    if (this.#metrics) this.#measures.settled(fact)
    if (!this.#spans || !trace?.isRecorded) return
    const spanCount = 1 + fact.attempts.reduce((sum, { span }) => sum + (span ? 1 : 0), 0)
    this.#spans.push(this.#writer.write(fact, trace), spanCount)
  }

  /** A reading that waits makes the next one needless: it tells sums since the start. */
  async #tellMetrics(): Promise<void> {
    const { clock, metrics, log } = this.#parts
    const queue = this.#metrics
    if (!queue || queue.bytes > 0 || this.#isReading) return
    this.#isReading = true
    try {
      const numbers = await metrics.numbers()
      const nowMs = clock.nowMs()
      const told = [...this.#measures.tell(this.#startMs, nowMs), ...ownMetrics(numbers, this.#startMs, nowMs)]
      if (told.length > 0) queue.push(told.map((each) => JSON.stringify(each)).join(','), told.length)
    } catch (error) {
      log.error({ detail: String(error) }, 'metrics cannot be read')
    } finally {
      this.#isReading = false
    }
  }

  #queue(url: string, signal: 'spans' | 'metrics'): OtlpQueue {
    const { clock, random, log, metrics, target, instance, openPost } = this.#parts
    const resource = { attributes: attributes({ ...target.resource, 'service.instance.id': instance }) }
    const words = signal === 'spans' ? ['resourceSpans', 'scopeSpans'] : ['resourceMetrics', 'scopeMetrics']
    const before = `{"${words[0]}":[{"resource":${JSON.stringify(resource)},"${words[1]}":[{"scope":{"name":"holdfast"},"${signal}":[`
    return new OtlpQueue({
      clock,
      random,
      post: openPost(url, target.headers),
      frame: [before, ']}]}]}'],
      bytesMax: target.queueBytesMax,
      timeoutMs: target.timeoutMs,
      onOutcome: (outcome, count) => metrics.exported(signal, outcome, count),
      onTrouble: (trouble) => {
        if (trouble === null) log.info({ signal }, 'the receiver of telemetry takes it again')
        else log.warn({ signal, detail: trouble }, 'the receiver of telemetry does not take it; calls go on without')
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel()
    await this.#tellMetrics()
    await Promise.all([this.#spans?.[Symbol.asyncDispose](), this.#metrics?.[Symbol.asyncDispose]()])
  }
}
