/** Shared timers: never early, at most a slot late, and taken back without a trace. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { ManualClock } from './manual-clock.ts'
import { TimerWheel } from './timer-wheel.ts'

const slotMs = 64

function openWheel(): { clock: ManualClock; wheel: TimerWheel } {
  const clock = new ManualClock()
  const wheel = new TimerWheel(
    () => clock.monotonicMs(),
    (delayMs, run) => void clock.after(delayMs, run),
  )
  return { clock, wheel }
}

describe('a timer of the wheel', () => {
  test('comes once, never early and at most a slot late, whatever others do', () => {
    const ask = fc.record({
      atMs: fc.integer({ min: 0, max: 500 }),
      delayMs: fc.integer({ min: 1000, max: 5000 }),
      isTakenBack: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(ask, { minLength: 1, maxLength: 40 }), (asks) => {
        const { clock, wheel } = openWheel()
        const came: number[][] = asks.map(() => [])
        for (const [i, { atMs, delayMs, isTakenBack }] of asks.entries()) {
          clock.after(atMs, () => {
            const timer = wheel.after(delayMs, () => came[i]?.push(clock.monotonicMs()))
            if (isTakenBack) clock.after(delayMs / 2, () => timer.cancel())
          })
        }
        for (let i = 0; i < 700; i++) clock.advance(10)
        for (const [i, { atMs, delayMs, isTakenBack }] of asks.entries()) {
          const moments = came[i] ?? []
          assert.equal(moments.length, isTakenBack ? 0 : 1)
          for (const ms of moments) assert.ok(ms >= atMs + delayMs && ms <= atMs + delayMs + slotMs, `${ms}`)
        }
        assert.equal(clock.timerCount, 0)
      }),
    )
  })

  test('may take another back, or itself, when it comes', () => {
    const { clock, wheel } = openWheel()
    const came: string[] = []
    const first = wheel.after(1000, () => {
      came.push('first')
      first.cancel()
      second.cancel()
    })
    const second = wheel.after(1000, () => came.push('second'))
    clock.advance(2000)
    assert.deepEqual(came, ['first'])
  })

  test('waits on when the timer of the system comes early', () => {
    const clock = new ManualClock()
    const delays: number[] = []
    const wheel = new TimerWheel(
      () => clock.monotonicMs(),
      (delayMs, run) => {
        delays.push(delayMs)
        clock.after(delays.length === 1 ? delayMs - 0.5 : delayMs, run)
      },
    )
    let cameMs = 0
    wheel.after(1000, () => (cameMs = clock.monotonicMs()))
    clock.advance(1100)
    assert.equal(cameMs, 1024)
    assert.deepEqual(delays, [1024, 0.5])
  })
})
