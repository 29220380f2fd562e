/** That heaps of work are done in order, all of it, and no more of it in a turn than was said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Portions } from './portions.ts'

/** A clock whose turns are ours. */
function turns(): { soon: (run: () => void) => void; next: () => boolean } {
  let runs: (() => void)[] = []
  return {
    soon: (run) => void runs.push(run),
    next: () => {
      const now = runs
      runs = []
      for (const run of now) run()
      return now.length > 0
    },
  }
}

test('each piece is done once, in order, and a turn does so many at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(30), { maxLength: 20 }), (piecesMax, heaps) => {
      const clock = turns()
      const portions = new Portions(clock, piecesMax)
      const done: number[] = []
      let count = 0
      for (const heap of heaps) {
        for (let i = 0; i < heap; i++) {
          const number = count++
          portions.add(() => done.push(number))
        }
        const before = done.length
        clock.next()
        assert.ok(done.length - before <= piecesMax)
      }
      while (clock.next());
      assert.deepEqual(
        done,
        Array.from({ length: count }, (_, i) => i),
      )
      assert.equal(portions.waitingCount, 0)
    }),
  )
})

test('a piece that throws takes no others with it', () => {
  const clock = turns()
  const portions = new Portions(clock, 2)
  const done: string[] = []
  portions.add(() => {
    throw new Error('bad')
  })
  portions.add(() => done.push('second'))
  portions.add(() => {
    portions.add(() => done.push('of a piece'))
    done.push('third')
  })
  assert.throws(() => clock.next(), /bad/)
  while (clock.next());
  assert.deepEqual(done, ['second', 'third', 'of a piece'])
})
