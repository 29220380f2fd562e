// Tests of the choice of an upstream: what counts first, and that equals share by weight.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Member } from '../../fleet/pool.ts'
import { Upstream, upstreamSchema } from '../../fleet/upstream.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { choose } from './balance.ts'

interface Traits {
  readonly weight?: number
  readonly priority?: number
  readonly inFlight?: number
  readonly restMs?: number
}

function member({ weight = 1, priority = 0, inFlight = 0, restMs = 0 }: Traits = {}): Member {
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, new ManualClock())
  upstream.load.calls = inFlight
  if (restMs > 0) upstream.fail('HF_UPSTREAM_RESET', restMs)
  return { upstream, model: null, weight, priority }
}

const none: ReadonlySet<Member> = new Set()

test('nobody is left when all have been tried, or there is nobody', () => {
  const only = member()
  assert.equal(choose([], none, seededRandom(1)), null)
  assert.equal(choose([only], new Set([only]), seededRandom(1)), null)
})

test('one that rests comes after all that do not, whatever its priority and load', () => {
  const resting = member({ restMs: 100, priority: 0, weight: 100 })
  const loaded = member({ priority: 5, inFlight: 500 })
  for (let seed = 0; seed < 50; seed++) assert.equal(choose([resting, loaded], none, seededRandom(seed)), loaded)
  assert.equal(choose([resting, loaded], new Set([loaded]), seededRandom(1)), resting)
})

test('among those that rest the one that is back soonest is taken', () => {
  const sooner = member({ restMs: 100 })
  const later = member({ restMs: 200 })
  for (let seed = 0; seed < 50; seed++) assert.equal(choose([later, sooner], none, seededRandom(seed)), sooner)
})

test('a lower priority number wins over any load', () => {
  const first = member({ priority: 0, inFlight: 1000 })
  const second = member({ priority: 1, weight: 1000 })
  for (let seed = 0; seed < 50; seed++) assert.equal(choose([second, first], none, seededRandom(seed)), first)
})

test('idle ones are drawn in proportion to their weights', () => {
  const members = [member({ weight: 1 }), member({ weight: 3 }), member({ weight: 6 })]
  const random = seededRandom(11)
  const drawCount = 20_000
  const counts = [0, 0, 0]
  for (let i = 0; i < drawCount; i++) counts[members.indexOf(choose(members, none, random) as Member)]!++
  // Five standard deviations of a binomial share of 0.6 among 20,000 are 0.017.
  for (const [i, share] of [0.1, 0.3, 0.6].entries()) {
    assert.ok(
      Math.abs(counts[i]! / drawCount - share) < 0.02,
      `shares ${counts.map((count) => count / drawCount).join(' ')}`,
    )
  }
})

test('held calls even out by weight', () => {
  const members = [member({ weight: 1 }), member({ weight: 4 })]
  const random = seededRandom(3)
  for (let i = 0; i < 500; i++) (choose(members, none, random) as Member).upstream.load.calls++
  const [light, heavy] = members.map(({ upstream }) => upstream.load.calls)
  assert.ok(light! > 85 && light! < 115, `${light} and ${heavy} calls`)
})

test('the choice is never one that was tried, and never none while one is left', () => {
  const traits = fc.record({
    weight: fc.integer({ min: 1, max: 1000 }),
    priority: fc.nat(100),
    inFlight: fc.nat(5000),
    restMs: fc.nat(60_000),
    isTried: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(traits, { maxLength: 12 }), fc.nat(), (list, seed) => {
      const members = list.map(member)
      const tried = new Set(members.filter((_, i) => list[i]!.isTried))
      const chosen = choose(members, tried, seededRandom(seed))
      if (tried.size === members.length) return assert.equal(chosen, null)
      assert.ok(chosen && members.includes(chosen) && !tried.has(chosen))
      const left = members.filter((each) => !tried.has(each))
      const leastRestMs = Math.min(...left.map(({ upstream }) => upstream.restLeftMs))
      assert.equal(chosen.upstream.restLeftMs, leastRestMs)
      const rivals = left.filter(({ upstream }) => upstream.restLeftMs === leastRestMs)
      assert.equal(chosen.priority, Math.min(...rivals.map(({ priority }) => priority)))
    }),
  )
})
