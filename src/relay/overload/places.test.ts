// Tests of the places of all servers together: pools that share one, and who comes first then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balanceSchema, type Member, type Pool, timeoutsSchema } from '../../fleet/pool.ts'
import { Upstream, upstreamSchema } from '../../fleet/upstream.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import type { LineCall } from './line.ts'
import { overloadSchema } from './overload-options.ts'
import { Places } from './places.ts'

const size = { promptTokens: 100, outputTokens: 100 }

test('pools that share a server take turns at it', () => {
  const clock = new ManualClock()
  using places = new Places(clock, seededRandom(3), overloadSchema.parse({ limits: 'fixed', callsMax: 1 }))
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, clock)
  const members: Member[] = [{ upstream, model: null, weight: 1, priority: 0 }]
  const base = { members, timeouts: timeoutsSchema.parse({}), attemptsMax: 5, balance: balanceSchema.parse({}) }
  const pools: Pool[] = ['first', 'second', 'third'].map((name) => ({ name, ...base }))
  const served: string[] = []
  let running = places.enter(upstream, 'm', size, true)
  const callOf = (pool: Pool): LineCall => ({
    tier: 'standard',
    tenant: 't',
    work: 100,
    startByMs: Number.POSITIVE_INFINITY,
    placeKey: 'm',
    hasPlace: () => places.hasPlace(members, () => false, 0),
    admit: () => {
      served.push(pool.name)
      running = places.enter(upstream, 'm', size, true)
    },
    refuse: (fault) => assert.fail(fault.code),
  })
  for (const pool of pools) for (let i = 0; i < 12; i++) places.lineOf(pool).offer(callOf(pool))
  for (let i = 0; i < 12; i++) {
    running.end()
    clock.advance(10)
  }
  for (const { name } of pools)
    assert.ok(served.filter((each) => each === name).length >= 3, `${name} of ${served.join(' ')}`)
})
