// What is taken down: which calls are kept one by one, within bounds, and what of them is left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import type { Fact } from './fact.ts'
import { type FactRow, readRow } from './fact-row.ts'
import { Recording } from './recording.ts'

const times = { afterMs: 0, durationMs: 5, connectMs: 0, firstTokenMs: null }
const attempt = { upstream: 'a', code: null, detail: '', ...times, receivedStatus: 200 }
const good: ExchangeFact = {
  atMs: 1,
  ray: 'r' as Ray,
  requestId: null,
  trace: null,
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
  durationMs: 60_000,
  firstTokenMs: 100,
  queueMs: 0,
  overheadMs: 1,
  inputTokens: 1,
  outputTokens: 2,
  finishReason: 'stop',
  requestBytes: 1,
  sentBytes: 2,
  eventCount: 3,
}

function open({ eventfulPerSecond = 100, uneventfulPerSecond = 5, refusalWords = false } = {}) {
  const clock = new ManualClock()
  const rows: FactRow[] = []
  const shelf = { put: (row: FactRow) => void rows.push(row), lostCount: 0, [Symbol.dispose]: () => {} }
  const options = { eventfulPerSecond, uneventfulPerSecond, slowMs: 10_000, refusalWords }
  const recording = new Recording(clock, options, shelf)
  const calls = (): Fact[] => rows.filter(({ kind }) => kind === 'call').map((row) => readRow(row, 'n') as Fact)
  return { clock, recording, rows, calls }
}

test('of calls to which nothing happened a few a second are kept, and all of the others', () => {
  const { clock, recording, calls } = open()
  const stories: Partial<ExchangeFact>[] = [
    { outcome: 'failed', code: 'HF_UPSTREAM_CUT' },
    { outcome: 'cancelled' },
    { attempts: [attempt, attempt] },
    { attempts: [{ ...attempt, isHedge: true }] },
    { seams: ['HF_UPSTREAM_CUT'] },
    { firstTokenMs: 10_000 },
    { isStream: false, firstTokenMs: 50_000, durationMs: 50_000 },
  ]
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < 100; i++) recording.call(good)
    for (const story of stories) recording.call({ ...good, ...story })
    clock.advance(1000)
  }
  const kept = calls().map((each) => each.kind === 'call' && each.isEventful)
  assert.equal(kept.filter((isEventful) => !isEventful).length, 15)
  assert.equal(kept.filter((isEventful) => isEventful).length, 3 * stories.length)
})

test('a call of which something was noted is kept, however well it ends', () => {
  const { recording, calls } = open({ uneventfulPerSecond: 0 })
  recording.note({ kind: 'client', ray: 'told' as Ray, state: 'left' })
  recording.call({ ...good, ray: 'told' as Ray })
  recording.call({ ...good, ray: 'other' as Ray })
  assert.deepEqual(
    calls().map(({ ray }) => ray),
    ['told'],
  )
})

test('a flood of one fault is bounded, and hides no other', () => {
  const { recording, calls } = open()
  const fail = (code: FaultCode): void => recording.call({ ...good, outcome: 'failed', code })
  for (let i = 0; i < 5000; i++) fail('HF_OVERLOADED')
  for (let i = 0; i < 50; i++) fail('HF_UPSTREAM_CUT')
  const count = (code: FaultCode): number => calls().filter((each) => each.code === code).length
  assert.deepEqual([count('HF_OVERLOADED'), count('HF_UPSTREAM_CUT')], [110, 10])
})

test('what a server says of a call that it refuses may quote it, and is left out unless it is asked for', () => {
  const words = 'status 400: messages[0] "my secret" is too long'
  const refused: ExchangeFact = {
    ...good,
    outcome: 'failed',
    code: 'HF_CALL_REFUSED',
    detail: words,
    attempts: [{ ...attempt, code: 'HF_CALL_REFUSED', detail: words }],
  }
  for (const [refusalWords, expected] of [
    [false, 'status 400'],
    [true, words],
  ] as const) {
    const { recording, calls } = open({ refusalWords })
    recording.call(refused)
    const [call] = calls()
    assert.deepEqual(call?.kind === 'call' && [call.detail, call.attempts[0]?.detail], [expected, expected])
  }
})

test('names and words of any length are cut', () => {
  const { recording, rows } = open()
  const long = 'x'.repeat(1_000_000)
  const attempts = Array.from({ length: 500 }, () => ({ ...attempt, code: 'HF_UPSTREAM_CUT' as const, detail: long }))
  recording.call({ ...good, model: long, detail: long, finishReason: long, attempts })
  recording.call({ ...good, model: long, finishReason: long })
  recording.note({ kind: 'journal', state: 'full', detail: long })
  const sizes = rows.map(({ body }) => body.length)
  assert.equal(sizes.length, 3)
  assert.ok(Math.max(...sizes) < 70_000 && (sizes[1] as number) < 1000 && (sizes[2] as number) < 1100, sizes.join(', '))
})

test('what is remembered of calls under way is bounded', () => {
  const { recording, calls } = open({ uneventfulPerSecond: 0, eventfulPerSecond: 100_000 })
  for (let i = 0; i < 20_000; i++) recording.note({ kind: 'client', ray: `r${i}` as Ray, state: 'left' })
  for (let i = 0; i < 20_000; i++) recording.call({ ...good, ray: `r${i}` as Ray })
  assert.equal(calls().length, 10_000)
})

test('while calls fail, what was counted is told within two seconds, apart from what was good before', () => {
  const { clock, recording, rows } = open()
  const counts = (): [string, number][] =>
    rows
      .filter(({ kind }) => kind === 'sum')
      .map((row) => readRow(row, 'n') as Extract<Fact, { kind: 'sum' }>)
      .map(({ outcome, count }) => [outcome, count])
  for (let i = 0; i < 5; i++) recording.call(good)
  clock.advance(1000)
  const failed: ExchangeFact = { ...good, outcome: 'failed', code: 'HF_UPSTREAM_CUT' }
  recording.call(failed)
  assert.deepEqual(counts(), [['complete', 5]])
  for (let i = 0; i < 3; i++) recording.call(failed)
  clock.advance(2000)
  assert.deepEqual(counts().slice(1), [['failed', 4]])
  recording.call({ ...good, outcome: 'failed', code: 'HF_BAD_JSON' })
  clock.advance(2000)
  assert.equal(counts().length, 2, 'what its caller did wrong harms nobody')
})
