/** What settled calls come to, by the conventions of OpenTelemetry: of HTTP, of models, as a server and as a client. */
import { Distribution, type Exemplar, type Series, type Witness } from '../distribution.ts'
import type { AttemptFact, ExchangeFact } from '../exchange-fact.ts'
import type { Describe } from './call-spans.ts'
import {
  durationBounds,
  firstTokenBounds,
  operations,
  ownProvider,
  perTokenBounds,
  requestBounds,
  tokenBounds,
} from './conventions.ts'
import { nanos } from './otlp-json.ts'
import { type Attributes, attributes, Int } from './otlp-object.ts'

type Labels = Readonly<Record<string, string>>

/** A histogram: its name, its unit, and what its labels are called. */
interface Measure {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly distribution: Distribution
  readonly attributesOf: (labels: Labels) => Attributes
}

/** Longer names of models are cut. */
const modelLengthMax = 128
const cumulative = 2

export class CallMeasures {
  #describe: Describe
  #requests = new Distribution(['route', 'status', 'code'], requestBounds)
  #served = new Distribution(['operation', 'model', 'code'], durationBounds)
  #firstTokens = new Distribution(['operation', 'model'], firstTokenBounds)
  #perToken = new Distribution(['operation', 'model'], perTokenBounds)
  #asked = new Distribution(['operation', 'upstream', 'model', 'code'], durationBounds)
  #firstChunks = new Distribution(['operation', 'upstream', 'model'], firstTokenBounds)
  #tokens = new Distribution(['operation', 'upstream', 'model', 'type'], tokenBounds)

  constructor(describe: Describe) {
    this.#describe = describe
  }

  settled(fact: ExchangeFact): void {
    const operation = operations[fact.route]
    if (!operation) return
    const { traceId, spanId } = fact.trace?.isRecorded ? fact.trace : noTrace
    const witness: Witness = { ray: fact.ray, traceId, spanId, atMs: fact.atMs }
    const code = fact.code === 'HF_CLIENT_GONE' ? '' : (fact.code ?? '')
    this.#requests.observe(fact.durationMs / 1000, witness, operation.route, String(fact.status), code)
    // A name that nobody knows could be anything, and without end.
    const model = fact.isModelKnown ? fact.model.slice(0, modelLengthMax) : ''
    this.#served.observe(fact.durationMs / 1000, witness, operation.name, model, code)
    if (fact.outcome === 'complete') this.#learnAnswer(fact, operation.name, model, witness)
    for (const attempt of fact.attempts) this.#learnAttempt(fact, attempt, operation.name, witness)
  }

  #learnAnswer(
    { isStream, firstTokenMs, durationMs, outputTokens }: ExchangeFact,
    operation: string,
    model: string,
    witness: Witness,
  ): void {
    if (!isStream || firstTokenMs === null) return
    this.#firstTokens.observe(firstTokenMs / 1000, witness, operation, model)
    if (outputTokens !== null && outputTokens > 1)
      this.#perToken.observe((durationMs - firstTokenMs) / 1000 / (outputTokens - 1), witness, operation, model)
  }

  #learnAttempt(fact: ExchangeFact, attempt: AttemptFact, operation: string, witness: Witness): void {
    const { upstream, code, durationMs, firstTokenMs } = attempt
    const model = (attempt.span?.model ?? (fact.isModelKnown ? fact.model : '')).slice(0, modelLengthMax)
    this.#asked.observe(durationMs / 1000, witness, operation, upstream, model, code ?? '')
    if (firstTokenMs !== null) this.#firstChunks.observe(firstTokenMs / 1000, witness, operation, upstream, model)
    if (code !== null) return
    if (fact.inputTokens !== null) this.#tokens.observe(fact.inputTokens, witness, operation, upstream, model, 'input')
    if (fact.outputTokens !== null)
      this.#tokens.observe(fact.outputTokens, witness, operation, upstream, model, 'output')
  }

  /** As OTLP has them: sums since the start. */
  tell(startMs: number, nowMs: number): object[] {
    return this.#measures()
      .filter(({ distribution }) => distribution.series.length > 0)
      .map(({ name, unit, description, distribution, attributesOf }) => ({
        name,
        unit,
        description,
        histogram: {
          aggregationTemporality: cumulative,
          dataPoints: distribution.series.map((series) => ({
            attributes: attributes(attributesOf(series.labels)),
            startTimeUnixNano: nanos(startMs),
            timeUnixNano: nanos(nowMs),
            ...pointOf(series, distribution.bounds),
          })),
        },
      }))
  }

  #measures(): Measure[] {
    const asServer = ({ operation, model, code }: Labels): Attributes => ({
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': ownProvider,
      'gen_ai.request.model': model || null,
      'error.type': code || null,
    })
    const asClient = ({ operation, upstream = '', model, code, type }: Labels): Attributes => {
      const { provider, address, port } = this.#describe(upstream)
      return {
        'gen_ai.operation.name': operation,
        'gen_ai.provider.name': provider,
        'gen_ai.request.model': model || null,
        'gen_ai.token.type': type,
        'server.address': address,
        'server.port': new Int(port),
        'holdfast.upstream': upstream,
        'error.type': code || null,
      }
    }
    const asHttp = ({ route, status, code }: Labels): Attributes => ({
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'http.route': route,
      'http.response.status_code': new Int(Number(status)),
      'error.type': code || null,
    })
    const measure = (
      name: string,
      distribution: Distribution,
      attributesOf: Measure['attributesOf'],
      description: string,
      unit = 's',
    ): Measure => ({ name, unit, description, distribution, attributesOf })
    return [
      measure('http.server.request.duration', this.#requests, asHttp, 'Duration of HTTP server requests.'),
      measure('gen_ai.server.request.duration', this.#served, asServer, 'From the request to the end of the answer.'),
      measure(
        'gen_ai.server.time_to_first_token',
        this.#firstTokens,
        asServer,
        'To the first content of streams that came to their end.',
      ),
      measure('gen_ai.server.time_per_output_token', this.#perToken, asServer, 'For each token after the first.'),
      measure('gen_ai.client.operation.duration', this.#asked, asClient, 'Duration of an attempt at an upstream.'),
      measure(
        'gen_ai.client.operation.time_to_first_chunk',
        this.#firstChunks,
        asClient,
        'To the first content of an attempt.',
      ),
      measure('gen_ai.client.token.usage', this.#tokens, asClient, 'Tokens as the upstream counted them.', '{token}'),
    ]
  }
}

const noTrace = { traceId: '', spanId: '' }

function pointOf(series: Series, bounds: readonly number[]): object {
  const counts = [...series.counts]
  const exemplars = counts.map((_, i) => series.exemplar(i)).filter((each) => each !== null)
  return {
    count: String(counts.reduce((sum, count) => sum + count, 0)),
    sum: series.sum,
    bucketCounts: counts.map(String),
    explicitBounds: bounds,
    exemplars: exemplars.map(exemplarOf),
  }
}

function exemplarOf({ ray, traceId, spanId, value, atMs }: Exemplar): object {
  return {
    timeUnixNano: nanos(atMs),
    asDouble: value,
    ...(traceId !== '' && { traceId, spanId }),
    filteredAttributes: attributes({ 'holdfast.ray': ray }),
  }
}
