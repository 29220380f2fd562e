/**
 * The metrics of a process (prom-client, wrapped). Names: base units, `_total` for counters; every label is bounded.
 */
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type PrometheusContentType,
  Registry,
} from 'prom-client'
import type { ExchangeFact } from './exchange-fact.ts'

/** Seconds; from a cached first token to a long answer. */
const durationBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** What is read at the moment of a scrape. */
export interface Gauges {
  readonly callsLive: () => number
  readonly journalBytes: () => number
  readonly journalAnswers: () => number
  /** Share used of each resource that is watched, 0 to 1. */
  readonly pressure: () => Readonly<Record<string, number>>
  /** 0 while all is calm. */
  readonly pressureRung: () => number
  readonly upstreams: () => Iterable<{ name: string; isUp: boolean; inFlight: number }>
}

/** The metrics of all workers together; for their supervisor. */
export function clusterMetrics(): Promise<string> {
  aggregator ??= new AggregatorRegistry()
  return aggregator.clusterMetrics()
}

/** In a worker: answers its supervisor when that asks for the numbers of all. */
export function shareMetrics(): void {
  aggregator ??= new AggregatorRegistry()
}

let aggregator: AggregatorRegistry<PrometheusContentType> | null = null

/** Running sums for the one-line view of traffic. */
export interface Totals {
  calls: number
  failed: number
  outputTokens: number
  events: number
  retries: number
}

export class Metrics {
  readonly registry = new Registry()
  readonly totals: Totals = { calls: 0, failed: 0, outputTokens: 0, events: 0, retries: 0 }
  #calls = this.#counter('holdfast_calls_total', 'Calls settled.', ['route', 'model', 'outcome', 'code'])
  #attempts = this.#counter('holdfast_attempts_total', 'Tries on upstreams; `code` is `ok` or the fault.', [
    'upstream',
    'code',
  ])
  #tokens = this.#counter('holdfast_tokens_total', 'Tokens as the upstreams counted them.', ['model', 'direction'])
  #events = this.#counter('holdfast_events_total', 'Events of answers journaled and delivered.', [])
  #bytes = this.#counter('holdfast_answer_bytes_total', 'Bytes of answers handed to callers.', [])
  #durations = this.#histogram('holdfast_call_duration_seconds', 'From the request to the end of the answer.', [
    'route',
  ])
  #firstTokens = this.#histogram(
    'holdfast_first_token_seconds',
    'From the request to the first content of a streamed answer.',
    ['route'],
  )

  constructor(gauges: Gauges) {
    AggregatorRegistry.setRegistries(this.registry)
    collectDefaultMetrics({ register: this.registry })
    this.#gauge('holdfast_calls_live', 'Calls under way.', [], (gauge) => gauge.set(gauges.callsLive()))
    this.#gauge('holdfast_journal_bytes', 'Bytes of answers kept in the journal.', [], (gauge) =>
      gauge.set(gauges.journalBytes()),
    )
    this.#gauge('holdfast_journal_answers', 'Answers kept in the journal.', [], (gauge) =>
      gauge.set(gauges.journalAnswers()),
    )
    this.#gauge(
      'holdfast_pressure',
      'Share of a resource that is used, 0 to 1; of several workers the worst.',
      ['resource'],
      (gauge) => {
        for (const [resource, share] of Object.entries(gauges.pressure())) gauge.set({ resource }, share)
      },
    )
    this.#gauge(
      'holdfast_pressure_rung',
      'Measures against overload: 0 calm, 1 trim, 2 part, 3 shed, 4 refuse; of several workers the worst.',
      [],
      (gauge) => gauge.set(gauges.pressureRung()),
    )
    this.#gauge(
      'holdfast_upstream_up',
      '1 when the upstream is in use, 0 while it rests after failures.',
      ['upstream'],
      (gauge) => {
        for (const { name, isUp } of gauges.upstreams()) gauge.set({ upstream: name }, isUp ? 1 : 0)
      },
    )
    this.#gauge('holdfast_upstream_calls_live', 'Calls under way at the upstream.', ['upstream'], (gauge) => {
      for (const { name, inFlight } of gauges.upstreams()) gauge.set({ upstream: name }, inFlight)
    })
  }

  settled(fact: ExchangeFact): void {
    const model = fact.isModelKnown ? fact.model : 'unknown'
    this.#calls.inc({ route: fact.route, model, outcome: fact.outcome, code: fact.code ?? 'ok' })
    for (const attempt of fact.attempts) this.#attempts.inc({ upstream: attempt.upstream, code: attempt.code ?? 'ok' })
    if (fact.inputTokens) this.#tokens.inc({ model, direction: 'input' }, fact.inputTokens)
    if (fact.outputTokens) this.#tokens.inc({ model, direction: 'output' }, fact.outputTokens)
    this.#events.inc(fact.eventCount)
    this.#bytes.inc(fact.sentBytes)
    this.#durations.observe({ route: fact.route }, fact.durationMs / 1000)
    if (fact.isStream && fact.firstTokenMs !== null)
      this.#firstTokens.observe({ route: fact.route }, fact.firstTokenMs / 1000)
    this.#sum(fact)
  }

  #sum(fact: ExchangeFact): void {
    this.totals.calls++
    if (fact.outcome === 'failed') this.totals.failed++
    this.totals.outputTokens += fact.outputTokens ?? 0
    this.totals.events += fact.eventCount
    this.totals.retries += Math.max(0, fact.attempts.length - 1)
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram<T extends string>(name: string, help: string, labelNames: T[]): Histogram<T> {
    return new Histogram({ name, help, labelNames, buckets: durationBuckets, registers: [this.registry] })
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[], collect: (gauge: Gauge<T>) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      // Over workers amounts add up; a state, and the journal that they share, do not.
      aggregator: /_up$|_journal_|_pressure/.test(name) ? 'max' : 'sum',
      collect() {
        collect(this)
      },
    })
  }
}
