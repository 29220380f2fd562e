/** Bets: who is right is not ruined, who is wrong gets rich, and looking often does not help. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { logWealth, newBet, settle, stakeMore } from './bet.ts'

const random = seededRandom(5)

/** The most that a bet ever made, over looks of some calls. */
function best(side: 'most' | 'least', claim: number, truth: number, looks: number): number {
  const bet = newBet(side)
  let high = 0
  for (let i = 0; i < looks; i++) {
    let hits = 0
    for (let call = 0; call < 5; call++) hits += random.unit() < truth ? 1 : 0
    settle(bet, side, [{ claim, hits, count: 5 }])
    high = Math.max(high, Math.exp(Math.min(50, logWealth(bet))))
  }
  return high
}

const share = (side: 'most' | 'least', claim: number, truth: number): number =>
  Array.from({ length: 400 }, () => best(side, claim, truth, 300)).filter((most) => most >= 20).length / 400

test('a true claim is taken for wrong as seldom as promised, at any look', () => {
  // 1/20, and twice its standard error.
  assert.ok(share('most', 0.05, 0.05) <= 0.072)
  assert.ok(share('least', 0.1, 0.1) <= 0.072)
})

test('a wrong claim is found out', () => {
  assert.ok(share('most', 0.02, 0.06) >= 0.99)
  assert.ok(share('least', 0.05, 0.01) >= 0.99)
})

test('one look brings at most e times the stake', () => {
  const bet = newBet('most')
  settle(bet, 'most', [{ claim: 0.001, hits: 1000, count: 1000 }])
  assert.ok(logWealth(bet) <= 1 + 1e-9)
})

test('what becomes worse late is found soon, where the stake was raised', () => {
  const bet = newBet('most')
  for (let i = 0; i < 500; i++) settle(bet, 'most', [{ claim: 0.05, hits: 0, count: 10 }])
  stakeMore(bet)
  let looks = 0
  while (logWealth(bet) < Math.log(100) && looks < 100) {
    settle(bet, 'most', [{ claim: 0.05, hits: 4, count: 10 }])
    looks++
  }
  assert.ok(looks <= 12, `${looks} looks`)
})
