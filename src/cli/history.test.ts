/** The last ten minutes: sums of workers that come and go become what happened in each second. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { History, type WorkerSums } from './history.ts'

const idle = { callsLive: 0, waiting: 0 }

function sums(worker: string, calls: number, codes: Record<string, number> = {}): WorkerSums {
  const beat = { firstTokens: [calls], codes, attemptCodes: {}, upstreams: {}, lastFailures: {} }
  return { worker, totals: { calls, failed: 0, outputTokens: 10 * calls, events: 0, retries: 0 }, beat }
}

test('a worker that dies takes nothing away, and its successor begins from nothing', () => {
  const history = new History()
  history.take(1000, [sums('1', 5), sums('2', 7)], idle)
  history.take(2000, [sums('1', 8)], idle)
  history.take(3000, [sums('1', 8), sums('3', 2)], idle)
  assert.deepEqual(history.curves(0).calls, [12, 3, 2])
  assert.deepEqual(history.curves(0).outputTokens, [120, 30, 20])
})

test('faults are those of the seconds asked for', () => {
  const history = new History()
  history.take(1000, [sums('1', 1, { HF_OVERLOADED: 4 })], idle)
  for (let second = 2; second <= 20; second++) history.take(second * 1000, [sums('1', 1, { HF_OVERLOADED: 4 })], idle)
  history.take(21_000, [sums('1', 1, { HF_OVERLOADED: 5, HF_DEADLINE: 1 })], idle)
  assert.deepEqual(history.lately(10).codes, { HF_OVERLOADED: 1, HF_DEADLINE: 1 })
  assert.deepEqual(history.lately(300).codes, { HF_OVERLOADED: 5, HF_DEADLINE: 1 })
})

test('who asks for what is new gets just that, who asks for nonsense gets all, and there are ten minutes at most', () => {
  const history = new History()
  for (let second = 1; second <= 700; second++) history.take(second * 1000, [sums('1', second)], idle)
  assert.equal(history.curves(0).calls.length, 600)
  assert.deepEqual(history.curves(698).atMs, [699_000, 700_000])
  assert.deepEqual(history.curves(700).atMs, [])
  for (const since of [701, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.equal(history.curves(since).calls.length, 600)
})

test('whatever workers do, all curves are of one length, and no value is below zero', () => {
  const steps = fc.array(fc.record({ worker: fc.constantFrom('1', '2', '3'), more: fc.nat(20) }), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (all) => {
      const history = new History()
      const totals = new Map<string, number>()
      for (const [i, { worker, more }] of all.entries()) {
        totals.set(worker, (totals.get(worker) ?? 0) + more)
        if (more === 13) totals.delete(worker)
        history.take(
          i,
          [...totals].map(([name, calls]) => sums(name, calls)),
          idle,
        )
      }
      const { last, ...curves } = history.curves(0)
      assert.equal(last, all.length)
      for (const curve of Object.values(curves)) {
        assert.equal(curve.length, all.length)
        assert.ok(curve.every((value) => value === null || value >= 0))
      }
    }),
  )
})
