/** Sliding windows: what is in them, over restarts and jumps of the clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { TallyWindow } from './tally-window.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const beginMs = Date.UTC(2026, 0, 1)

test('a window holds what came in it, to a bucket', () => {
  const window = new TallyWindow(90)
  window.add(beginMs, 1, 2)
  window.add(beginMs + 4 * minuteMs, 3, 4)
  assert.deepEqual(window.sum(beginMs + 4 * minuteMs, 5 * minuteMs), { good: 4, bad: 6 })
  assert.deepEqual(window.sum(beginMs + 5 * minuteMs, 5 * minuteMs), { good: 3, bad: 4 })
  assert.deepEqual(window.sum(beginMs + 2 * dayMs, 3 * dayMs), { good: 4, bad: 6 })
  assert.deepEqual(window.sum(beginMs + 3 * dayMs, 3 * dayMs), { good: 0, bad: 0 })
})

test('what is kept is bounded, and what was kept is there again', () => {
  const window = new TallyWindow(90)
  for (let hour = 0; hour < 100 * 24; hour++) window.add(beginMs + hour * hourMs, 1, 0)
  const { minutes, hours } = window.state
  assert.ok(minutes.length <= 6 && hours.length === 91 * 24)
  const again = new TallyWindow(90, JSON.parse(JSON.stringify(window.state)) as typeof window.state)
  const nowMs = beginMs + 100 * dayMs - 1
  for (const windowMs of [hourMs, dayMs, 90 * dayMs])
    assert.deepEqual(again.sum(nowMs, windowMs), window.sum(nowMs, windowMs))
  assert.equal(again.sum(nowMs, 90 * dayMs).good, 90 * 24)
})

test('a clock that steps back loses nothing; what it put into the future counts when that comes', () => {
  const window = new TallyWindow(90)
  window.add(beginMs + 2 * hourMs, 0, 5)
  window.add(beginMs, 1, 0)
  assert.deepEqual(window.sum(beginMs, hourMs), { good: 1, bad: 0 })
  assert.deepEqual(window.sum(beginMs + 2 * hourMs, 6 * hourMs), { good: 1, bad: 5 })
})

test('longer windows never hold less', () => {
  const events = fc.array(fc.tuple(fc.nat(10 * dayMs), fc.nat(5), fc.nat(5)), { maxLength: 60 })
  fc.assert(
    fc.property(events, (all) => {
      const window = new TallyWindow(90)
      for (const [atMs, good, bad] of all.toSorted((a, b) => a[0] - b[0])) window.add(beginMs + atMs, good, bad)
      const nowMs = beginMs + 10 * dayMs
      const sums = [5 * minuteMs, hourMs, 5 * hourMs].map((ms) => window.sum(nowMs, ms))
      const long = [dayMs, 3 * dayMs, 30 * dayMs].map((ms) => window.sum(nowMs, ms))
      for (const part of [sums, long])
        for (let i = 1; i < part.length; i++) assert.ok((part[i]?.bad ?? 0) >= (part[i - 1]?.bad ?? 0))
      assert.equal(
        long[2]?.good,
        all.reduce((sum, [, good]) => sum + good, 0),
      )
    }),
  )
})
