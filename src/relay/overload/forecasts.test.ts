// Tests of honesty about times: what counts as held, the correction of a lasting error, and those who were sent away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Forecasts } from './forecasts.ts'

test('a forecast holds within 30 % to both sides; times under a second are not told, and not counted', () => {
  const forecasts = new Forecasts()
  const told = { rawMs: 10_000, toldMs: 10_000 }
  for (const actualMs of [7000, 10_000, 13_000]) forecasts.note(told, actualMs, 0)
  for (const actualMs of [6900, 13_100, 0]) forecasts.note(told, actualMs, 0)
  forecasts.note({ rawMs: 900, toldMs: 900 }, 5000, 0)
  assert.deepEqual([forecasts.heldCount, forecasts.missedCount], [3, 3])
})

test('a lasting error is corrected, and the correction does not chase itself', () => {
  const forecasts = new Forecasts()
  let atMs = 0
  for (let i = 0; i < 2000; i++) forecasts.note(forecasts.correct(2000), 4000, (atMs += 200))
  assert.ok(Math.abs(forecasts.correct(2000).toldMs - 4000) < 100, `${forecasts.correct(2000).toldMs}`)
  for (let i = 0; i < 2000; i++) forecasts.note(forecasts.correct(2000), 2e9, (atMs += 200))
  assert.ok(forecasts.correct(2000).toldMs <= 6000, 'one that is beyond all measure is not believed')
})

test('whoever was sent away is counted when the work before him has passed', () => {
  const forecasts = new Forecasts()
  forecasts.watch({ rawMs: 2000, toldMs: 2000 }, 'ann', 250, 0)
  forecasts.passed('bob', 1000, 500)
  forecasts.passed('ann', 200, 1000)
  assert.equal(forecasts.heldCount + forecasts.missedCount, 0)
  forecasts.passed('ann', 100, 2200)
  assert.deepEqual([forecasts.heldCount, forecasts.missedCount], [1, 0])
})

test('only so many are watched at once', () => {
  const forecasts = new Forecasts()
  for (let i = 0; i < 10_000; i++) forecasts.watch({ rawMs: 2000, toldMs: 2000 }, 'ann', 1, 0)
  forecasts.passed('ann', 1, 2000)
  assert.equal(forecasts.heldCount, 256)
})

test('those of whose tenant nothing is heard any more do not keep others from being watched', () => {
  const forecasts = new Forecasts()
  for (let i = 0; i < 256; i++) forecasts.watch({ rawMs: 2000, toldMs: 2000 }, 'gone', 1, i)
  forecasts.watch({ rawMs: 2000, toldMs: 2000 }, 'ann', 1, 1_000_000)
  forecasts.passed('ann', 1, 1_002_000)
  assert.equal(forecasts.heldCount, 1)
})
