// Tests of places that several pools share: the tiers hold across them, and no pool's batch calls are forgotten.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balanceSchema, timeoutsSchema } from '../../fleet/pool-options.ts'
import type { Pool } from '../../fleet/pool.ts'
import { Upstream } from '../../fleet/upstream.ts'
import { upstreamSchema } from '../../fleet/upstream-options.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import type { Passage } from './gate.ts'
import type { LineCall } from './line.ts'
import { overloadSchema } from './overload-options.ts'
import { Places } from './places.ts'
import type { Tier } from './tier.ts'

const size = { promptTokens: 160, outputTokens: 90 }

/** Servers with one place each, and pools of them. */
class Stage {
  readonly clock = new ManualClock()
  readonly places = new Places(
    this.clock,
    seededRandom(1),
    overloadSchema.parse({ limits: 'fixed', callsMax: 1, waitMs: { standard: 600_000, batch: 600_000 } }),
  )
  readonly served: string[] = []
  #upstreams = new Map<string, Upstream>()
  #live: (() => void)[] = []

  pool(name: string, ...servers: string[]): Pool {
    const members = servers.map((server) => {
      let upstream = this.#upstreams.get(server)
      const options = upstreamSchema.parse({ url: `http://${server}:8000/v1`, models: ['m'] })
      if (!upstream) this.#upstreams.set(server, (upstream = new Upstream(server, options, null, this.clock)))
      return { upstream, model: null, weight: 1, priority: 0 }
    })
    return { name, members, timeouts: timeoutsSchema.parse({}), attemptsMax: 5, balance: balanceSchema.parse({}) }
  }

  offer(pool: Pool, tier: Tier, name: string): void {
    const { places } = this
    const call: LineCall = {
      tier,
      tenant: tier,
      work: 100,
      startByMs: this.clock.monotonicMs() + 600_000,
      placeKey: 'm',
      hasPlace: () => places.hasPlace(pool.members, () => false, 0),
      admit: () => {
        const member = pool.members.find((each) => places.hasRoom(each))
        assert.ok(member, `${name} was let in without a place`)
        const passage: Passage = places.enter(member.upstream, 'm', size, true)
        this.served.push(name)
        this.#live.push(() => {
          passage.end()
          places.lineOf(pool).leavePlace(call)
        })
      },
      refuse: (fault) => assert.fail(`${name}: ${fault.code}`),
    }
    const fault = places.lineOf(pool).offer(call)
    if (fault) call.refuse(fault)
  }

  /** The call that has been under way longest ends. */
  endFirst(): void {
    this.#live.shift()?.()
  }

  finish(count: number): void {
    for (let i = 0; i < count; i++) {
      this.endFirst()
      this.clock.advance(50)
    }
  }
}

test('premium calls of one pool go before standard and batch calls of another one at the same server', () => {
  const stage = new Stage()
  const [a, b] = [stage.pool('a', 'gpu1'), stage.pool('b', 'gpu1')]
  stage.offer(b, 'batch', 'first')
  for (let i = 0; i < 3; i++) stage.offer(b, 'batch', `batch${i}`)
  for (let i = 0; i < 3; i++) stage.offer(b, 'standard', `standard${i}`)
  for (let i = 0; i < 3; i++) stage.offer(a, 'premium', `premium${i}`)
  stage.finish(7)
  assert.deepEqual(
    stage.served.slice(1).map((name) => name.replace(/\d/, '')),
    ['premium', 'premium', 'premium', 'standard', 'standard', 'standard', 'batch'],
  )
})

test('calls of one tier in two pools have turns', () => {
  const stage = new Stage()
  const pools = [stage.pool('a', 'gpu1'), stage.pool('b', 'gpu1')] as const
  for (let i = 0; i < 6; i++) for (const pool of pools) stage.offer(pool, 'standard', pool.name)
  stage.finish(8)
  const ofA = stage.served.filter((name) => name === 'a').length
  assert.ok(ofA >= 3 && ofA <= 6, stage.served.join(' '))
})

test('batch calls of a pool have their tenth, though only another pool has premium calls', () => {
  const stage = new Stage()
  const [a, b] = [stage.pool('a', 'gpu1'), stage.pool('b', 'gpu1')]
  stage.offer(a, 'premium', 'premium')
  for (let i = 0; i < 20; i++) stage.offer(b, 'batch', 'batch')
  for (let i = 0; i < 100; i++) stage.offer(a, 'premium', 'premium')
  stage.finish(60)
  const batch = stage.served.filter((name) => name === 'batch').length
  assert.ok(batch >= 4 && batch <= 8, `${batch} of 60`)
})

test('one that comes in the moment in which a place becomes free does not slip past those of another pool', () => {
  const stage = new Stage()
  const [a, b] = [stage.pool('a', 'gpu1'), stage.pool('b', 'gpu1')]
  stage.offer(a, 'standard', 'first')
  stage.offer(a, 'premium', 'waiting')
  // The end of the first, and in the same turn another call.
  stage.endFirst()
  stage.offer(b, 'standard', 'late')
  assert.deepEqual(stage.served, ['first', 'waiting'])
  stage.finish(1)
  assert.deepEqual(stage.served, ['first', 'waiting', 'late'])
})

test('a full server of one pool keeps no call from the free server of another', () => {
  const stage = new Stage()
  const [a, b] = [stage.pool('a', 'gpu1'), stage.pool('b', 'gpu1', 'gpu2')]
  stage.offer(a, 'standard', 'a')
  for (let i = 0; i < 5; i++) stage.offer(a, 'premium', `a${i}`)
  stage.offer(b, 'batch', 'b')
  assert.deepEqual(stage.served, ['a', 'b'])
})
