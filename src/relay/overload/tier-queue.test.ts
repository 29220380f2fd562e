// Tests of the line of one tier: turns between tenants, hurry within one, and no call lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TierQueue, type Waiting } from './tier-queue.ts'

interface Options {
  readonly work?: number
  readonly startByMs?: number
  readonly placeKey?: string
  readonly hasPlace?: () => boolean
}

function call(tenant: string, options: Options = {}): Waiting {
  return { tenant, work: 100, startByMs: 1000, placeKey: 'm', hasPlace: () => true, ...options }
}

function takeAll(queue: TierQueue<Waiting>): Waiting[] {
  const taken: Waiting[] = []
  for (let next = queue.take(new Set()); next; next = queue.take(new Set())) taken.push(next)
  return taken
}

test('tenants take turns by what they were given, not by how much they ask', () => {
  const queue = new TierQueue<Waiting>()
  for (let i = 0; i < 6; i++) queue.add(call('greedy'))
  queue.add(call('modest'))
  queue.add(call('modest'))
  assert.deepEqual(
    takeAll(queue).map(({ tenant }) => tenant),
    ['greedy', 'modest', 'greedy', 'modest', 'greedy', 'greedy', 'greedy', 'greedy'],
  )
})

test('of one tenant the call whose time runs out first is first; of two alike the one that came first', () => {
  const queue = new TierQueue<Waiting>()
  const [late, soon, alsoSoon] = [call('a', { startByMs: 9000 }), call('a'), call('a')]
  for (const each of [late, soon, alsoSoon]) queue.add(each)
  assert.deepEqual(takeAll(queue), [soon, alsoSoon, late])
})

test('one that comes back after a rest does not catch up what it did not ask for', () => {
  const queue = new TierQueue<Waiting>()
  queue.add(call('b'))
  queue.take(new Set())
  for (let i = 0; i < 50; i++) queue.add(call('a'))
  for (let i = 0; i < 40; i++) queue.take(new Set())
  for (let i = 0; i < 10; i++) queue.add(call('b'))
  const next = [queue.take(new Set()), queue.take(new Set()), queue.take(new Set()), queue.take(new Set())]
  assert.equal(next.filter((each) => each?.tenant === 'a').length, 2)
})

test('one that was served a lot while nobody waited has its turns beside one that is new', () => {
  const queue = new TierQueue<Waiting>()
  for (let i = 0; i < 1000; i++) queue.charge(call('old'))
  queue.charge(call('seldom'))
  for (let i = 0; i < 8; i++) for (const tenant of ['new', 'old', 'seldom']) queue.add(call(tenant))
  const next = Array.from({ length: 12 }, () => queue.take(new Set())?.tenant)
  for (const tenant of ['new', 'old', 'seldom'])
    assert.ok(next.filter((each) => each === tenant).length >= 3, `${tenant} of ${next.join(' ')}`)
})

test('a call whose servers are full does not hold up others', () => {
  const queue = new TierQueue<Waiting>()
  let asked = 0
  const hasPlace = (): boolean => {
    asked++
    return false
  }
  queue.add(call('a', { placeKey: 'full', hasPlace }))
  queue.add(call('a', { placeKey: 'full', hasPlace }))
  const open = call('a', { placeKey: 'open', startByMs: 5000 })
  queue.add(open)
  assert.equal(queue.take(new Set()), open)
  assert.equal(asked, 1, 'places that were full a moment ago are not asked again')
  assert.equal(queue.take(new Set()), null)
  assert.equal(queue.count, 2)
})

test('the last one is the one with the most time left', () => {
  const queue = new TierQueue<Waiting>()
  assert.equal(queue.last, null)
  const [soon, late] = [call('a', { startByMs: 10 }), call('b', { startByMs: 11, placeKey: 'n' })]
  queue.add(late)
  queue.add(soon)
  assert.equal(queue.last, late)
})

test('of two models at free servers the more urgent call is first, whichever it asks for', () => {
  const queue = new TierQueue<Waiting>()
  const calls = [30, 10, 20, 40].map((startByMs, i) => call('a', { startByMs, placeKey: i % 2 === 0 ? 'm' : 'n' }))
  for (const each of calls) queue.add(each)
  assert.deepEqual(
    takeAll(queue).map(({ startByMs }) => startByMs),
    [10, 20, 30, 40],
  )
})

test('thousands that wait for a full server are not looked through for each place at another one', () => {
  const queue = new TierQueue<Waiting>()
  let asked = 0
  const hasPlace = (): boolean => {
    asked++
    return false
  }
  for (let i = 0; i < 5000; i++) queue.add(call(`t${i % 3}`, { placeKey: 'full', hasPlace }))
  for (let i = 0; i < 100; i++) queue.add(call('t1', { placeKey: 'open' }))
  assert.ok(queue.waitsFor('open') && queue.waitsFor('full') && !queue.waitsFor('other'))
  for (let i = 0; i < 100; i++) assert.equal(queue.take(new Set())?.placeKey, 'open')
  assert.ok(asked <= 100, `${asked}`)
  assert.ok(!queue.waitsFor('open'))
  assert.equal(queue.count, 5000)
})

test('whatever comes and goes, each call is told of once and the sums are right', () => {
  const step = fc.record({
    tenant: fc.integer({ min: 0, max: 5 }),
    work: fc.integer({ min: 1, max: 500 }),
    op: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new TierQueue<Waiting>()
      const inside = new Set<Waiting>()
      for (const { tenant, work, op } of steps) {
        if (op <= 1) {
          const added = call(`t${tenant}`, { work, startByMs: work % 50, placeKey: `${work % 3}` })
          inside.add(added)
          queue.add(added)
        } else if (op === 2) {
          const taken = queue.take(new Set())
          assert.equal(taken === null, inside.size === 0)
          if (taken) assert.ok(inside.delete(taken))
        } else {
          const [any] = inside
          if (any) assert.ok(queue.remove(any) && inside.delete(any))
        }
        assert.equal(queue.count, inside.size)
        assert.ok(Math.abs(queue.work - [...inside].reduce((sum, each) => sum + each.work, 0)) < 1e-6)
      }
    }),
  )
})

test('thousands of tenants that ask once leave nothing behind that grows', () => {
  const queue = new TierQueue<Waiting>()
  for (let i = 0; i < 20_000; i++) {
    queue.noteArrival(call(`t${i}`), i)
    queue.charge(call(`t${i}`))
  }
  assert.ok(queue.tenantCount <= 1001, `${queue.tenantCount} tenants are remembered`)
})
