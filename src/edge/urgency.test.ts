// Tests of what callers may say of their hurry: times and tiers, and what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../fault/fault.ts'
import { readTier, readTimeLimits } from './urgency.ts'

function refused(run: () => unknown): string {
  try {
    run()
  } catch (thrown) {
    assert.ok(thrown instanceof Fault)
    assert.equal(thrown.code, 'HF_BAD_CALL')
    return `${thrown.param}: ${thrown.detail}`
  }
  throw new Error('it was not refused')
}

test('a time is in seconds, or in the unit that it names', () => {
  const whole = (text: string): number | null => readTimeLimits({ 'x-request-timeout': text }, true).wholeMs
  assert.deepEqual(
    ['20', '0.5', '20s', '1500ms', '1500 ms', '99999999999'].map(whole),
    [20_000, 500, 20_000, 1500, 1500, 86_400_000],
  )
  assert.equal(readTimeLimits({ 'x-slo-ttft-ms': '800' }, true).firstTokenMs, 800)
})

test('times below or beyond all sense are refused, with the name of the header', () => {
  for (const text of [
    '0',
    '-1',
    '-0.5s',
    '',
    'soon',
    '1e9',
    'NaN',
    'Infinity',
    '5m',
    '1,5',
    '0x10',
    ' 5',
    '9'.repeat(40),
  ])
    assert.match(
      refused(() => readTimeLimits({ 'x-request-timeout': text }, true)),
      /^x-request-timeout: /,
      text,
    )
  assert.match(
    refused(() => readTimeLimits({ 'x-slo-ttft-ms': '-3' }, false)),
    /^x-slo-ttft-ms: /,
  )
})

test('whatever is sent, it is refused or a time of at most a day', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const { wholeMs } = readTimeLimits({ 'x-request-timeout': text }, true)
        assert.ok(wholeMs !== null && wholeMs > 0 && wholeMs <= 86_400_000)
      } catch (thrown) {
        assert.ok(thrown instanceof Fault)
      }
    }),
  )
})

test('an SDK’s own timeout counts until the first byte of a stream, else for the whole; nonsense in it is nobody’s fault', () => {
  assert.deepEqual(readTimeLimits({ 'x-stainless-timeout': '600' }, true), { firstTokenMs: 600_000, wholeMs: null })
  assert.deepEqual(readTimeLimits({ 'x-stainless-read-timeout': '60' }, false), { firstTokenMs: null, wholeMs: 60_000 })
  assert.deepEqual(readTimeLimits({ 'x-stainless-timeout': 'None' }, true), { firstTokenMs: null, wholeMs: null })
})

test('a key may be used in its own tier or a lower one', () => {
  assert.equal(readTier({}, 'premium'), 'premium')
  assert.equal(readTier({ 'holdfast-tier': 'batch' }, 'premium'), 'batch')
  assert.match(
    refused(() => readTier({ 'holdfast-tier': 'premium' }, 'standard')),
    /may use standard and batch/,
  )
  for (const name of ['', '-1', 'PREMIUM', 'constructor', '999999'])
    assert.match(
      refused(() => readTier({ 'holdfast-tier': name }, 'standard')),
      /one of premium, standard, batch/,
    )
})
