/** What is left of a budget, and when it will be gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetCondition, budgetOf } from './budget.ts'
import { objectivesSchema } from './objective-options.ts'

const dayMs = 86_400_000
const [objective] = objectivesSchema.parse([{ name: 'whole', sli: 'availability', target: 0.99 }])
assert.ok(objective)
/** Bad ones of ten thousand calls a day, in all and in the last day. */
const sums = (badAll: number, badDay: number) => (windowMs: number) => {
  const all = (10_000 * windowMs) / dayMs
  const bad = windowMs > dayMs ? badAll : (badDay * windowMs) / dayMs
  return { good: all - bad, bad }
}

test('of 3000 bad calls that are allowed 2700 leave a tenth, which lasts 36 hours at twice the pace', () => {
  const { leftShare, goneInMs, reached } = budgetOf(objective, sums(2700, 200), 30 * dayMs)
  assert.ok(Math.abs(leftShare - 0.1) < 1e-9)
  assert.ok(Math.abs((goneInMs ?? 0) - 1.5 * dayMs) < 1000)
  assert.equal(reached, 1 - 2700 / 300_000)
  assert.match(
    budgetCondition(objective, sums(2700, 200), 30 * dayMs)?.summary ?? '',
    /used up in 36 h .* 10 % is left/,
  )
})

test('a pace that the budget bears is no reason to worry, nor is one that takes weeks', () => {
  assert.equal(budgetCondition(objective, sums(2700, 100), 30 * dayMs), null)
  assert.equal(budgetCondition(objective, sums(300, 200), 30 * dayMs), null)
})

test('more than was allowed is gone, whatever the pace', () => {
  assert.equal(budgetCondition(objective, sums(3001, 0), 30 * dayMs)?.name, 'ErrorBudgetSpent')
})

test('on the first day a bad hour is measured by the budget of the whole window', () => {
  const day = () => ({ good: 9900, bad: 100 })
  assert.ok(budgetOf(objective, day, dayMs).leftShare > 0.96)
  assert.ok(Math.abs(budgetOf(objective, day, 30 * dayMs).leftShare) < 1e-9)
})
