// Tests of the measure of an upstream's pace: what is a stall follows from what is usual.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from './pace.ts'

function paceOf(gaps: readonly number[]): Pace {
  const pace = new Pace()
  for (const gap of gaps) pace.observe(gap)
  return pace
}

test('with few gaps known the configured limit counts', () => {
  const pace = paceOf(Array.from({ length: 199 }, () => 20))
  assert.deepEqual([pace.p99Ms, pace.stallMs(30_000)], [null, 30_000])
})

test('a fast upstream is given up soon, a slow one late, none before three seconds or after the limit', () => {
  const at = (gapMs: number): number => paceOf(Array.from({ length: 300 }, () => gapMs)).stallMs(30_000)
  assert.equal(at(20), 3000)
  assert.ok(at(4000) > 8000 && at(4000) < 11_000, `${at(4000)}`)
  assert.equal(at(60_000), 30_000)
})

test('the p99 is within a bucket of the true one', () => {
  const gaps = Array.from({ length: 1000 }, (_, i) => (i < 985 ? 10 : 1000))
  const p99Ms = paceOf(gaps).p99Ms ?? 0
  assert.ok(p99Ms >= 1000 && p99Ms <= 1190, `${p99Ms}`)
})

test('the past fades: an upstream that has become fast is known as fast', () => {
  const pace = paceOf(Array.from({ length: 4000 }, () => 5000))
  for (let i = 0; i < 120_000; i++) pace.observe(10)
  assert.equal(pace.stallMs(30_000), 3000)
})
