// Tests of the robust line: exact on a line, unmoved by wild points, whatever the scale.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { median, theilSen } from './theil-sen.ts'

test('the median of none is no number, of an even count the mean of the middle two', () => {
  assert.ok(Number.isNaN(median([])))
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
})

test('points on a line give that line, and a fifth of wild ones does not move it', () => {
  const slopes = fc.double({ min: -100, max: 100, noNaN: true })
  const wild = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 20, maxLength: 20 })
  fc.assert(
    fc.property(slopes, slopes, wild, (slope, intercept, noise) => {
      const xs = Array.from({ length: 100 }, (_, i) => i * 3)
      const ys = xs.map((x, i) => (i % 5 === 0 ? (noise[i / 5] as number) : intercept + slope * x))
      const line = theilSen(xs, ys)
      assert.ok(Math.abs(line.slope - slope) < 1e-6, `${line.slope} for ${slope}`)
      assert.ok(Math.abs(line.intercept - intercept) < 1e-4, `${line.intercept} for ${intercept}`)
    }),
  )
})

test('points that share one x lie on a flat line through their middle', () => {
  assert.deepEqual(theilSen([5, 5, 5], [1, 2, 9]), { slope: 0, intercept: 2 })
})
