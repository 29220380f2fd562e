// How a worker's fleet follows what the control process tells.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { Fleet } from './fleet.ts'
import { balanceSchema, timeoutsSchema } from './pool-options.ts'
import { type FleetReplica, ReplicaRoll } from './replica-roll.ts'

function replica(name: string, more: Partial<FleetReplica> = {}): FleetReplica {
  const rest = { pool: 'main', weight: 1, cohort: null, priority: 0, models: ['m'], isDraining: false, moveAfterMs: 0 }
  return { name, url: `http://127.0.0.1:1/${name}`, ...rest, ...more }
}

function stage() {
  const rest = { timeouts: timeoutsSchema.parse({}), attemptsMax: 5, balance: balanceSchema.parse({}) }
  const poolOf = (name: string) => [name, { name, members: [], ...rest }] as const
  const fleet = new Fleet([], new Map([poolOf('main'), poolOf('other')]), new Map())
  const members = (): string[] =>
    fleet.pools.get('main')?.members.map(({ upstream, weight }) => `${upstream.name} ${weight}`) ?? []
  return { fleet, members, roll: new ReplicaRoll(fleet, new ManualClock()) }
}

test('members join, change their share, drain, stay after all, and leave', () => {
  const { fleet, members, roll } = stage()
  roll.use([replica('a'), replica('b')])
  assert.deepEqual(members(), ['a 1', 'b 1'])
  roll.use([replica('a', { weight: 0.1 }), replica('b', { isDraining: true })])
  assert.deepEqual([members(), fleet.find('b')?.isDraining], [['a 0.1'], true])
  roll.use([replica('a', { weight: 0.1 }), replica('b')])
  assert.deepEqual([members(), fleet.find('b')?.isDraining], [['a 0.1', 'b 1'], false])
  roll.use([replica('b')])
  assert.deepEqual([members(), fleet.upstreams.length], [['b 1'], 1])
})

test('of those that die together none takes what another had: it would seem to have killed them all', () => {
  const { fleet, members, roll } = stage()
  roll.use([replica('a'), replica('b'), replica('c')])
  const seen: string[][] = []
  fleet.follow({ onJoined() {}, onDraining() {}, onLeft: () => void seen.push(members()) })
  roll.use([replica('a', { url: 'http://127.0.0.1:2/v1' }), replica('d')])
  assert.deepEqual(seen, [[], ['a 1', 'd 1'], ['a 1', 'd 1']])
})

test('at another address it is another server; a pool that is not there is left out', () => {
  const { fleet, roll } = stage()
  roll.use([replica('a'), replica('lost', { pool: 'none' })])
  const first = fleet.find('a')
  roll.use([replica('a', { url: 'http://127.0.0.1:2/v1' })])
  assert.notEqual(fleet.find('a'), first)
  assert.deepEqual([first?.hasLeft, fleet.find('a')?.url.port, fleet.find('lost')], [true, '2', null])
})

test('in another pool, with another priority or other models it goes on with what it has', () => {
  const { fleet, members, roll } = stage()
  roll.use([replica('a'), replica('b')])
  const a = fleet.find('a')
  roll.use([replica('a', { pool: 'other', priority: 2 }), replica('b', { models: ['m', 'n'] })])
  assert.deepEqual(members(), ['b 1'])
  assert.deepEqual(
    fleet.pools.get('other')?.members.map(({ upstream, priority }) => [upstream, priority]),
    [[a, 2]],
  )
  assert.equal(a?.hasLeft, false)
  assert.deepEqual(
    fleet.resolve('n').members.map(({ upstream }) => upstream.name),
    ['b'],
  )
  roll.use([replica('a', { pool: 'other', priority: 2 }), replica('b', { models: null })])
  fleet.find('b')?.learn(['own'], null)
  assert.deepEqual([...(fleet.find('b')?.models ?? [])], ['own'])
})
