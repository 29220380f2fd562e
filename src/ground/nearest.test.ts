// The nearest vectors are those that a plain comparison finds, though most comparisons are given up early.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { nearest } from './nearest.ts'

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values) || 1
  return Float32Array.from(values, (value) => value / length)
}
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)

describe('the nearest vectors', () => {
  test('are those of at least the threshold, the nearest first', () => {
    const number = fc.double({ min: -1, max: 1, noNaN: true })
    const world = fc
      .integer({ min: 1, max: 70 })
      .chain((size) =>
        fc.array(fc.array(number, { minLength: size, maxLength: size }), { minLength: 1, maxLength: 30 }),
      )
    fc.assert(
      fc.property(
        world,
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        (all, least, max) => {
          const vectors = all.filter((values) => Math.hypot(...values) > 0.01).map(unit)
          const [query] = vectors
          if (!query) return
          const found = nearest(query, vectors, least, max)
          const expected = vectors.map((each) => cosine(query, each)).toSorted((a, b) => b - a)
          assert.ok(found.length <= max)
          found.forEach(({ similarity }, i) => assert.ok(Math.abs(similarity - (expected[i] ?? 0)) < 1e-4))
          const sure = expected.filter((each) => each > least + 1e-4).length
          assert.ok(found.length >= Math.min(max, sure))
          for (const { similarity } of found) assert.ok(similarity > least - 1e-4)
        },
      ),
    )
  })

  test('are of the same dimensions', () => {
    assert.deepEqual(nearest(unit([1, 0]), [unit([1, 0, 0]), unit([1, 0])], 0.9, 3), [{ at: 1, similarity: 1 }])
  })
})
