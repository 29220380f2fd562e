/** What a receiver of traces and metrics is told of calls, and what upstreams and callers see of their trace. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { routeNames, routes } from '../../src/dialect/call.ts'
import { operations } from '../../src/observe/otlp/conventions.ts'
import {
  goodBody,
  openTestHouse,
  patienceMs,
  post,
  rayOf,
  ScriptedUpstream,
  sayHello,
  streamBody,
  type TestHouse,
  until,
} from '../http/harness.ts'
import { OtlpReceiver, type Span } from './otlp-receiver.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const json = 'content-type: application/json'

class Rig implements AsyncDisposable {
  readonly first: ScriptedUpstream
  readonly second: ScriptedUpstream
  readonly receiver: OtlpReceiver
  readonly house: TestHouse
  #parts: AsyncDisposableStack

  private constructor(
    parts: AsyncDisposableStack,
    servers: ScriptedUpstream[],
    receiver: OtlpReceiver,
    house: TestHouse,
  ) {
    this.#parts = parts
    this.receiver = receiver
    this.house = house
    ;[this.first, this.second] = servers as [ScriptedUpstream, ScriptedUpstream]
  }

  /** Two servers, the second for when the first fails, and a receiver. */
  static async open(otlp: NonNullable<ConfigInput['telemetry']>['otlp'] | null = {}): Promise<Rig> {
    await using parts = new AsyncDisposableStack()
    const servers = [parts.use(await ScriptedUpstream.open()), parts.use(await ScriptedUpstream.open())]
    const receiver = parts.use(await OtlpReceiver.open())
    const [first, second] = servers.map(({ url }, priority) => ({
      url,
      kind: 'llamacpp' as const,
      models: ['m'],
      priority,
    }))
    const house = await openTestHouse({
      upstreams: { first: first as NonNullable<typeof first>, second: second as NonNullable<typeof second> },
      timeouts: { patienceMs: 0 },
      ...(otlp && { telemetry: { otlp: { url: `${receiver.url}/`, ...otlp } } }),
    })
    return new Rig(parts.move(), servers, receiver, house)
  }

  /** All that was to be told has been told after this. */
  async close(): Promise<void> {
    await until('all calls to be over', () => this.house.house.callsLive() === 0)
    await this.house[Symbol.asyncDispose]()
    assert.deepEqual(this.receiver.flaws, [])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]()
    await this.#parts.disposeAsync()
  }
}

function told(span: Span | undefined, ...names: string[]): unknown[] {
  assert.ok(span, 'the span is there')
  return names.map((name) => span.told[name])
}

test('a call is a span of the server, its attempt one of a client, and the upstream is told of that', async () => {
  await using rig = await Rig.open()
  const { first, house, receiver } = rig
  let seen: Record<string, unknown> = {}
  first.script = (call) => {
    seen = call.headers
    sayHello(call)
  }
  const headers = [
    json,
    `traceparent: 00-${traceId}-${parentId}-01`,
    'tracestate: a=1 , b@c=2',
    'baggage: user=ann',
    'x-request-id: mine-1',
  ]
  const answer = await house.ask(post(goodBody, { headers }))
  assert.deepEqual([answer.status, answer.headers['x-request-id']], [200, 'mine-1'])
  await rig.close()
  const [server, client] = [receiver.spans[0], receiver.spans[1]]
  assert.equal(receiver.spans.length, 2)
  assert.deepEqual(
    [server?.traceId, server?.parentId, server?.kind, server?.state],
    [traceId, parentId, 'server', 'a=1,b@c=2'],
  )
  assert.deepEqual([client?.traceId, client?.parentId, client?.kind], [traceId, server?.spanId, 'client'])
  assert.equal(seen['traceparent'], `00-${traceId}-${client?.spanId}-01`)
  assert.deepEqual([seen['tracestate'], seen['baggage']], ['a=1,b@c=2', 'user=ann'])
  const ray = answer.headers['holdfast-ray']
  assert.deepEqual(
    told(server, 'http.response.status_code', 'holdfast.ray', 'http.request.header.x-request-id', 'error.type'),
    [200, ray, ['mine-1'], undefined],
  )
  assert.deepEqual(
    told(
      client,
      'gen_ai.provider.name',
      'gen_ai.request.model',
      'server.address',
      'gen_ai.usage.output_tokens',
      'gen_ai.response.finish_reasons',
    ),
    ['llamacpp', 'm', '127.0.0.1', 1, ['stop']],
  )
  assert.ok(client && server && client.startNs >= server.startNs && client.endNs <= server.endNs, 'it lies within')
  assert.deepEqual(receiver.resource['service.name'], 'holdfast')
})

test('an upstream that breaks off is a failed attempt, and its seam an event', async () => {
  await using rig = await Rig.open()
  const { first, second, house, receiver } = rig
  first.script = (call) => {
    call.beginStream()
    for (const word of ['one', ' two', ' three']) call.say(word)
    setTimeout(() => call.response.destroy(), 50)
  }
  second.script = (call) => {
    call.beginStream()
    call.say(' four')
    call.endStream()
  }
  const answer = await house.ask(post(streamBody))
  assert.match(answer.body, / four[\s\S]*\[DONE\]/)
  await rig.close()
  const [server, broken, whole] = receiver.spans
  assert.deepEqual([server?.isError, broken?.isError, whole?.isError], [false, true, false])
  assert.deepEqual(told(broken, 'error.type', 'holdfast.upstream', 'http.request.resend_count'), [
    'HF_UPSTREAM_CUT',
    'first',
    undefined,
  ])
  assert.deepEqual(told(whole, 'error.type', 'holdfast.upstream', 'http.request.resend_count'), [
    undefined,
    'second',
    1,
  ])
  assert.deepEqual(
    server?.events.map(({ name, told: { 'error.type': type } }) => [name, type]),
    [['holdfast.seam', 'HF_UPSTREAM_CUT']],
  )
  assert.equal(server?.events[0]?.atNs, broken?.endNs)
  assert.ok(Number(server?.told['gen_ai.response.time_to_first_chunk']) > 0)
})

test('a second attempt beside a late one is a span of its own, and the one that was outrun has not failed', async () => {
  await using slow = await ScriptedUpstream.open()
  await using other = await ScriptedUpstream.open()
  await using receiver = await OtlpReceiver.open()
  const [weights, servers] = [
    [1000, 1],
    [slow, other],
  ]
  const options = servers.map(({ url }, i) => ({
    url,
    kind: 'llamacpp' as const,
    models: ['m'],
    weight: weights[i] ?? 1,
  }))
  await using house = await openTestHouse({
    upstreams: {
      slow: options[0] as NonNullable<(typeof options)[0]>,
      other: options[1] as NonNullable<(typeof options)[0]>,
    },
    hedging: { percentMax: 100 },
    telemetry: { otlp: { url: receiver.url } },
  })
  // So that it is known how long a call waits usually.
  for (let i = 0; i < 60; i++) await house.ask(post(streamBody))
  const heldBack: unknown[] = []
  slow.script = (call) => void heldBack.push(call)
  const answer = await house.ask(post(streamBody))
  assert.match(answer.body, /\[DONE\]/)
  const account = await house.account(answer.headers['holdfast-ray'])
  await until('all calls to be over', () => house.house.callsLive() === 0)
  await house[Symbol.asyncDispose]()
  assert.deepEqual(receiver.flaws, [])
  if (account.attempts?.length !== 2) return // one of a thousand goes to the other server at once
  const spans = receiver.spans.filter((span) => span.told['holdfast.ray'] === answer.headers['holdfast-ray'])
  const [server, ...clients] = spans
  const outrun = clients.find((span) => span.told['holdfast.upstream'] === 'slow')
  const hedge = clients.find((span) => span.told['holdfast.upstream'] === 'other')
  assert.deepEqual(
    clients.map((span) => span.parentId),
    [server?.spanId, server?.spanId],
  )
  assert.deepEqual(
    [...told(outrun, 'holdfast.attempt.end', 'error.type', 'holdfast.hedge'), outrun?.isError],
    ['HF_OUTRUN', undefined, undefined, false],
  )
  assert.deepEqual(told(hedge, 'holdfast.hedge', 'error.type'), [true, undefined])
  assert.ok(outrun && hedge && hedge.startNs > outrun.startNs && hedge.startNs < outrun.endNs, 'beside each other')
})

test('errors are told by their codes, and those of callers are no failures of the server', async () => {
  await using rig = await Rig.open()
  const { first, second, house, receiver } = rig
  for (const server of [first, second]) server.script = (call) => call.answer({ error: { message: 'no' } }, 500)
  const failed = await house.ask(post(goodBody))
  const refused = await house.ask(post('{"model":"nobody"}'))
  assert.ok(failed.status >= 500 && refused.status === 400, `${failed.status} ${refused.status}`)
  await rig.close()
  const servers = receiver.spans.filter(({ kind }) => kind === 'server')
  const clients = receiver.spans.filter(({ kind }) => kind === 'client')
  assert.deepEqual(
    servers.map(({ isError }) => isError),
    [true, false],
  )
  assert.deepEqual(
    servers.map((span) => told(span, 'http.response.status_code')[0]),
    [failed.status, 400],
  )
  assert.match(String(servers[0]?.told['error.type']), /^HF_UPSTREAM_ERROR$/)
  assert.match(String(servers[1]?.told['error.type']), /^HF_BAD_CALL$/)
  assert.ok(
    clients.length >= 2 && clients.every((span) => span.isError && span.told['http.response.status_code'] === 500),
  )
})

test('every language of callers has its operation and its path', () => {
  for (const route of routeNames) assert.equal(operations[route]?.route, `/v1${routes[route].path}`)
})

test('the metrics have the names and buckets of the conventions, and lead to rays', async () => {
  await using rig = await Rig.open()
  rig.first.script = (call) => {
    if (call.body.stream !== true) return sayHello(call)
    call.beginStream()
    for (let i = 0; i < 5; i++) call.say(` ${i}`)
    call.endStream()
  }
  const rays = new Set([rayOf(await rig.house.ask(post(goodBody))), rayOf(await rig.house.ask(post(streamBody)))])
  await rig.close()
  const { metrics } = rig.receiver
  const sum = (name: string): number => metrics.get(name)?.points.reduce((all, { value }) => all + value, 0) ?? 0
  for (const name of [
    'http.server.request.duration',
    'gen_ai.server.request.duration',
    'gen_ai.client.operation.duration',
  ])
    assert.equal(sum(name), 2, name)
  for (const name of [
    'gen_ai.server.time_to_first_token',
    'gen_ai.server.time_per_output_token',
    'gen_ai.client.operation.time_to_first_chunk',
  ])
    assert.equal(sum(name), 1, name)
  assert.deepEqual(
    new Set(metrics.get('gen_ai.client.token.usage')?.points.map(({ told: t }) => t['gen_ai.token.type'])),
    new Set(['input', 'output']),
  )
  const led = metrics.get('http.server.request.duration')?.points.flatMap((point) => point.rays) ?? []
  assert.ok(led.length > 0 && led.every((ray) => rays.has(ray as string)), String(led))
  assert.equal(sum('holdfast.calls'), 2)
  assert.deepEqual([metrics.get('holdfast.answer')?.unit, metrics.get('holdfast.calls_live')?.kind], ['By', 'gauge'])
})

test('who asks for no record gets none, and upstreams are told so', async () => {
  await using rig = await Rig.open()
  const seen: unknown[] = []
  rig.first.script = (call) => {
    seen.push(call.headers['traceparent'])
    sayHello(call)
  }
  const parent = `00-${traceId}-${parentId}-00`
  await rig.house.ask(post(goodBody, { headers: [json, `traceparent: ${parent}`] }))
  await rig.close()
  assert.deepEqual([seen, rig.receiver.spans], [[parent], []])
})

test('of traces that begin here, as many are recorded as the settings say', async () => {
  await using rig = await Rig.open({ sampleRatio: 0 })
  const seen: unknown[] = []
  rig.first.script = (call) => {
    seen.push(call.headers['traceparent'])
    sayHello(call)
  }
  await rig.house.ask(post(goodBody))
  await rig.close()
  assert.match(String(seen[0]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/)
  assert.deepEqual(rig.receiver.spans, [])
})

test('a trace context that is none is not passed on, and a good one goes through where nothing is exported', async () => {
  await using rig = await Rig.open(null)
  const seen: unknown[] = []
  rig.first.script = (call) => {
    seen.push(call.headers['traceparent'], call.headers['tracestate'])
    sayHello(call)
  }
  const good = `00-${traceId}-${parentId}-01`
  for (const [parent, state] of [
    [good, 'k=v'],
    [good, 'k=v,broken'],
    [good, `k=${'v'.repeat(600)}`],
    [`${good}-more`, 'k=v'],
    [`00-${'0'.repeat(32)}-${parentId}-01`, 'k=v'],
    [good.toUpperCase(), 'k=v'],
    [`ff${good.slice(2)}`, 'k=v'],
    ['"><script>alert(1)</script>', 'k=v'],
  ])
    await rig.house.ask(post(goodBody, { headers: [json, `traceparent: ${parent}`, `tracestate: ${state}`] }))
  await rig.close()
  assert.deepEqual(seen, [good, 'k=v', good, undefined, good, undefined, ...Array.from({ length: 10 })])
  assert.deepEqual(rig.receiver.requests, [])
})

test('the variables of OpenTelemetry turn it on', async (t: TestContext) => {
  await using receiver = await OtlpReceiver.open()
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'X-Tenant=a%20b,broken',
    OTEL_SERVICE_NAME: 'edge',
    OTEL_RESOURCE_ATTRIBUTES: 'holdfast.zone=eu-1',
  }
  Object.assign(process.env, variables)
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name]
  })
  const house = await openTestHouse()
  await house.ask(post(goodBody))
  await house[Symbol.asyncDispose]()
  assert.deepEqual(receiver.flaws, [])
  assert.equal(receiver.spans.length, 2)
  assert.deepEqual([receiver.resource['service.name'], receiver.resource['holdfast.zone']], ['edge', 'eu-1'])
  assert.equal(receiver.requests[0]?.headers['x-tenant'], 'a b')
})

test('a receiver that hangs hurts no call, and does not hold up the end', { timeout: patienceMs }, async () => {
  await using rig = await Rig.open({ timeoutMs: 60_000 })
  rig.receiver.intercept = () => true
  for (let i = 0; i < 5; i++) assert.equal((await rig.house.ask(post(goodBody))).status, 200)
  await rig.house[Symbol.asyncDispose]()
  assert.match(
    await rig.house.house.metrics.registry.metrics(),
    /holdfast_otlp_items_total\{signal="spans",outcome="dropped"\} 10/,
  )
})
