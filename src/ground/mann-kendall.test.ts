/** Trends are found, noise and waves are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { risingProbability, slopeRange, theilSenSlope } from './mann-kendall.ts'
import { seededRandom } from './random.ts'

test('the Theil-Sen slope finds a line through samples of which some are wild', () => {
  const x = Array.from({ length: 21 }, (_, i) => i)
  const y = x.map((value) => (value % 7 === 3 ? 1e6 : 5 * value + 100))
  assert.ok(Math.abs(theilSenSlope(x, y) - 5) < 0.5)
})

test('a flat noisy series is no trend, a rising one is, a falling one is not rising', () => {
  const noise = Array.from({ length: 25 }, (_, i) => ((i * 7919) % 25) / 25)
  assert.ok(risingProbability(noise) > 0.05)
  assert.ok(risingProbability(noise.map((value, i) => value + i * 0.2)) < 0.001)
  assert.ok(risingProbability(noise.map((value, i) => value - i * 0.2)) > 0.999)
  assert.equal(risingProbability([1, 1, 1, 1]), 1)
})

test('the Mann-Kendall probability agrees with a worked example', () => {
  // S = 10 - 0 for five rising values: variance 16.67, z = 9 / 4.0825 = 2.2045, one-sided p = 0.01374.
  assert.ok(Math.abs(risingProbability([1, 2, 3, 4, 5]) - 0.01374) < 1e-4)
})

test('a slow wave is less of a trend than the same values in any order that rises as much', () => {
  const wave = Array.from({ length: 40 }, (_, i) => Math.sin((i - 10) / 6))
  const mixed = wave.map((_, i) => (wave[(i * 7) % 40] ?? 0) + i * 0.02)
  assert.ok(risingProbability(wave) > 0.05, `a wave: ${risingProbability(wave)}`)
  assert.ok(risingProbability(mixed) < 0.2)
  const leak = Array.from({ length: 40 }, (_, i) => Math.sin(i / 2) + i * 0.2)
  assert.ok(risingProbability(leak) < 0.001, 'a leak under a wave is still one')
})

test('the lower bound of a slope is above nothing for a leak, below for noise', () => {
  const random = seededRandom(3)
  const x = Array.from({ length: 40 }, (_, i) => i)
  const noise = x.map(() => random.unit())
  const leak = slopeRange(
    x,
    x.map((i) => i * 0.1 + (noise[i] ?? 0)),
  )
  assert.ok(leak.slopeMin > 0.05 && leak.slopeMin < leak.slope, JSON.stringify(leak))
  assert.ok(slopeRange(x, noise).slopeMin < 0)
})
