// Which components there are where none are named, and what is counted as the gateway's own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import type { SumFact } from '../observe/fact.ts'
import { Components } from './components.ts'
import { readHarm } from './read-news.ts'

function sum(model: string, code: FaultCode | null, count = 1, route = 'chat'): SumFact {
  const links = { atMs: 0, node: 'n', kind: 'sum', ray: null, upstream: null, fromMs: 0 } as const
  const sums = { recordedCount: 0, slowCount: 0, durationMs: 0, firstTokenMs: 0, firstTokenCount: 0 }
  const more = { inputTokens: 0, outputTokens: 0, attemptCount: 0, seamCount: 0 }
  const outcome = code === null ? 'complete' : 'failed'
  return { ...links, route, model, outcome, code, tier: 'standard', caller: '', count, ...sums, ...more }
}

function namesAfter(...sums: SumFact[]): string[] {
  const components = new Components([])
  for (const each of sums) components.hear(each)
  return components.all.map(({ name }) => name)
}

test('a path, a key or a model that does not exist makes no component', () => {
  const strangers = [
    sum('unknown', 'HF_ROUTE_UNKNOWN', 9, 'other'),
    sum('unknown', 'HF_KEY_UNKNOWN'),
    sum('unknown', 'HF_MODEL_UNKNOWN', 9),
    sum('unknown', 'HF_BAD_HTTP', 9, 'other'),
    sum('unknown', 'HF_INTERNAL', 9, 'admin'),
    sum('unknown', 'HF_MAINTENANCE', 9),
  ]
  assert.deepEqual(namesAfter(...strangers, sum('llama', null)), ['llama'])
})

test('what the gateway turns away before any model is asked is its own component', () => {
  assert.deepEqual(namesAfter(sum('llama', null), sum('unknown', 'HF_PRESSURE')), ['Gateway', 'llama'])
  assert.deepEqual(namesAfter(sum('unknown', 'HF_INTERNAL', 1, 'other')), ['Gateway'])
})

test('a few refusals among many answers are a small share of them, not all of the few', () => {
  const components = new Components([])
  const sums = [sum('llama', null, 990), sum('unknown', 'HF_PRESSURE', 10), sum('unknown', 'HF_ROUTE_UNKNOWN', 500)]
  for (const each of sums) components.hear(each)
  const { tallies } = readHarm(sums, [], components.all)
  const { total, failed } = tallies.get('gateway') ?? {}
  assert.deepEqual({ total, failed }, { total: 1000, failed: 10 })
  assert.equal(tallies.get('llama')?.total, 990)
})
