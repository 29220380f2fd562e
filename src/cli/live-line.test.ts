// Tests of the live line: what it says, and that it fits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { liveLine, type Snapshot } from './live-line.ts'

function snapshot(totals: Partial<Snapshot['totals']> = {}, others: Partial<Snapshot> = {}): Snapshot {
  return {
    totals: { calls: 0, failed: 0, outputTokens: 0, events: 0, retries: 0, ...totals },
    callsLive: 0,
    upstreamsUp: 2,
    upstreamsAll: 3,
    ...others,
  }
}

test('tells rates of the time between two looks, and sums since the start', () => {
  const now = snapshot({ calls: 30, outputTokens: 5000, retries: 2, failed: 1 }, { callsLive: 4 })
  assert.equal(
    liveLine(snapshot({ calls: 10, outputTokens: 1000 }), now, 2, 200),
    '2/3 upstreams up · 4 live · 10 calls/s · 2.0k tokens/s · 30 calls in all · 2 rescued by another try · 1 failed',
  )
})

test('numbers are as short as they are useful', () => {
  const shown = (tokens: number): string | undefined =>
    / ([\d.k]+) tokens/.exec(liveLine(snapshot(), snapshot({ outputTokens: tokens }), 10, 200))?.[1]
  for (const [tokens, text] of [
    [0, '0'],
    [5, '0.5'],
    [99, '9.9'],
    [104, '10'],
    [9994, '999'],
    [12_340, '1.2k'],
    [123_400, '12k'],
  ] as const) {
    assert.equal(shown(tokens), text, `${tokens} tokens in 10 s`)
  }
})

test('the line fits the terminal, and parts are left out whole, from the end', () => {
  const now = snapshot({ calls: 123_456, outputTokens: 98_765, retries: 17, failed: 3 }, { callsLive: 250 })
  const whole = liveLine(snapshot(), now, 1, 500).split(' · ')
  fc.assert(
    fc.property(fc.integer({ min: 25, max: 200 }), (columns) => {
      const line = liveLine(snapshot(), now, 1, columns)
      assert.ok(line.length <= columns - 2, `${line.length} of ${columns} columns`) // two are for the dot before it
      const parts = line.split(' · ')
      assert.deepEqual(parts, whole.slice(0, parts.length))
    }),
  )
})

test('a narrow terminal still sees the upstreams', () => {
  assert.equal(liveLine(snapshot(), snapshot(), 1, 1), '2/3 upstreams up')
})
