// More calls than places, in simulated time: what the line and the gates are for, and what happens without them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RigResult, runOverload } from '../world/overload-rig.ts'

function share({ tiers }: RigResult, tier: 'premium' | 'standard' | 'batch'): number {
  return tiers[tier].good / tiers[tier].offered
}

function held({ tiers }: RigResult, tier: 'standard' | 'batch'): number {
  const { etasHeld, etasMissed } = tiers[tier]
  return etasHeld / (etasHeld + etasMissed)
}

test('goodput stays at its height when three and four times as much is asked as can be served', () => {
  const runs = [1.5, 2, 3, 4].map((load) => runOverload({ limits: 'adaptive', load }))
  const best = Math.max(...runs.map(({ goodput }) => goodput))
  for (const [i, { goodput }] of runs.entries()) assert.ok(goodput >= 0.95 * best, `${goodput} of ${best}, run ${i}`)
  assert.ok(best > 0.9, `the engines work at ${best} of what they could`)
})

test('without limits the same load leaves next to nothing in time', () => {
  const collapsed = runOverload({ limits: 'off', load: 3, seconds: 140 })
  assert.ok(collapsed.goodput < 0.2, `${collapsed.goodput}`)
  assert.ok(share(collapsed, 'premium') < 0.1, `${share(collapsed, 'premium')}`)
})

test('those that matter most are served, the last are not starved, and the greedy one does not take it all', () => {
  const result = runOverload({ limits: 'adaptive', load: 3, seed: 2 })
  assert.ok(share(result, 'premium') >= 0.99, `${share(result, 'premium')}`)
  assert.ok(share(result, 'batch') > 0.05, `${share(result, 'batch')}`)
  const { goodOf } = result.tiers.standard
  const [greedy = 0, modest = 0] = [goodOf.get('greedy'), goodOf.get('modest0')]
  // It asks 4.5 times as often as each of the others.
  assert.ok(greedy < 1.6 * modest, `${greedy} beside ${modest}`)
})

test('who is told to wait, or to come back, is told the truth', () => {
  const result = runOverload({ limits: 'adaptive', load: 3, engines: 8, seconds: 200 })
  assert.ok(held(result, 'standard') > 0.85, `${held(result, 'standard')}`)
  assert.ok(held(result, 'batch') > 0.85, `${held(result, 'batch')}`)
})

test('while all is well nobody waits and nobody is sent away', () => {
  const { tiers, goodput } = runOverload({ limits: 'adaptive', load: 0.5, seed: 3 })
  for (const { good, offered, refused } of Object.values(tiers)) {
    assert.equal(refused.size, 0)
    assert.ok(good >= 0.999 * offered, `${good} of ${offered}`)
  }
  assert.ok(goodput > 0.4)
})

test('an engine of eight places is found out as well as one of a hundred', () => {
  for (const [slots, decodeRate] of [
    [8, 25],
    [100, 200],
  ] as const) {
    const { goodput } = runOverload({ limits: 'adaptive', load: 2, slots, decodeRate, engines: 2, seconds: 300 })
    assert.ok(goodput > 0.8, `${goodput} with ${slots}`)
  }
})
