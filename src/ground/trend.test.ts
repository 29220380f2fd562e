/** When a rise counts as growth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './random.ts'
import { judgeTrend } from './trend.ts'

const x = Array.from({ length: 30 }, (_, i) => i)
const random = seededRandom(1)
const noise = x.map(() => random.unit())
const bar = { growthMin: 4, shareMin: 0.03 }

test('a leak in noise is found, with its size', () => {
  const trend = judgeTrend(
    x,
    x.map((i) => 100 + i + 5 * (noise[i] ?? 0)),
    bar,
  )
  assert.equal(trend.isGrowing, true)
  assert.ok(Math.abs(trend.growth - 29) < 3)
  assert.ok(Math.abs(trend.slope - 1) < 0.1)
})

test('noise alone is no growth, nor is a fall', () => {
  assert.equal(
    judgeTrend(
      x,
      noise.map((value) => 100 + 50 * value),
      bar,
    ).isGrowing,
    false,
  )
  assert.equal(
    judgeTrend(
      x,
      x.map((i) => 500 - 10 * i),
      bar,
    ).isGrowing,
    false,
  )
})

test('a sure rise that is too small to matter is no growth, by either measure', () => {
  assert.equal(
    judgeTrend(
      x,
      x.map((i) => 100 + i * 0.1),
      bar,
    ).isGrowing,
    false,
  )
  assert.equal(
    judgeTrend(
      x,
      x.map((i) => 1000 + i),
      bar,
    ).isGrowing,
    false,
  )
})
