// Tests of the comparison: it finds the odd one, spares the even ones, and never takes out too many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Random, seededRandom } from '../../ground/random.ts'
import { findOutliers, outMaxOf, type Peer } from './outlier.ts'

const rules = { firstTokenMarginMs: 0, gapMarginMs: 0 }

function peer(more: Partial<Peer> = {}): Peer {
  return { calls: 100, failures: 0, firstTokens: 100, firstTokenMs: 200, gaps: 100, gapMs: 20, isOut: false, ...more }
}

function fleet(count: number, more: (i: number) => Partial<Peer> = () => ({})): Peer[] {
  return Array.from({ length: count }, (_, i) => peer(more(i)))
}

const indexes = (peers: readonly Peer[]): number[] => findOutliers(peers, rules).map(({ index }) => index)

/** About normal, mean 0 and deviation 1. */
function normal(random: Random): number {
  let sum = -6
  for (let i = 0; i < 12; i++) sum += random.unit()
  return sum
}

function binomial(random: Random, count: number, rate: number): number {
  let hits = 0
  for (let i = 0; i < count; i++) if (random.unit() < rate) hits++
  return hits
}

/** A fleet whose members are all alike, as far as chance lets them. */
function uniform(count: number, seed: number): Peer[] {
  const random = seededRandom(seed)
  const rate = [0, 0.01, 0.1, 0.4, 0.9][Math.floor(random.unit() * 5)] as number
  return fleet(count, () => {
    const calls = 20 + Math.floor(random.unit() * 300)
    return {
      calls,
      failures: binomial(random, calls, rate),
      firstTokens: calls,
      firstTokenMs: 300 * Math.exp(0.2 * normal(random)),
      gaps: calls,
      gapMs: 15 * Math.exp(0.1 * normal(random)),
    }
  })
}

const size = fc.oneof(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 2, max: 1000 }))
const seed = fc.nat()

test('of two, one that fails far more often, or is five times as slow, is found', () => {
  assert.deepEqual(indexes([peer(), peer({ failures: 40 })]), [1])
  assert.deepEqual(indexes([peer({ firstTokenMs: 1100 }), peer()]), [0])
  assert.deepEqual(indexes([peer({ gapMs: 110 }), peer()]), [0])
})

test('of two, one that is twice as slow or fails a little more often stays', () => {
  assert.deepEqual(indexes([peer({ firstTokenMs: 400, gapMs: 60 }), peer()]), [])
  assert.deepEqual(indexes([peer({ failures: 5 }), peer()]), [])
})

test('when all fail or all are slow, none is odd', () => {
  assert.deepEqual(indexes(fleet(6, (i) => ({ failures: 90 + i, firstTokenMs: 20_000 + i }))), [])
})

test('a single one, and one of which too little is known, is left alone', () => {
  assert.deepEqual(indexes([peer({ failures: 100 })]), [])
  assert.deepEqual(indexes([peer({ calls: 19, failures: 19, firstTokens: 19, gaps: 0 }), peer(), peer()]), [])
})

test('a wait that nobody notices is none', () => {
  const peers = [peer({ firstTokenMs: 20, gapMs: 1 }), peer({ firstTokenMs: 2, gapMs: 0.1 })]
  assert.deepEqual(findOutliers(peers, { firstTokenMarginMs: 100, gapMarginMs: 20 }), [])
  assert.deepEqual(indexes(peers), [0])
})

test('the reason is told in words', () => {
  const [failing] = findOutliers([peer(), peer({ failures: 62 }), peer()], rules)
  assert.equal(failing?.reason, '62 % of its calls fail, 0 % with its peers')
  const [slow] = findOutliers([peer(), peer({ firstTokenMs: 4200 }), peer()], rules)
  assert.equal(slow?.reason, 'first token after 4.2 s, 200 ms with its peers')
})

test('half of a small fleet at most, a tenth of a large one, and never the last', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 19, 20, 29, 30, 1000].map(outMaxOf), [0, 1, 1, 2, 2, 2, 2, 2, 3, 100])
})

test('what is out already counts', () => {
  assert.deepEqual(indexes([peer({ isOut: true }), peer(), peer({ failures: 90 })]), [])
  assert.deepEqual(indexes([peer({ isOut: true }), peer(), peer(), peer({ failures: 90 })]), [3])
})

const wild = fc.record({
  calls: fc.nat({ max: 500 }),
  failures: fc.nat({ max: 500 }),
  firstTokens: fc.nat({ max: 500 }),
  firstTokenMs: fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constant(Number.NaN)),
  gaps: fc.nat({ max: 500 }),
  gapMs: fc.double({ min: -1, max: 1e9, noNaN: true }),
  isOut: fc.boolean(),
})

test('whatever the numbers: never the last, never more than may be out, nobody who is out, nobody twice', () => {
  fc.assert(
    fc.property(fc.array(wild, { minLength: 1, maxLength: 60 }), (wilds) => {
      const peers = wilds.map((each) => ({ ...each, failures: Math.min(each.failures, each.calls) }))
      const found = indexes(peers)
      const outBefore = peers.filter(({ isOut }) => isOut).length
      assert.equal(new Set(found).size, found.length)
      assert.ok(found.every((i) => peers[i]?.isOut === false))
      if (found.length === 0) return
      assert.ok(outBefore + found.length <= outMaxOf(peers.length))
      assert.ok(outBefore + found.length < peers.length)
    }),
  )
})

test('a fleet of any size whose members are alike is left alone', () => {
  fc.assert(
    fc.property(size, seed, (count, from) => {
      assert.deepEqual(indexes(uniform(count, from)), [])
    }),
    { numRuns: 200 },
  )
})

const harms: ((healthy: Peer) => Partial<Peer>)[] = [
  ({ calls }) => ({ failures: Math.ceil(calls * 0.7) }),
  ({ firstTokenMs }) => ({ firstTokenMs: firstTokenMs * 20 }),
  ({ gapMs }) => ({ gapMs: gapMs * 20 }),
]

test('in a fleet of any size a planted bad one is found, and nobody else', () => {
  fc.assert(
    fc.property(size, seed, fc.nat(), fc.constantFrom(...harms), (count, from, place, harm) => {
      const peers = uniform(count, from).map((each) => ({ ...each, failures: Math.floor(each.calls * 0.02) }))
      const bad = place % count
      const planted = peers.map((each, i) => (i === bad ? { ...each, ...harm(each) } : each))
      assert.deepEqual(indexes(planted), [bad])
    }),
    { numRuns: 200 },
  )
})

test('the unit of time does not matter', () => {
  fc.assert(
    fc.property(size, seed, fc.constantFrom(2 ** -10, 0.25, 8, 2 ** 12), fc.nat(), (count, from, factor, place) => {
      const peers = uniform(count, from).map((each, i) =>
        i === place % count ? { ...each, firstTokenMs: each.firstTokenMs * 4 } : each,
      )
      const scaled = peers.map((each) => ({
        ...each,
        firstTokenMs: each.firstTokenMs * factor,
        gapMs: each.gapMs * factor,
      }))
      assert.deepEqual(indexes(scaled), indexes(peers))
    }),
    { numRuns: 100 },
  )
})
