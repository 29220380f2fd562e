/** The ladder: up at once, down slowly, and never back and forth within a second. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { calmMs, Ladder } from './ladder.ts'

const marks = [0.75, 0.85, 0.92, 0.97]

/** The rungs after each look, one look every `periodMs`. */
function walk(shares: readonly number[], periodMs = 250): number[] {
  const ladder = new Ladder(marks)
  return shares.map((share, i) => {
    ladder.look(share, i * periodMs)
    return ladder.rung
  })
}

test('a share that jumps takes the ladder to its rung at once', () => {
  assert.deepEqual(walk([0.1, 0.74, 0.75, 0.851, 0.99]), [0, 0, 1, 2, 4])
})

test('the way down is one rung after another, each after a second of calm', () => {
  const rungs = walk([0.99, ...Array.from({ length: 24 }, () => 0.1)])
  assert.deepEqual([...new Set(rungs)], [4, 3, 2, 1, 0])
  assert.deepEqual(rungs.slice(0, 7), [4, 4, 4, 4, 4, 3, 3])
})

test('a share that hovers about a mark does not move the ladder back and forth', () => {
  const rungs = walk(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 0.86 : 0.81)))
  assert.deepEqual([...new Set(rungs)], [2])
})

test('one look that is not calm begins the second anew', () => {
  assert.deepEqual(walk([0.76, 0.1, 0.1, 0.1, 0.72, 0.1, 0.1, 0.1, 0.1, 0.1]), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
})

test('look tells whether the rung has changed', () => {
  const ladder = new Ladder(marks)
  assert.deepEqual([ladder.look(0.5, 0), ladder.look(0.8, 250), ladder.look(0.8, 500)], [false, true, false])
})

const share = fc.double({ min: 0, max: 1, noNaN: true })
const looks = fc.array(fc.record({ share, afterMs: fc.integer({ min: 1, max: 2000 }) }), { maxLength: 200 })

test('a rung is never lower than what the share demands now, and never falls within a second of its rise', () => {
  fc.assert(
    fc.property(looks, (steps) => {
      const ladder = new Ladder(marks)
      let nowMs = 0
      let roseMs = Number.NEGATIVE_INFINITY
      for (const { share: now, afterMs } of steps) {
        nowMs += afterMs
        const before = ladder.rung
        ladder.look(now, nowMs)
        assert.ok(ladder.rung >= marks.filter((mark) => now >= mark).length)
        if (ladder.rung > before) roseMs = nowMs
        if (ladder.rung >= before) continue
        assert.equal(ladder.rung, before - 1, 'one rung at a time')
        assert.ok(nowMs - roseMs >= calmMs, `down ${nowMs - roseMs} ms after it went up`)
      }
    }),
  )
})

test('more of a share never means fewer measures', () => {
  fc.assert(
    fc.property(looks, fc.array(share, { minLength: 200, maxLength: 200 }), (steps, more) => {
      const [lower, higher] = [new Ladder(marks), new Ladder(marks)]
      let nowMs = 0
      steps.forEach((step, i) => {
        nowMs += step.afterMs
        lower.look(step.share, nowMs)
        higher.look(Math.max(step.share, more[i] ?? 0), nowMs)
        assert.ok(higher.rung >= lower.rung)
      })
    }),
  )
})

test('whatever was, calm comes back in the end', () => {
  fc.assert(
    fc.property(looks, (steps) => {
      const ladder = new Ladder(marks)
      let nowMs = 0
      for (const step of steps) ladder.look(step.share, (nowMs += step.afterMs))
      for (let i = 0; i < 40; i++) ladder.look(0.1, (nowMs += 250))
      assert.equal(ladder.rung, 0)
    }),
  )
})
