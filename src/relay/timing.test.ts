/** Who had a call until its answer began. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { serverTiming, upstreamMs } from './timing.ts'

const attempt = (afterMs: number, durationMs: number): { afterMs: number; durationMs: number } => ({
  afterMs,
  durationMs,
})

test('attempts one after another count with their times, beside each other once', () => {
  assert.equal(upstreamMs([], 2, 10), 8)
  assert.equal(upstreamMs([], null, 10), 0)
  assert.equal(upstreamMs([attempt(1, 4)], null, 10), 4)
  assert.equal(upstreamMs([attempt(1, 4)], 7, 10), 7)
  assert.equal(upstreamMs([attempt(5, 4), attempt(1, 20)], null, 10), 9, 'a hedge beside a late one')
  assert.equal(upstreamMs([attempt(1, 100)], null, 10), 9, 'what comes after the head does not count')
})

test('it is never negative nor longer than all, and no attempt makes it shorter', () => {
  const ms = fc.integer({ min: 0, max: 1000 })
  const attempts = fc.array(fc.record({ afterMs: ms, durationMs: ms }), { maxLength: 6 })
  fc.assert(
    fc.property(attempts, fc.option(ms), ms, (all, sinceMs, endMs) => {
      const took = upstreamMs(all, sinceMs, endMs)
      assert.ok(took >= 0 && took <= endMs, `${took} of ${endMs}`)
      assert.ok(upstreamMs(all.slice(1), sinceMs, endMs) <= took)
    }),
  )
})

test('it is told in the form that browsers know', () => {
  assert.equal(serverTiming(0, 812.44, 0.6789), 'queue;dur=0, upstream;dur=812.4, gateway;dur=0.7')
})
