/** Sketches: what they keep is within 12 %, and adding up loses nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addSketch, countAbove, countOf, observe, quantileOf } from './sketch.ts'

const values = fc.array(fc.double({ min: 1, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 })

function sketchOf(list: readonly number[]): number[] {
  const sketch: number[] = []
  for (const value of list) observe(sketch, value)
  return sketch
}

test('a quantile is within a bucket of the true one', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, share) => {
      const sorted = list.toSorted((a, b) => a - b)
      const truth = sorted[Math.max(0, Math.ceil(share * list.length - 1e-9) - 1)] ?? 0
      const told = quantileOf(sketchOf(list), share)
      assert.ok(told <= truth * 1.13 && told >= truth / 1.13, `${told} for ${truth}`)
    }),
  )
})

test('what lies above a value is told within a bucket, and falls as the value rises', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 1, max: 1e6, noNaN: true }), (list, value) => {
      const sketch = sketchOf(list)
      const told = countAbove(sketch, value)
      assert.ok(told >= list.filter((each) => each > value * 1.13).length - 1e-9)
      assert.ok(told <= list.filter((each) => each > value / 1.13).length + 1e-9)
      assert.ok(countAbove(sketch, value * 1.5) <= told + 1e-9)
    }),
  )
})

test('sketches add up', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const sum = sketchOf(a)
      addSketch(sum, sketchOf(b))
      assert.deepEqual(sum, sketchOf([...a, ...b]))
    }),
  )
})

test('nothing is no number, and zeros are kept', () => {
  assert.equal(quantileOf([], 0.5), Number.NaN)
  assert.equal(countOf(sketchOf([0, 0, 1])), 3)
  assert.equal(quantileOf(sketchOf([0, 0, 0]), 0.5), 1)
})
