// Visits of applications beside the models, as those who watch over them are told of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Note } from './fact.ts'
import { VisitSums } from './visit-sums.ts'

test('visits are summed by route; failures are told within seconds, and who left or was turned away is no visit', () => {
  const clock = new ManualClock()
  const notes: Note[] = []
  const told = (): unknown[] =>
    notes.splice(0).map((note) => note.kind === 'visits' && [note.route, note.count, note.failedCount])
  const sums = new VisitSums(clock, { note: (note) => void notes.push(note) }, ['/', '/app'])
  for (const status of [200, 304, 404, 499, 429]) sums.add({ route: '/', status })
  sums.add({ route: '/unwatched', status: 500 })
  clock.advance(9999)
  assert.deepEqual(told(), [])
  clock.advance(1)
  assert.deepEqual(told(), [['/', 3, 0]])
  sums.add({ route: '/app', status: 502 })
  sums.add({ route: '/app', status: 200 })
  clock.advance(2000)
  assert.deepEqual(told(), [['/app', 2, 1]])
  clock.advance(60_000)
  assert.deepEqual(told(), [])
  sums.add({ route: '/', status: 200 })
  sums[Symbol.dispose]()
  assert.deepEqual(told(), [['/', 1, 0]])
})
