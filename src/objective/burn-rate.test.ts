/** The table of burn rates by example: what each tier fires on, and what none does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { burnCondition, burnRate, burnTiers } from './burn-rate.ts'
import { type Objective, objectivesSchema } from './objective-options.ts'
import type { Tally } from './tally-window.ts'

const hourMs = 3_600_000
const [objective] = objectivesSchema.parse([{ name: 'whole', sli: 'availability', target: 0.999 }])
assert.ok(objective)

/** A thousand calls an hour with this share of bad ones in each window. */
const sums =
  (shareOf: (windowMs: number) => number) =>
  (windowMs: number): Tally => {
    const all = (1000 * windowMs) / hourMs
    return { good: all * (1 - shareOf(windowMs)), bad: all * shareOf(windowMs) }
  }

const fires = (shareOf: (windowMs: number) => number, more: Partial<Objective> = {}): string | null =>
  burnCondition({ ...objective, ...more }, sums(shareOf))?.severity ?? null

test('the tiers take 2, 5, 10 and 10 % of the budget of 30 days', () => {
  assert.deepEqual(
    burnTiers.map(({ longMs, burn }) => Math.round((100 * burn * longMs) / (720 * hourMs))),
    [2, 5, 10, 10],
  )
  for (const { longMs, shortMs } of burnTiers) assert.equal(longMs / shortMs, 12)
})

test('the faster it burns, the louder', () => {
  assert.equal(
    fires(() => 0.0145),
    'critical',
  )
  assert.equal(
    fires(() => 0.0061),
    'critical',
  )
  assert.equal(
    fires(() => 0.0059),
    'warning',
  )
  assert.equal(
    fires(() => 0.0011),
    'warning',
  )
  assert.equal(
    fires(() => 0.001),
    null,
  )
})

test('what is over raises no alert, nor does what has only begun', () => {
  // Bad for an hour, well for five minutes.
  assert.equal(
    fires((windowMs) => (windowMs < hourMs / 2 ? 0 : windowMs <= hourMs ? 0.05 : 0.0001)),
    null,
  )
  // A burst of five minutes that an hour does not feel.
  assert.equal(
    fires((windowMs) => (windowMs < hourMs / 2 ? 0.1 : 0.0005)),
    null,
  )
})

test('a few bad calls are no alert, however few there are in all', () => {
  const few = (bad: number) => burnCondition(objective, () => ({ good: 0, bad }))
  assert.equal(few(9), null)
  assert.equal(few(10)?.severity, 'critical')
  assert.match(few(10)?.summary ?? '', /whole misses its objective of 99.9 %: 100 % bad over 1 h/)
})

test('an objective says how loud it may be', () => {
  assert.equal(
    fires(() => 0.1, { alert: 'ticket' }),
    'warning',
  )
  assert.equal(
    fires(() => 0.1, { alert: 'none' }),
    null,
  )
})

test('a rate that a lax objective cannot reach is never exceeded', () => {
  assert.equal(
    fires(() => 1, { target: 0.5 }),
    'warning',
  )
})

test('more bad calls never make it quieter', () => {
  const weight = { critical: 2, warning: 1, info: 0 }
  const share = fc.double({ min: 0, max: 0.5, noNaN: true })
  fc.assert(
    fc.property(share, share, (a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)]
      const loud = (each: number): number => weight[(fires(() => each) ?? 'info') as 'info']
      assert.ok(loud(more) >= loud(less))
    }),
  )
})

test('without calls nothing burns', () => assert.equal(burnRate({ good: 0, bad: 0 }, 0.999), 0))
