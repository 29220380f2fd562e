// Tests of the limit that finds its own height: it falls by what waits inside, rises when used, and stays in range.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AdaptiveLimit, type LimitSample } from './adaptive-limit.ts'

const range = { initial: 100, min: 1, max: 1000 }

/** Ten samples within a second and a bit, all alike. */
function second(
  limit: AdaptiveLimit,
  fromMs: number,
  sample: Partial<LimitSample>,
  perSecond: number | null = 50,
): void {
  for (let i = 0; i <= 10; i++)
    limit.observe(
      { waitMs: 0, congestion: 1, inFlight: limit.value, callSize: 1, sentMs: fromMs, ...sample },
      perSecond,
      fromMs + i * 101,
    )
}

test('until it meets congestion it doubles while it is used', () => {
  const limit = new AdaptiveLimit(range)
  second(limit, 0, {})
  assert.ok(limit.value >= 200, `${limit.value}`)
})

test('then it rises slowly while it is used, and stays while it is not', () => {
  const limit = new AdaptiveLimit(range)
  limit.backOff(100, -5000)
  second(limit, 0, { congestion: 20, waitMs: 100 })
  const fallen = limit.value
  second(limit, 2000, {})
  assert.ok(limit.value > fallen && limit.value < 1.2 * fallen, `${limit.value}`)
  const before = limit.value
  for (let s = 1; s < 20; s++) second(limit, s * 2000, { inFlight: before / 4 })
  assert.equal(limit.value, before)
})

test('it falls by a part of what waits inside the server: the wait times the pace', () => {
  const limit = new AdaptiveLimit(range)
  second(limit, 0, { congestion: 5, waitMs: 1000, inFlight: 100 }, 50)
  assert.ok(limit.value >= 80 && limit.value <= 95, `${limit.value}`)
})

test('what was sent before a fall says nothing about the limit after it', () => {
  const limit = new AdaptiveLimit(range)
  second(limit, 0, { congestion: 20, waitMs: 10_000, inFlight: 100 })
  const fallen = limit.value
  for (let s = 2; s < 6; s++)
    for (let i = 0; i <= 10; i++)
      limit.observe({ waitMs: 10_000, congestion: 20, inFlight: 100, callSize: 1, sentMs: 500 }, 50, s * 2000 + i * 101)
  assert.equal(limit.value, fallen)
})

test('a limit far above what is used falls from what was used', () => {
  const limit = new AdaptiveLimit({ initial: 100_000, min: 1, max: 1e9 })
  second(limit, 0, { congestion: 5, waitMs: 1000, inFlight: 200 }, 100)
  assert.ok(limit.value < 200, `${limit.value}`)
})

test('refusals of the server lower it at once, but only once a second', () => {
  const limit = new AdaptiveLimit(range)
  for (let i = 0; i < 50; i++) limit.backOff(100, 5000 + i * 10)
  assert.equal(limit.value, 70)
  limit.backOff(70, 6500)
  assert.ok(Math.abs(limit.value - 49) < 1e-9)
})

test('whatever it is told, it stays a number in its range', () => {
  const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 1e300))
  const sample = fc.record({ waitMs: value, congestion: value, inFlight: value, callSize: value, sentMs: value })
  fc.assert(
    fc.property(fc.array(fc.tuple(sample, value), { maxLength: 100 }), (samples) => {
      const limit = new AdaptiveLimit(range)
      for (const [i, [each, perSecond]] of samples.entries()) limit.observe(each, perSecond, i * 200)
      assert.ok(limit.value >= 1 && limit.value <= 1000, `${limit.value}`)
    }),
  )
})

test('what a refusal took is soon back when nothing waits', () => {
  const limit = new AdaptiveLimit(range)
  limit.backOff(100, 5000)
  for (let s = 3; s < 6; s++) second(limit, s * 2000, {})
  assert.ok(limit.value >= 100, `${limit.value}`)
})
