/** When certificates are renewed, and asked for again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { againAfterMs, renewalMs, suggestedMs, whyUseless } from './acme-plan.ts'

const dayMs = 86_400_000
const unit = fc.double({ min: 0, max: 1, noNaN: true })

test('a certificate of ninety days is renewed about thirty before its end, not all on the same day', () => {
  const life = { fromMs: 0, untilMs: 90 * dayMs }
  assert.equal(renewalMs(life, 0.5), 60 * dayMs)
  fc.assert(
    fc.property(unit, (chance) => {
      const days = renewalMs(life, chance) / dayMs
      assert.ok(days >= 57.7 && days <= 62.3, String(days))
    }),
  )
  assert.notEqual(renewalMs(life, 0.1), renewalMs(life, 0.9))
})

test('the window of an authority is kept to, unless it is too late', () => {
  const life = { fromMs: 0, untilMs: 90 * dayMs }
  fc.assert(
    fc.property(unit, (chance) => {
      const ms = suggestedMs({ startMs: 10 * dayMs, endMs: 11 * dayMs }, life, chance)
      assert.ok(ms >= 10 * dayMs && ms <= 11 * dayMs)
    }),
  )
  assert.ok(suggestedMs({ startMs: 95 * dayMs, endMs: 99 * dayMs }, life, 0.5) < life.untilMs)
})

test('pauses double up to a bound, and no authority sees more than five failures an hour', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), unit, (failures, chance) => {
      const ms = againAfterMs(failures, chance)
      assert.ok(ms >= 60_000 && ms <= 6 * 3_600_000)
    }),
  )
  let ms = 0
  let failures = 1
  while (ms < 3_600_000) ms += againAfterMs(failures++, 0.5)
  assert.ok(failures - 1 <= 6, `${failures - 1} in an hour`)
})

test('what was issued for other names, or is over by this clock, is a failure, and so is not asked for again at once', () => {
  const pair = { names: ['a.test', 'b.test'], fromMs: 0, untilMs: 90 * dayMs }
  assert.equal(whyUseless(pair, ['b.test', 'a.test'], dayMs), null)
  assert.match(whyUseless(pair, ['a.test', 'c.test'], dayMs) ?? '', /c\.test/)
  assert.match(whyUseless(pair, ['a.test'], 90 * dayMs) ?? '', /clock/)
})
