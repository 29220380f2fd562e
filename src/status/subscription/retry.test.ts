// When a message is tried again, and when somebody is given up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Delivery, Subscriber } from '../../store/subscription-store.ts'
import { judgeFailure } from './retry.ts'

const limits = { giveUpMs: 86_400_000, dropMs: 259_200_000 }

function deliveryOf(tries: number, failures: number, failingSinceMs: number | null, madeMs = 0): Delivery {
  const subscriber: Subscriber = {
    ...{ id: 'a', channel: 'email' as const, address: 'a@example.com', components: null, secretId: 'a' },
    ...{ isConfirmed: true, askedMs: 0, failingSinceMs, failures },
  }
  return { id: 1, subscriber, key: 'incident/a/1', body: '{}', madeMs, tries }
}

test('it is tried again later and later, for a day, and asked patience is given within an hour', () => {
  assert.equal(judgeFailure(deliveryOf(0, 0, null), {}, limits, 0, 0.999_999).againMs?.toFixed(0), '30000')
  assert.equal(judgeFailure(deliveryOf(3, 3, 0), {}, limits, 0, 0).againMs, 120_000)
  assert.equal(judgeFailure(deliveryOf(30, 30, 0), {}, limits, 0, 0).againMs, 1_800_000)
  assert.equal(judgeFailure(deliveryOf(0, 0, null), { retryAfterMs: 600_000 }, limits, 0, 0).againMs, 600_000)
  assert.equal(judgeFailure(deliveryOf(0, 0, null), { retryAfterMs: 1e12 }, limits, 0, 0).againMs, 3_600_000)
  assert.equal(judgeFailure(deliveryOf(30, 30, 0), {}, limits, limits.giveUpMs, 0).againMs, null)
})

test('who fails for days is dropped, but not for what two tries say after a long pause of our own', () => {
  assert.equal(judgeFailure(deliveryOf(0, 10, 0), {}, limits, limits.dropMs, 0).isDropped, true)
  assert.equal(judgeFailure(deliveryOf(0, 10, 1), {}, limits, limits.dropMs, 0).isDropped, false)
  assert.equal(judgeFailure(deliveryOf(0, 1, 0), {}, limits, 10 * limits.dropMs, 0).isDropped, false)
  assert.equal(judgeFailure(deliveryOf(0, 1, 0), { isFinal: true }, limits, 0, 0).isDropped, false)
  assert.equal(judgeFailure(deliveryOf(0, 2, 0), { isFinal: true }, limits, 0, 0).isDropped, true)
})

test('no message is tried more than some dozens of times, whatever chance says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 100, maxLength: 100 }),
      (luck) => {
        let nowMs = 0
        let tries = 0
        for (const chance of luck) {
          const { againMs, isDropped } = judgeFailure(deliveryOf(tries, tries, 0), {}, limits, nowMs, chance)
          if (againMs === null || isDropped) return
          assert.ok(againMs >= nowMs + 15_000)
          nowMs = againMs
          tries++
        }
        assert.fail('it never ends')
      },
    ),
  )
})
