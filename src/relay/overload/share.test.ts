/** Shares of what there is: always within 0 and 1, and never less for more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { diskShare, loopShare, shareOf, workerMemoryBytes } from './share.ts'

const mib = 2 ** 20
const gib = 2 ** 30

test('the delay of the event loop meets the ladder at a fifth, at half and at the whole of its limit', () => {
  assert.deepEqual(
    [0, 100, 250, 500, 1000, 60_000].map((delayMs) => loopShare(delayMs, 500)),
    [0, 0.75, 0.92, 0.97, 1, 1],
  )
})

test('a disk is short by what is free, and not by what is used', () => {
  const big = 10 * 2 ** 40
  assert.ok(diskShare(900 * gib, big, 256 * mib) === 0, '91 % of ten terabytes used is no trouble')
  assert.ok(Math.abs(diskShare(512 * mib, big, 256 * mib) - 0.8) < 1e-9)
  assert.ok(Math.abs(diskShare(256 * mib, big, 256 * mib) - 0.9) < 1e-9)
  assert.equal(diskShare(0, big, 256 * mib), 1)
})

test('a disk that is smaller than what should be free is not full from the start', () => {
  assert.ok(diskShare(60 * mib, 64 * mib, 256 * mib) < 0.8)
  assert.ok(diskShare(2 * mib, 64 * mib, 256 * mib) > 0.9)
})

test('workers share what the container has, or the machine where the container says nothing', () => {
  assert.equal(workerMemoryBytes(24 * gib, 2 ** 64, 2), (24 * gib - 128 * mib) / 2)
  assert.equal(workerMemoryBytes(24 * gib, 0, 1), 24 * gib - 128 * mib)
  assert.equal(workerMemoryBytes(24 * gib, 2 * gib, 2), 960 * mib)
  assert.equal(workerMemoryBytes(24 * gib, 200 * mib, 4), 256 * mib, 'or it would refuse calls for ever')
})

test('all shares lie within 0 and 1 and grow with what is used', () => {
  const amount = fc.double({ min: 0, max: 1e15, noNaN: true })
  fc.assert(
    fc.property(amount, amount, amount, fc.integer({ min: 1, max: 10_000 }), (a, b, limit, refuseMs) => {
      const [less, more] = a < b ? [a, b] : [b, a]
      for (const of of [
        (used: number) => shareOf(used, limit),
        (used: number) => loopShare(used, refuseMs),
        (used: number) => diskShare(1e15 - used, 1e15, limit),
      ]) {
        assert.ok(of(less) >= 0 && of(more) <= 1)
        assert.ok(of(less) <= of(more) + 1e-12)
      }
    }),
  )
})
