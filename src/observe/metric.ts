/**
 * The metrics of a process (prom-client, wrapped). Names: base units, `_total` for counters; every label is bounded.
 */
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  type Metric,
  type PrometheusContentType,
  Registry,
} from 'prom-client'
import { Distribution, type Witness } from './distribution.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { BreakerPhase, Choices, CrowdCounts, Gauges, UpstreamGauges } from './gauges.ts'
import { histogramNumbers, withWitnesses } from './histogram-numbers.ts'
import { type MetricNumbers, openMetricsText } from './openmetrics.ts'
import { Pulse } from './pulse.ts'
import { Tally } from './tally.ts'

/** Seconds; from a cached first token to a long answer. */
const durationBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

const phaseNumbers = { closed: 0, ramp: 1, ripe: 2, open: 2 } as const satisfies Record<BreakerPhase, number>

/** Of the gateway's own part in the time to the head of an answer. */
const overheadBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
/** A model's name may be as long as an upstream likes. */
const labelLengthMax = 128

/** What one process has counted, as it is sent to another that runs the same program. */
export type Numbers = readonly MetricNumbers[]

/**
 * Text of what several processes have counted together, in the older format of Prometheus or in OpenMetrics.
 * `silentCount`: those that did not answer.
 */
export async function mergeNumbers(
  all: readonly Numbers[],
  silentCount: number,
  isOpenMetrics: boolean,
): Promise<string> {
  const registry = AggregatorRegistry.aggregate<PrometheusContentType>([...all])
  const help = 'Workers that did not answer this question within a second; what they told last stands in its place.'
  new Gauge({ name: 'holdfast_workers_silent', help, registers: [registry] }).set(silentCount)
  if (!isOpenMetrics) return registry.metrics()
  const merged = (await registry.getMetricsAsJSON()) as unknown as MetricNumbers[]
  return openMetricsText(merged.map((metric) => withWitnesses(metric, all)))
}

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
  readonly pulse = new Pulse()
  #calls = this.#tally('holdfast_calls_total', 'Calls settled.', ['route', 'model', 'outcome', 'code'])
  #cached = this.#tally('holdfast_cached_calls_total', 'Calls that asked the cache, by what came of it.', ['cache'])
  #semanticLooks = this.#tally(
    'holdfast_semantic_questions_total',
    'Questions compared by their meaning: `near` found candidates, `far` none, `blind` one with the same vector and other words, `alone` nothing to compare with, `dimensions` nothing comparable; without a vector: `late`, `failed`, `invalid`, `busy`, `resting`. `kept`: for others, with their answers.',
    ['look'],
  )
  #attempts = this.#tally('holdfast_attempts_total', 'Tries on upstreams; `code` is `ok` or the fault.', [
    'upstream',
    'code',
  ])
  #hedges = this.#tally(
    'holdfast_hedges_total',
    'Attempts beside one that was late; `won` gave the answer, `lost` were cancelled, `failed` failed.',
    ['outcome'],
  )
  #tokens = this.#tally('holdfast_tokens_total', 'Tokens as the upstreams counted them.', ['model', 'direction'])
  #events = this.#tally('holdfast_events_total', 'Events of answers journaled and delivered.', [])
  #bytes = this.#tally('holdfast_answer_bytes_total', 'Bytes of answers handed to callers.', [])
  #openings = this.#tally(
    'holdfast_breaker_openings_total',
    'Times that a model of an upstream was taken out of use; `why`: `row` of failures, `share` of failures, `probe` that failed, `outlier` among its peers.',
    ['upstream', 'why'],
  )
  #asked = this.#tally(
    'holdfast_breaker_probes_total',
    'Questions for a token to upstreams that were out of use; `outcome`: `token`, `failed`, or `nothing` that could be concluded.',
    ['upstream', 'outcome'],
  )
  #durations = this.#histogram('holdfast_call_duration_seconds', 'From the request to the end of the answer.', [
    'route',
  ])
  #firstTokens = this.#histogram(
    'holdfast_first_token_seconds',
    'From the request to the first content of a streamed answer.',
    ['route'],
  )
  #queues = this.#histogram('holdfast_queue_seconds', 'What calls have waited in the line for a place.', ['route'])
  #overheads = this.#histogram(
    'holdfast_overhead_seconds',
    'From the request to the head of the answer, without the line and without the time that upstreams had the call.',
    ['route'],
    overheadBuckets,
  )
  #exports = this.#tally(
    'holdfast_otlp_items_total',
    'Spans and metrics for the receiver of telemetry; `outcome` is `sent`, `refused` by it, or `dropped` for want of room or of an answer.',
    ['signal', 'outcome'],
  )

  constructor(gauges: Gauges) {
    collectDefaultMetrics({ register: this.registry })
    // Gauges under the names of counters, which the linter of Prometheus refuses; their parts remain.
    for (const name of misnamed) this.registry.removeSingleMetric(name)
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
      'holdfast_quarantine_requests',
      'Requests that killed model servers and are refused; of several workers the most.',
      [],
      (gauge) => gauge.set(gauges.quarantined()),
    )
    this.#upstreamGauges(gauges)
    this.#lineGauges(gauges)
    this.#engineGauges(gauges)
    this.#choiceCounts(gauges.choices)
    this.#crowdCounts(gauges.crowd)
    this.#gauge('holdfast_retry_budget_left', 'Further attempts that may be made now.', [], (gauge) =>
      gauge.set(gauges.retriesLeft()),
    )
    this.#count('holdfast_retries_denied_total', 'Further attempts not made for want of budget.', gauges.retriesDenied)
    this.#count('holdfast_record_lost_total', 'Facts that could not be written to the record.', gauges.recordLost)
    this.#count(
      'holdfast_hedges_denied_total',
      'Times that a late call was not sent twice, for want of budget or since all is busy.',
      gauges.hedgesDenied,
    )
  }

  #upstreamGauges({ upstreams }: Gauges): void {
    const told: readonly [name: string, help: string, value: (upstream: UpstreamGauges) => number][] = [
      [
        'holdfast_upstream_up',
        '1 when the upstream is in use, 0 while it rests after failures.',
        ({ isUp }) => (isUp ? 1 : 0),
      ],
      ['holdfast_upstream_calls_live', 'Calls under way at the upstream.', ({ inFlight }) => inFlight],
      ['holdfast_upstream_calls_limit', 'Calls that the upstream is given at once.', ({ callsMax }) => callsMax],
      ['holdfast_upstream_work_tokens', 'Tokens in hand there: to be written, and to be read.', ({ work }) => work],
      ['holdfast_upstream_work_limit_tokens', 'Tokens that it is given at once.', ({ workMax }) => workMax],
      ['holdfast_upstream_keys_resting', 'Keys of the upstream that are laid aside.', ({ keysResting }) => keysResting],
      [
        'holdfast_upstream_breaker',
        '2 while a model of the upstream is out of use, 1 while one is back with a part of its share, else 0.',
        ({ phase }) => phaseNumbers[phase],
      ],
    ]
    for (const [name, help, value] of told)
      this.#gauge(name, help, ['upstream'], (gauge) => {
        for (const each of upstreams()) gauge.set({ upstream: each.name }, value(each))
      })
  }

  #choiceCounts({ counts, promptTokens }: Choices): void {
    this.#countEach('holdfast_choices_total', 'Upstreams chosen, by what decided.', 'reason', counts)
    this.#countEach(
      'holdfast_prompt_tokens_total',
      'Tokens of prompts, as estimated: `asked` all, `cached` those that the chosen upstream had read lately.',
      'kind',
      promptTokens,
    )
  }

  #crowdCounts(crowd: CrowdCounts): void {
    this.#countEach(
      'holdfast_turned_away_total',
      'Visitors turned away by address: requests over their `rate`, `connections` that are too many, `locked` out, closed for a `flood` of HTTP/2, or for what is `malformed` and no request.',
      'why',
      crowd.turnedAway,
    )
    this.#countEach(
      'holdfast_challenges_total',
      'Proofs of work for visitors of pages: `issued`, `solved`, and `refused` because they were wrong or late.',
      'outcome',
      crowd.challenges,
    )
    const help =
      'Steps by which the limits of addresses are tightened; 0 while there is no attack; of several workers the worst.'
    this.#gauge('holdfast_shield_level', help, [], (gauge) => gauge.set(crowd.shieldLevel))
  }

  #lineGauges({ lines }: Gauges): void {
    this.#gauge('holdfast_line_calls', 'Calls that wait for a place.', ['pool', 'tier'], (gauge) => {
      for (const { pool, tier, waiting } of lines()) gauge.set({ pool, tier }, waiting)
    })
    const help = 'Times told to callers, of a second or more: `held` when the truth was within 30 %.'
    new Counter({
      name: 'holdfast_etas_total',
      help,
      labelNames: ['pool', 'tier', 'held'],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const { pool, tier, heldCount, missedCount } of lines()) {
          this.inc({ pool, tier, held: 'yes' }, heldCount)
          this.inc({ pool, tier, held: 'no' }, missedCount)
        }
      },
    })
  }

  /** What the engines tell of themselves; a series ends with what it tells. */
  #engineGauges({ upstreams }: Gauges): void {
    const told = [
      ['holdfast_upstream_engine_waiting', 'Requests that wait at the engine, by its own account.', 'waiting'],
      ['holdfast_upstream_engine_running', 'Requests that the engine works on, by its own account.', 'running'],
      ['holdfast_upstream_engine_kv_usage', 'Share of the engine’s memory for contexts that is taken.', 'kvUsage'],
    ] as const
    for (const [name, help, field] of told) {
      this.#gauge(name, help, ['upstream'], (gauge) => {
        gauge.reset()
        for (const { name: upstream, engine } of upstreams()) {
          const value = engine?.[field] ?? null
          if (value !== null) gauge.set({ upstream }, value)
        }
      })
    }
  }

  /** All of it, as it is sent to whoever adds it up. */
  async numbers(): Promise<Numbers> {
    return (await this.registry.getMetricsAsJSON()) as unknown as Numbers
  }

  semanticLook(look: string): void {
    this.#semanticLooks.add(1, look)
  }

  settled(fact: ExchangeFact): void {
    const model = fact.isModelKnown ? fact.model.slice(0, labelLengthMax) : 'unknown'
    this.#calls.add(1, fact.route, model, fact.outcome, fact.code ?? 'ok')
    if (fact.cache !== undefined) this.#cached.add(1, fact.cache)
    for (const { upstream, code, isHedge } of fact.attempts) {
      this.#attempts.add(1, upstream, code ?? 'ok')
      if (isHedge) this.#hedges.add(1, code === null ? 'won' : code === 'HF_OUTRUN' ? 'lost' : 'failed')
    }
    if (fact.inputTokens) this.#tokens.add(fact.inputTokens, model, 'input')
    if (fact.outputTokens) this.#tokens.add(fact.outputTokens, model, 'output')
    this.#events.add(fact.eventCount)
    this.#bytes.add(fact.sentBytes)
    const witness = witnessOf(fact)
    this.#durations.observe(fact.durationMs / 1000, witness, fact.route)
    if (fact.isStream && fact.firstTokenMs !== null)
      this.#firstTokens.observe(fact.firstTokenMs / 1000, witness, fact.route)
    if (fact.overheadMs !== null) {
      this.#queues.observe(fact.queueMs / 1000, witness, fact.route)
      this.#overheads.observe(fact.overheadMs / 1000, witness, fact.route)
    }
    this.#sum(fact)
    this.pulse.settled(fact)
  }

  breakerOpened(upstream: string, why: string): void {
    this.#openings.add(1, upstream, why)
  }

  breakerAsked(upstream: string, outcome: string): void {
    this.#asked.add(1, upstream, outcome)
  }

  /** Of what goes to the receiver of telemetry. */
  exported(signal: string, outcome: string, count: number): void {
    this.#exports.add(count, signal, outcome)
  }

  #sum(fact: ExchangeFact): void {
    this.totals.calls++
    if (fact.outcome === 'failed') this.totals.failed++
    this.totals.outputTokens += fact.outputTokens ?? 0
    this.totals.events += fact.eventCount
    this.totals.retries += Math.max(0, fact.attempts.length - 1)
  }

  #tally(name: string, help: string, labelNames: string[]): Tally {
    const tally = new Tally(labelNames)
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        tally.drain((labels, amount) => this.inc(labels, amount))
      },
    })
    return tally
  }

  /** A counter that somebody else keeps. */
  #count(name: string, help: string, count: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset()
        this.inc(count())
      },
    })
  }

  /** The same with a label: values that are counted elsewhere, by name. */
  #countEach(name: string, help: string, label: string, counts: Readonly<Record<string, number>>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(counts)) this.inc({ [label]: value }, count)
      },
    })
  }

  #histogram(name: string, help: string, labelNames: string[], buckets = durationBuckets): Distribution {
    const distribution = new Distribution(labelNames, buckets)
    const get = (): Promise<object> =>
      Promise.resolve({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: histogramNumbers(name, distribution),
      })
    // Of a metric the registry only ever asks these.
    this.registry.registerMetric({ name, help, type: 'histogram', labelNames, get } as unknown as Metric)
    return distribution
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[], collect: (gauge: Gauge<T>) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      // Over workers amounts add up; a state, and the journal and engines that they share, do not.
      aggregator: /_up$|_breaker$|_journal_|_engine_|_pressure/.test(name) ? 'max' : 'sum',
      collect() {
        collect(this)
      },
    })
  }
}

const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

function witnessOf({ ray, trace, atMs }: ExchangeFact): Witness {
  const { traceId, spanId } = trace?.isRecorded ? trace : noTrace
  return { ray, traceId, spanId, atMs }
}

const noTrace = { traceId: '', spanId: '' }
