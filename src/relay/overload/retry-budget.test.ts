// Tests of the budget for further attempts: a share of the calls, a floor, a window.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../../ground/manual-clock.ts'
import { RetryBudget } from './retry-budget.ts'
import { retriesSchema } from './retry-options.ts'

function open(settings: { percentMax?: number; perSecondMin?: number } = {}, live = 0) {
  const clock = new ManualClock()
  const facts = { live }
  return { clock, facts, budget: new RetryBudget(clock, retriesSchema.parse(settings), () => facts.live) }
}

function takeAll(budget: RetryBudget, cost = 1): number {
  let taken = 0
  while (taken < 100_000 && budget.take(cost)) taken++
  return taken
}

test('without traffic ten a second are allowed, over ten seconds', () => {
  const { budget, clock } = open()
  assert.equal(takeAll(budget), 100)
  assert.equal(budget.deniedCount, 1)
  clock.advance(9000)
  assert.equal(budget.take(1), false)
  clock.advance(1000)
  assert.equal(takeAll(budget), 100)
})

test('a thousand calls bring two hundred more, for as long as they are in the window', () => {
  const { budget, clock } = open({ perSecondMin: 0 })
  for (let i = 0; i < 1000; i++) budget.countCall()
  clock.advance(5000)
  assert.equal(takeAll(budget), 200)
  clock.advance(5000)
  assert.deepEqual([budget.left, budget.take(1)], [0, false])
})

test('calls under way count like calls that began: a dead server may leave old ones', () => {
  const { budget, facts } = open({ perSecondMin: 0 }, 400)
  assert.equal(takeAll(budget), 80)
  facts.live = 0
  assert.equal(budget.left, 0)
})

test('every call may move once from a server that broke its connection', () => {
  const { budget } = open({ perSecondMin: 0 })
  for (let i = 0; i < 500; i++) budget.countCall()
  const moved = takeAll(budget, 0.2)
  assert.ok(moved >= 499 && moved <= 500, `${moved} of 500`)
})

test('what reached nobody is given back, and what costs nothing is always allowed', () => {
  const { budget } = open({ percentMax: 0, perSecondMin: 1 })
  assert.equal(takeAll(budget), 10)
  assert.equal(budget.take(0), true)
  budget.giveBack(3)
  assert.equal(takeAll(budget), 3)
})

test('in no ten seconds more is taken than share and floor allow, whatever comes', () => {
  const step = fc.record({ ms: fc.nat(1500), calls: fc.nat(40), wanted: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(100), fc.nat(5), (steps, percentMax, perSecondMin) => {
      const { budget, clock } = open({ percentMax, perSecondMin })
      const taken: { atMs: number; count: number }[] = []
      const begun: { atMs: number; count: number }[] = []
      for (const { ms, calls, wanted } of steps) {
        clock.advance(ms)
        const atMs = clock.monotonicMs()
        for (let i = 0; i < calls; i++) budget.countCall()
        begun.push({ atMs, count: calls })
        let count = 0
        while (count < wanted && budget.take(1)) count++
        taken.push({ atMs, count })
        // Later the calls that paid for it may be out of the window.
        if (count === 0) continue
        // A slot is a second wide: of the window nine whole ones are sure.
        const since = (list: typeof taken, backMs: number): number =>
          list.filter((each) => each.atMs > atMs - backMs).reduce((sum, each) => sum + each.count, 0)
        const most = (since(begun, 10_000) * percentMax) / 100 + perSecondMin * 10
        assert.ok(since(taken, 9000) <= most + 1e-9, `${since(taken, 9000)} taken, at most ${most}`)
      }
    }),
  )
})
