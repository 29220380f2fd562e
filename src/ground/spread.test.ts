// Tests of the spread: its quantiles against sorted numbers, within the width of a bucket.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Spread } from './spread.ts'

function spreadOf(amounts: readonly number[]): Spread {
  const spread = new Spread()
  for (const amount of amounts) spread.observe(amount)
  return spread
}

const bucketWidth = 2 ** 0.25

test('a share of all lies under the answer, and not far under', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1, max: 500_000, noNaN: true }), { minLength: 1, maxLength: 400 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (amounts, share) => {
        const sorted = amounts.toSorted((a, b) => a - b)
        const exact = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number
        const told = spreadOf(amounts).under(share)
        assert.ok(told * 1.000001 >= exact && told <= exact * bucketWidth * 1.000001, `${told} for ${exact}`)
      },
    ),
  )
})

test('what cannot be is counted at the edges, and breaks nothing', () => {
  const spread = spreadOf([-5, 0, Number.NaN, Number.POSITIVE_INFINITY, 1e12])
  assert.equal(spread.count, 5)
  assert.equal(spread.under(0.5), bucketWidth)
  assert.ok(Number.isFinite(spread.under(0.99)))
})

test('the past fades: what was usual long ago is not what is usual now', () => {
  const spread = spreadOf(Array.from({ length: 8000 }, () => 10))
  for (let i = 0; i < 30_000; i++) spread.observe(1000)
  assert.ok(spread.under(0.05) > 900)
  assert.ok(spread.count <= 8192)
})
