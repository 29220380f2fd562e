// Tests of the sums over the last minute.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tally } from './tally.ts'

test('it sums calls, and takes the geometric mean of what they waited', () => {
  const tally = new Tally()
  tally.addGood(1000, 100, 10, 1000)
  tally.addGood(2000, 400, null, 4000)
  tally.addBad(3000, false)
  tally.addBad(4000, true)
  const sums = tally.sums(5000)
  assert.deepEqual([sums.calls, sums.failures, sums.silences, sums.firstTokens, sums.gaps], [4, 1, 1, 2, 1])
  assert.ok(Math.abs(sums.firstTokenMs - 200) < 1e-6 && Math.abs(sums.gapMs - 10) < 1e-6)
  assert.ok(Math.abs(sums.firstTokenPrompt - 2000) < 1e-6, `${sums.firstTokenPrompt}`)
})

test('it counts what came in the last 50 seconds, and nothing that is over a minute old', () => {
  const times = fc.array(fc.nat({ max: 20_000 }), { maxLength: 100 })
  fc.assert(
    fc.property(times, fc.nat({ max: 200_000 }), (gaps, restMs) => {
      const tally = new Tally()
      const atMs: number[] = []
      let nowMs = 0
      for (const gapMs of gaps) {
        atMs.push((nowMs += gapMs))
        tally.addBad(nowMs, false)
      }
      nowMs += restMs
      const { failures, calls } = tally.sums(nowMs)
      assert.equal(failures, calls)
      assert.ok(failures >= atMs.filter((ms) => ms > nowMs - 50_000).length)
      assert.ok(failures <= atMs.filter((ms) => ms > nowMs - 60_000).length)
    }),
  )
})
