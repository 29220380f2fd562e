// Tests of the fleet: which upstreams can answer for a model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../fault/fault.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { Fleet, modelAt, type Target } from './fleet.ts'
import type { ModelOptions } from './model-options.ts'
import { balanceSchema, timeoutsSchema } from './pool-options.ts'
import type { Pool } from './pool.ts'
import { Upstream } from './upstream.ts'
import { upstreamSchema } from './upstream-options.ts'

function upstream(name: string, models?: string[]): Upstream {
  const options = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1', ...(models && { models }) })
  return new Upstream(name, options, null, new ManualClock())
}

function pool(name: string, ...upstreams: Upstream[]): Pool {
  return {
    name,
    members: upstreams.map((each) => ({ upstream: each, model: null, weight: 1, priority: 0 })),
    timeouts: timeoutsSchema.parse({}),
    attemptsMax: 5,
    balance: balanceSchema.parse({}),
  }
}

function fleet(pools: Pool[], models: Record<string, ModelOptions> = {}): Fleet {
  const upstreams = [...new Set(pools.flatMap(({ members }) => members.map((each) => each.upstream)))]
  return new Fleet(upstreams, new Map(pools.map((each) => [each.name, each])), new Map(Object.entries(models)))
}

function names(of: Fleet, model: string): string[] {
  return of.resolve(model).members.map((each) => each.upstream.name)
}

function refusal(of: Fleet, model: string): Fault {
  try {
    of.resolve(model)
  } catch (thrown) {
    return thrown as Fault
  }
  throw new Error(`${model} was resolved`)
}

test('a model is answered by those of the pool that offer it', () => {
  const all = fleet([pool('all', upstream('a', ['m', 'n']), upstream('b', ['n']), upstream('c', ['m']))])
  assert.deepEqual(names(all, 'm'), ['a', 'c'])
  assert.deepEqual(names(all, 'n'), ['a', 'b'])
  assert.equal(all.resolve('m').upstreamModel, 'm')
})

test('the first pool that offers it is taken, and pools are not mixed', () => {
  const both = fleet([pool('one', upstream('a', ['m'])), pool('two', upstream('b', ['m', 'n']))])
  assert.deepEqual(names(both, 'm'), ['a'])
  assert.deepEqual([both.resolve('n').pool.name, names(both, 'n')], ['two', ['b']])
})

test('an alias leads to its pool and its name there', () => {
  const both = fleet([pool('one', upstream('a', ['m'])), pool('two', upstream('b', ['m']))], {
    fast: { pool: 'two', as: 'm' },
  })
  const target = both.resolve('fast')
  assert.deepEqual(
    [target.pool.name, target.upstreamModel, target.members.map((each) => each.upstream.name)],
    ['two', 'm', ['b']],
  )
})

test('a configured model may go to a server that has not said what it offers; any other waits until it has', () => {
  const silent = upstream('a')
  const one = fleet([pool('all', silent)], { m: {} })
  assert.deepEqual(names(one, 'm'), ['a'])
  const fault = refusal(one, 'other')
  assert.deepEqual([fault.code, fault.retryAfterMs], ['HF_NO_UPSTREAM', 5000])
  silent.learn(['x'], null)
  assert.equal(refusal(one, 'other').code, 'HF_MODEL_UNKNOWN')
  assert.equal(refusal(one, 'm').code, 'HF_NO_UPSTREAM') // named by the configuration, so not the caller's mistake
  silent.learn(['other'], null)
  assert.deepEqual(names(one, 'other'), ['a'])
})

test('one that offers it is preferred to one that has said nothing', () => {
  assert.deepEqual(names(fleet([pool('all', upstream('silent'), upstream('b', ['m']))], { m: {} }), 'm'), ['b'])
})

test('one that answers with another model is a fallback, and offers nothing else by itself', () => {
  const [first, other] = [upstream('a', ['m']), upstream('b', ['n'])]
  const mixed = { ...pool('all', first, other) }
  const members = mixed.members.map((member) => ({ ...member, model: member.upstream === other ? 'n' : null }))
  const house = fleet([{ ...mixed, members }])
  const target = house.resolve('m')
  assert.deepEqual(
    target.members.map((member) => [member.upstream.name, modelAt(member, target)]),
    [
      ['a', 'm'],
      ['b', 'n'],
    ],
  )
  assert.equal(refusal(house, 'x').code, 'HF_MODEL_UNKNOWN')
})

test('an unknown model is the caller’s mistake, and the caller is told what there is', () => {
  const fault = refusal(fleet([pool('all', upstream('a', ['m', 'n']))], { fast: { as: 'm' } }), 'gpt')
  assert.deepEqual([fault.code, fault.status, fault.param], ['HF_MODEL_UNKNOWN', 404, 'model'])
  assert.equal(fault.detail, 'offered are fast, m, n')
  const many = fleet([
    pool(
      'all',
      upstream(
        'a',
        Array.from({ length: 25 }, (_, i) => `m${i}`),
      ),
    ),
  ])
  assert.match(refusal(many, 'gpt').detail, /m9 and 15 more$/)
})

test('names of models are exact, and no name leads into the machinery', () => {
  const one = fleet([pool('all', upstream('a', ['m']))])
  for (const model of ['M', 'm ', '__proto__', 'constructor', 'toString'])
    assert.equal(refusal(one, model).code, 'HF_MODEL_UNKNOWN', model)
})

test('the list of models names the configured ones first, each once, with who offers it', () => {
  const all = fleet([pool('all', upstream('a', ['m', 'n']), upstream('b', ['m']))], {
    fast: { as: 'm' },
    n: {},
    ghost: {},
  })
  assert.deepEqual(all.models(), [
    { id: 'fast', upstreams: ['a', 'b'] },
    { id: 'n', upstreams: ['a'] },
    { id: 'ghost', upstreams: [] },
    { id: 'm', upstreams: ['a', 'b'] },
  ])
})

test('a member that joins gets calls, also those that wait; one that drains gets none, and one that left is forgotten', () => {
  const main = pool('main', upstream('a', ['m']))
  const all = fleet([main])
  const waiting = all.resolve('m')
  const told: string[] = []
  all.follow({
    onJoined: ({ name }) => told.push(`joined ${name}`),
    onDraining: ({ name }, moveAfterMs) => told.push(`draining ${name} ${moveAfterMs}`),
    onLeft: ({ name }) => told.push(`left ${name}`),
  })
  const named = ({ members }: Target): string[] => members.map((each) => each.upstream.name)
  all.join(upstream('b', ['m']), { pool: 'main', weight: 2 })
  assert.deepEqual(
    [named(waiting), names(all, 'm')],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  assert.equal(waiting.members[1]?.weight, 2)
  assert.ok(all.drain('a', 500))
  assert.ok(!all.drain('a', 500), 'it drains already')
  assert.deepEqual([named(waiting), all.upstreams.length, all.find('a')?.restLeftMs === 0], [['b'], 2, false])
  assert.ok(all.leave('a'))
  assert.ok(!all.leave('a'))
  assert.deepEqual([all.find('a'), all.upstreams.length], [null, 1])
  assert.deepEqual(told, ['joined b', 'draining a 500', 'left a'])
  all.leave('b')
  assert.deepEqual(named(waiting), [])
  assert.equal(refusal(all, 'm').code, 'HF_NO_UPSTREAM', 'somebody may join')
})

test('a newcomer takes calls once it has said what it offers', () => {
  const main = pool('main', upstream('a', ['m']))
  const all = fleet([main])
  const waiting = all.resolve('m')
  const late = upstream('b')
  all.join(late, { pool: 'main' })
  assert.deepEqual(
    waiting.members.map((each) => each.upstream.name),
    ['a'],
  )
  late.learn(['m'], null)
  assert.deepEqual(
    waiting.members.map((each) => each.upstream.name),
    ['a', 'b'],
  )
})

test('names are taken once, and pools must be there', () => {
  const all = fleet([pool('main', upstream('a', ['m']))])
  assert.throws(() => all.join(upstream('a', ['m']), { pool: 'main' }), /already/)
  assert.throws(() => all.join(upstream('b', ['m']), { pool: 'other' }), /no pool named other/)
})

test('planned maintenance of a name holds for one that joins meanwhile', () => {
  const all = fleet([pool('main', upstream('a', ['m']))])
  all.close({ upstreams: new Map([['b', Number.MAX_SAFE_INTEGER]]), models: new Map() }, () => 0)
  all.join(upstream('b', ['m']), { pool: 'main' })
  assert.deepEqual(names(all, 'm'), ['a'])
})
