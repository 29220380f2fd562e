/** Spans are JSON whatever the names in them, and lie where the account says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Ray } from '../../fault/ray.ts'
import type { AttemptFact, ExchangeFact } from '../exchange-fact.ts'
import type { Trace } from '../trace-context.ts'
import { SpanWriter } from './call-spans.ts'

const trace: Trace = {
  traceId: 'a'.repeat(32),
  parentId: null,
  spanId: 'b'.repeat(16),
  flags: 3,
  state: '',
  isRecorded: true,
}
const attempt = {
  upstream: 'gpu1',
  code: null,
  detail: '',
  afterMs: 1,
  durationMs: 50,
  connectMs: 0,
  firstTokenMs: 20,
  receivedStatus: 200,
  span: { id: 'c'.repeat(16), model: 'm' },
} satisfies AttemptFact
const fact: ExchangeFact = {
  atMs: Date.UTC(2026, 0, 1) + 100,
  ray: 'r-1' as Ray,
  requestId: null,
  trace,
  route: 'chat',
  model: 'm',
  isModelKnown: true,
  caller: '',
  tier: 'standard',
  isStream: true,
  outcome: 'complete',
  status: 200,
  code: null,
  detail: '',
  attempts: [attempt],
  seams: [],
  durationMs: 100,
  firstTokenMs: 21,
  queueMs: 0,
  overheadMs: 0.5,
  inputTokens: 3,
  outputTokens: 4,
  finishReason: 'stop',
  requestBytes: 1,
  sentBytes: 2,
  eventCount: 3,
}

interface Told {
  readonly name: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly events?: readonly { readonly timeUnixNano: string }[]
  readonly status?: { readonly code: number }
}

function read(more: Partial<ExchangeFact>, own: Trace = trace): Told[] {
  const describe = (): { provider: string; address: string; port: number } => ({
    provider: 'vllm',
    address: 'h',
    port: 1,
  })
  return JSON.parse(`[${new SpanWriter(describe).write({ ...fact, ...more }, own)}]`) as Told[]
}

const valueOf = (span: Told | undefined, key: string): unknown =>
  Object.values(span?.attributes.find((each) => each.key === key)?.value ?? {})[0]
const ns = (afterMs: number): string => `${(Date.UTC(2026, 0, 1) + afterMs) * 1000}000`

test('attempts lie within the call, at the times of the account', () => {
  const [call, first] = read({})
  assert.deepEqual([call?.startTimeUnixNano, call?.endTimeUnixNano], [ns(0), ns(100)])
  assert.deepEqual([first?.startTimeUnixNano, first?.endTimeUnixNano], [ns(1), ns(51)])
  assert.deepEqual([call?.parentSpanId, first?.parentSpanId, first?.name], [undefined, trace.spanId, 'chat m'])
  assert.equal(valueOf(first, 'gen_ai.response.time_to_first_chunk'), 0.02)
})

test('each seam lies at the end of the attempt that broke, and one from another process at the beginning', () => {
  const cut = { ...attempt, code: 'HF_UPSTREAM_CUT' } as const
  const unspoken = { ...cut, code: 'HF_UPSTREAM_REFUSED', firstTokenMs: null } as const
  const attempts = [unspoken, { ...cut, afterMs: 5, durationMs: 20 }, { ...cut, afterMs: 30, durationMs: 10 }, attempt]
  const times = (seams: string[]): unknown =>
    read({ attempts, seams })[0]?.events?.map(({ timeUnixNano }) => timeUnixNano)
  assert.deepEqual(times(['HF_UPSTREAM_CUT', 'HF_UPSTREAM_CUT']), [ns(25), ns(40)])
  assert.deepEqual(times(['HF_NOT_ADOPTABLE', 'HF_UPSTREAM_CUT']), [ns(0), ns(25)])
})

test('an attempt that was outrun has not failed, and one that failed says why', () => {
  const ends = ['HF_OUTRUN', 'HF_UPSTREAM_RESET'] as const
  const attempts = ends.map((code) => ({ ...attempt, code }))
  const [, outrun, reset] = read({ attempts })
  assert.deepEqual(
    [outrun?.status, valueOf(outrun, 'error.type'), valueOf(outrun, 'holdfast.attempt.end')],
    [undefined, undefined, 'HF_OUTRUN'],
  )
  assert.deepEqual([reset?.status?.code, valueOf(reset, 'error.type')], [2, 'HF_UPSTREAM_RESET'])
})

test('names of others stay values, whatever is in them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
      const attempts = [{ ...attempt, upstream: text, span: { id: 'c'.repeat(16), model: text } }]
      const told = { model: text, caller: text, finishReason: text, requestId: text, attempts }
      const [call, only, none] = read(told, { ...trace, state: text })
      const sound = JSON.parse(JSON.stringify(text)) as string
      assert.equal(none, undefined)
      assert.deepEqual([valueOf(call, 'gen_ai.request.model'), valueOf(call, 'holdfast.caller')], [sound, sound])
      assert.deepEqual(
        [valueOf(only, 'holdfast.upstream'), only?.name, only?.traceState],
        [sound, `chat ${sound}`, sound],
      )
    }),
  )
})
