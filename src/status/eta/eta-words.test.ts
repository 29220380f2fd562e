// Tests of the words: plain, rounded, never more exact than the numbers, and silent where nothing is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { etaRetryAfterSeconds } from './eta-retry-after.ts'
import { EtaLearner } from './eta-learner.ts'
import { shippedPrior } from './shipped-prior.ts'
import { etaWords, isWorthSaying, roughly } from './eta-words.ts'

const span = (lowMin: number, medianMin: number, highMin: number, elapsedMin = 20) => ({
  ...{ elapsedMin, lowMin, medianMin, highMin },
})

test('a range and a middle, in the units of people', () => {
  const cases = [
    [span(21.3, 52, 176), 'Probably 20 minutes to 3 hours more, most likely about 50 minutes.'],
    [span(2.2, 3.4, 12), 'Probably 2 to 10 minutes more, most likely about 3 minutes.'],
    [span(58, 95, 170), 'Probably 1 to 3 hours more, most likely about 1½ hours.'],
    [span(0.6, 0.9, 1.2), 'Probably about 1 minute more.'],
    [span(63, 300, 1300), 'Probably 1 to 22 hours more, most likely about 5 hours.'],
  ] as const
  for (const [given, words] of cases) assert.equal(etaWords(given), words)
})

test('where nothing can be planned by it, it says so', () => {
  assert.match(etaWords(span(4, 60, 700, 0.2)), /too early/)
  assert.equal(
    etaWords(span(8, 229, 3680)),
    'Hard to say: half of what lasts this long is over within 4 hours more, but it can go on for days.',
  )
  assert.match(etaWords(span(30, 4600, 40_000)), /no honest estimate/)
  assert.equal(isWorthSaying(span(8, 229, 3680)), false)
})

test('rounding stays within a quarter, from two minutes on, and never says 0 or 60 minutes', () => {
  const scales: Record<string, number> = { minute: 1, hour: 60, day: 1440 }
  fc.assert(
    fc.property(fc.double({ min: 0, max: 40_000, noNaN: true }), (minutes) => {
      const [count, unit] = roughly(minutes).split(' ') as [string, string]
      const value = Number(count.replace('½', '.5')) * (scales[unit.replace(/s$/, '')] as number)
      assert.ok(value >= 1 && roughly(minutes) !== '60 minutes')
      if (minutes >= 2) assert.ok(Math.abs(value / minutes - 1) <= 0.26, `${minutes}: ${roughly(minutes)}`)
    }),
  )
})

test('Retry-After only where nine in ten are over within ten minutes', () => {
  const fresh = new EtaLearner(shippedPrior).estimate(
    { beganMs: 0, updates: [], isOneOfSeveral: false, causeClass: null },
    2,
  )
  assert.equal(etaRetryAfterSeconds(fresh), null)
  assert.equal(etaRetryAfterSeconds({ ...fresh, medianMin: 2.01, overByMin: 9 }), 125)
  assert.equal(etaRetryAfterSeconds({ ...fresh, medianMin: 0.01, overByMin: 1 }), 5)
  assert.equal(etaRetryAfterSeconds({ ...fresh, medianMin: 2, overByMin: 11 }), null)
  assert.equal(etaRetryAfterSeconds({ ...fresh, medianMin: Number.NaN, overByMin: Number.NaN }), null)
})
