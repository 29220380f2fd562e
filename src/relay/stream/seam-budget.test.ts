// Tests of the budget for continuations: each answer so often, all together so many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { continuationSchema } from './continuation-options.ts'
import { SeamBudget } from './seam-budget.ts'

function open(settings: object, liveCount: () => number): { budget: SeamBudget; clock: ManualClock } {
  const clock = new ManualClock()
  return { clock, budget: new SeamBudget(clock, continuationSchema.parse(settings), liveCount) }
}

test('an answer is continued so often and no more', () => {
  const { budget } = open({ perAnswerMax: 2 }, () => 1000)
  assert.deepEqual(
    [0, 1, 2, 3].map((seamCount) => budget.take(seamCount)),
    [true, true, false, false],
  )
})

test('switched off, none is', () => {
  assert.equal(open({ enabled: false }, () => 1000).budget.take(0), false)
})

test('all together so many in ten seconds, by the most answers that were under way', () => {
  let liveCount = 100
  const { budget, clock } = open({ livePercentMax: 50 }, () => liveCount)
  assert.equal(budget.take(0), true)
  liveCount = 1
  const taken = Array.from({ length: 100 }, () => budget.take(0)).filter(Boolean).length
  assert.equal(taken, 49)
  clock.advance(10_001)
  const later = Array.from({ length: 100 }, () => budget.take(0)).filter(Boolean).length
  assert.equal(later, 20, 'a few always')
})
