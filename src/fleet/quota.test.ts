/** What providers say is left of their limits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { Quota } from './quota.ts'

test('the smallest share of the limits counts, in the words of either provider', () => {
  const quota = new Quota(new ManualClock())
  assert.equal(quota.leftShare, null)
  quota.read({
    'x-ratelimit-limit-requests': '1000',
    'x-ratelimit-remaining-requests': '900',
    'x-ratelimit-limit-tokens': '200000',
    'x-ratelimit-remaining-tokens': '20000',
  })
  assert.equal(quota.leftShare, 0.1)
  quota.read({ 'anthropic-ratelimit-tokens-limit': '80000', 'anthropic-ratelimit-tokens-remaining': '40000' })
  assert.equal(quota.leftShare, 0.5)
})

test('nonsense, silence and old words say nothing', () => {
  const clock = new ManualClock()
  const quota = new Quota(clock)
  const read = (remaining: string, limit: string): void =>
    quota.read({ 'x-ratelimit-remaining-requests': remaining, 'x-ratelimit-limit-requests': limit })
  for (const [remaining, limit] of [
    ['x', '1'],
    ['1', '0'],
    ['-5', '10'],
    ['', ''],
  ] as const)
    read(remaining, limit)
  assert.equal(quota.leftShare, null)
  read('20', '10')
  assert.equal(quota.leftShare, 1)
  quota.read({})
  assert.equal(quota.leftShare, 1)
  clock.advance(121_000)
  assert.equal(quota.leftShare, null)
})
