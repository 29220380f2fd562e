/** The sums behind the console's curves: what counts, and how near a quantile is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ray } from '../fault/ray.ts'
import { firstTokenBoundsMs, Pulse, quantileMs } from './pulse.ts'

const call = {
  atMs: 1000,
  ray: 'a-ray' as Ray,
  outcome: 'complete',
  code: null,
  attempts: [],
  isStream: true,
  firstTokenMs: null,
} as const
const attempt = {
  detail: '',
  afterMs: 0,
  durationMs: 1,
  connectMs: null,
  firstTokenMs: null,
  receivedStatus: null,
} as const

test('an attempt that failed counts at its upstream, though the caller noticed nothing', () => {
  const pulse = new Pulse()
  const attempts = [
    { ...attempt, upstream: 'a', code: 'HF_UPSTREAM_REFUSED' },
    { ...attempt, upstream: 'b', code: null },
  ] as const
  pulse.settled({ ...call, attempts })
  const { codes, attemptCodes, upstreams, lastFailures } = pulse.beat
  assert.deepEqual({ codes, attemptCodes }, { codes: {}, attemptCodes: { HF_UPSTREAM_REFUSED: 1 } })
  assert.deepEqual(upstreams, { a: { attempts: 1, failed: 1 }, b: { attempts: 1, failed: 0 } })
  assert.deepEqual(lastFailures, { a: { code: 'HF_UPSTREAM_REFUSED', ray: 'a-ray', atMs: 1000 } })
})

test('who lost a race, or was left by the caller, has not failed', () => {
  const pulse = new Pulse()
  const attempts = [
    { ...attempt, upstream: 'a', code: 'HF_OUTRUN' },
    { ...attempt, upstream: 'a', code: 'HF_CLIENT_GONE' },
  ] as const
  pulse.settled({ ...call, attempts, outcome: 'cancelled', code: 'HF_CLIENT_GONE' })
  assert.deepEqual(pulse.beat.upstreams, { a: { attempts: 2, failed: 0 } })
  assert.deepEqual([pulse.beat.codes, pulse.beat.attemptCodes], [{}, {}])
})

test('a quantile lies in the class of the value it stands for: a fifth off at most, above a few milliseconds', () => {
  const times = fc.array(fc.double({ min: 4, max: 500_000, noNaN: true }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
      const pulse = new Pulse()
      for (const firstTokenMs of all) pulse.settled({ ...call, firstTokenMs })
      const sorted = all.toSorted((a, b) => a - b)
      const exact = sorted[Math.ceil(share * sorted.length - 1e-9) - 1] ?? 0
      const found = quantileMs(pulse.beat.firstTokens, share) ?? 0
      // One class is from a bound to the next: a factor of the root of two.
      assert.ok(found / exact < Math.SQRT2 + 1e-6 && exact / found < Math.SQRT2 + 1e-6, `${found} for ${exact}`)
    }),
  )
})

test('without first tokens there is no quantile; beyond the last class it is the last bound', () => {
  const pulse = new Pulse()
  assert.equal(quantileMs(pulse.beat.firstTokens, 0.5), null)
  pulse.settled({ ...call, firstTokenMs: 10_000_000 })
  assert.equal(quantileMs(pulse.beat.firstTokens, 0.5), firstTokenBoundsMs.at(-1))
})
