/** Tests of the statistics that the benches judge by. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, quantile } from './statistics.ts'

test('quantiles interpolate between neighbours and do not need sorted input', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(quantile([0, 10], 0.25), 2.5)
  assert.ok(Number.isNaN(median([])))
})
