/** A receiver of OTLP/JSON, stricter than any: what does not fit the protocol or the conventions is a flaw. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { conventional, headerPrefix, histograms, operationNames, requiredOfSpan } from './conventions.ts'

export interface Told {
  readonly [key: string]: string | number | boolean | readonly string[]
}

export interface SpanEvent {
  readonly name: string
  readonly atNs: bigint
  readonly told: Told
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly state: string
  readonly name: string
  readonly kind: 'server' | 'client'
  readonly startNs: bigint
  readonly endNs: bigint
  readonly told: Told
  readonly isError: boolean
  readonly events: readonly SpanEvent[]
}

export interface Metric {
  readonly name: string
  readonly unit: string
  readonly kind: 'sum' | 'gauge' | 'histogram'
  readonly points: readonly { readonly told: Told; readonly value: number; readonly rays: readonly unknown[] }[]
}

type Json = Readonly<Record<string, unknown>>

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: Span[] = []
  /** As they were told last, by name. */
  readonly metrics = new Map<string, Metric>()
  readonly flaws: string[] = []
  /** Headers of each request, and its path. */
  readonly requests: { path: string; headers: IncomingMessage['headers'] }[] = []
  resource: Told = {}
  /** Answers in the receiver's place, when it says so. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
  #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      let text = ''
      request.setEncoding('utf8')
      request.on('data', (piece: string) => (text += piece))
      request.on('error', () => {})
      request.on('end', () => {
        this.requests.push({ path: request.url ?? '', headers: request.headers })
        if (this.intercept(request, response)) return
        this.#read(request, text)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}')
      })
    })
  }

  static async open(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #need(isSo: boolean, flaw: string): void {
    if (!isSo) this.flaws.push(flaw)
  }

  #read(request: IncomingMessage, text: string): void {
    const { url, method, headers } = request
    this.#need(method === 'POST' && headers['content-type'] === 'application/json', 'not a POST of JSON')
    const body = JSON.parse(text) as Json
    const isTraces = url === '/v1/traces'
    this.#need(isTraces || url === '/v1/metrics', `posted to ${url}`)
    for (const of of list(body[isTraces ? 'resourceSpans' : 'resourceMetrics'])) {
      this.resource = this.#attributes((of['resource'] as Json)['attributes'], 'the resource')
      for (const scope of list(of[isTraces ? 'scopeSpans' : 'scopeMetrics'])) {
        if (isTraces) for (const span of list(scope['spans'])) this.spans.push(this.#span(span))
        else for (const metric of list(scope['metrics'])) this.#metric(metric)
      }
    }
  }

  #span(json: Json): Span {
    const { name = '', kind, traceId = '', spanId = '', parentSpanId = null } = json as Record<string, string>
    this.#need(/^[0-9a-f]{32}$/.test(traceId), `trace id ${traceId}`)
    this.#need(/^[0-9a-f]{16}$/.test(spanId), `span id ${spanId}`)
    this.#need(parentSpanId === null || /^[0-9a-f]{16}$/.test(parentSpanId), `parent ${parentSpanId}`)
    const told = this.#attributes(json['attributes'], name)
    const kindName = Number(kind) === 2 ? 'server' : 'client'
    this.#need([2, 3].includes(Number(kind)), `kind ${kind}`)
    for (const required of requiredOfSpan[kindName]) this.#need(required in told, `${name} has no ${required}`)
    const operation = told['gen_ai.operation.name'] as string
    const wanted =
      kindName === 'server'
        ? `POST ${String(told['http.route'])}`
        : `${operation} ${String(told['gen_ai.request.model'])}`
    this.#need(name === wanted, `a span is called ${name} and not ${wanted}`)
    const [startNs, endNs] = [this.#time(json['startTimeUnixNano']), this.#time(json['endTimeUnixNano'])]
    this.#need(endNs >= startNs, `${name} ends before it begins`)
    const isError = ((json['status'] ?? {}) as Json)['code'] === 2
    this.#need(!isError || 'error.type' in told, `${name} failed without error.type`)
    const events = list(json['events'] ?? []).map((event) => ({
      name: String(event['name']),
      atNs: this.#time(event['timeUnixNano']),
      told: this.#attributes(event['attributes'], String(event['name'])),
    }))
    for (const { atNs } of events) this.#need(atNs >= startNs && atNs <= endNs, `an event lies outside of ${name}`)
    const state = typeof json['traceState'] === 'string' ? json['traceState'] : ''
    return {
      traceId,
      spanId,
      parentId: parentSpanId,
      state,
      name,
      kind: kindName,
      startNs,
      endNs,
      told,
      isError,
      events,
    }
  }

  #metric(json: Json): void {
    const { name = '', unit = '' } = json as Record<string, string>
    const kind = (['sum', 'gauge', 'histogram'] as const).find((each) => each in json)
    if (!kind) return void this.flaws.push(`${name} is no metric that is known here`)
    const data = json[kind] as Json
    const convention = histograms[name]
    this.#need(name.startsWith('holdfast.') ? convention === undefined : convention !== undefined, `metric ${name}`)
    if (kind !== 'gauge') this.#need(data['aggregationTemporality'] === 2, `${name} is not cumulative`)
    const points = list(data['dataPoints']).map((point) => {
      const told = this.#attributes(point['attributes'], name)
      this.#need(this.#time(point['timeUnixNano']) >= this.#time(point['startTimeUnixNano']), `${name} ends early`)
      if (kind !== 'histogram') return { told, value: Number(point['asDouble']), rays: [] }
      for (const required of convention?.required ?? []) this.#need(required in told, `${name} has no ${required}`)
      const counts = point['bucketCounts'] as string[]
      const bounds = point['explicitBounds'] as number[]
      this.#need(JSON.stringify(bounds) === JSON.stringify(convention?.bounds), `${name} has other buckets`)
      this.#need(counts.length === bounds.length + 1, `${name}: ${counts.length} buckets`)
      this.#need(counts.reduce((sum, each) => sum + Number(each), 0) === Number(point['count']), `${name}: its count`)
      const rays = list(point['exemplars'] ?? []).map(
        (each) => this.#attributes(each['filteredAttributes'], `exemplars of ${name}`)['holdfast.ray'],
      )
      return { told, value: Number(point['count']), rays }
    })
    if (convention) this.#need(unit === convention.unit, `${name} is in ${unit}`)
    this.metrics.set(name, { name, unit, kind, points })
  }

  #time(value: unknown): bigint {
    this.#need(typeof value === 'string' && /^\d{19}$/.test(value), `a time: ${String(value)}`)
    return BigInt(typeof value === 'string' ? value : 0)
  }

  #attributes(given: unknown, where: string): Told {
    const told: Record<string, string | number | boolean | readonly string[]> = {}
    for (const { key, value } of list(given) as unknown as { key: string; value: Json }[]) {
      const kinds = Object.keys(value)
      this.#need(kinds.length === 1, `${where}: ${key} has ${kinds.length} values`)
      this.#need(!(key in told), `${where}: ${key} twice`)
      const [kind = ''] = kinds
      const read = readValue(kind, value[kind])
      if (read === null) this.flaws.push(`${where}: ${key} is ${JSON.stringify(value)}`)
      else told[key] = read
      this.#name(where, key, kind)
    }
    if (told['gen_ai.operation.name'] !== undefined && told['gen_ai.operation.name'] !== 'count_tokens')
      this.#need(operationNames.includes(String(told['gen_ai.operation.name'])), `${where}: the operation`)
    return told
  }

  #name(where: string, key: string, kind: string): void {
    if (key.startsWith('holdfast.')) return
    const wanted = key.startsWith(headerPrefix) ? 'strings' : conventional[key]
    const kinds = {
      string: 'stringValue',
      int: 'intValue',
      double: 'doubleValue',
      bool: 'boolValue',
      strings: 'arrayValue',
    }
    this.#need(wanted !== undefined, `${where}: no convention knows ${key}`)
    this.#need(wanted === undefined || kinds[wanted] === kind, `${where}: ${key} is a ${kind}`)
  }
}

function list(value: unknown): Json[] {
  return value as Json[]
}

function readValue(kind: string, value: unknown): string | number | boolean | readonly string[] | null {
  if (kind === 'stringValue' && typeof value === 'string') return value
  if (kind === 'boolValue' && typeof value === 'boolean') return value
  if (kind === 'doubleValue' && typeof value === 'number') return value
  if (kind === 'intValue' && typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value)
  if (kind === 'arrayValue') return list((value as Json)['values']).map((each) => String(each['stringValue']))
  return null
}
