// Tests of the clock that other tests rely on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from './manual-clock.ts'

test('timers run in order of time, then of asking, each at its own moment', () => {
  const clock = new ManualClock()
  const seen: string[] = []
  const note = (name: string) => () => seen.push(`${name}@${clock.monotonicMs()}`)
  clock.after(20, note('c'))
  clock.after(10, note('a'))
  clock.after(10, note('b'))
  const beat = clock.every(8, note('beat'))
  clock.advance(9)
  assert.deepEqual(seen, ['beat@8'])
  clock.advance(11)
  assert.deepEqual(seen, ['beat@8', 'a@10', 'b@10', 'beat@16', 'c@20'])
  beat.cancel()
  clock.advance(100)
  assert.equal(seen.length, 5)
  assert.equal(clock.timerCount, 0)
})

test('a timer that is cancelled by an earlier one does not run', () => {
  const clock = new ManualClock()
  let isRun = false
  const later = clock.after(2, () => (isRun = true))
  clock.after(1, () => later.cancel())
  clock.advance(10)
  assert.equal(isRun, false)
})

test('what is put off to the end of the turn runs before time goes on', () => {
  const clock = new ManualClock()
  const seen: number[] = []
  clock.after(5, () => clock.soon(() => seen.push(clock.monotonicMs())))
  clock.soon(() => clock.soon(() => seen.push(clock.monotonicMs())))
  clock.advance(10)
  assert.deepEqual(seen, [0, 5])
})

test('a jump moves the wall clock and no timer', () => {
  const clock = new ManualClock(1000)
  let isRun = false
  clock.after(50, () => (isRun = true))
  clock.jumpMs(-900)
  assert.equal(clock.nowMs(), 100)
  clock.jumpMs(10_000)
  clock.advance(49)
  assert.equal(isRun, false)
  assert.equal(clock.monotonicMs(), 49)
})

test('a timer that winds itself up without end is told as a mistake', () => {
  const clock = new ManualClock()
  const again = (): void => void clock.after(0, again)
  again()
  assert.throws(() => clock.advance(1), /come to an end/)
})
