// Tests of the quietest window: found where it is, with little history carefully, with too little not at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LedgerHour } from '../../store/ledger.ts'
import { quietWindows, type Suggestion } from './quiet-hours.ts'

const hourMs = 3_600_000
/** A Saturday, noon. */
const nowMs = Date.UTC(2026, 10, 28, 12)

/** Hours up to now. */
function history(count: number, callsAt: (date: Date) => number, watchedMinutes = 60): LedgerHour[] {
  return Array.from({ length: count }, (_, i) => {
    const atMs = nowMs - (count - i) * hourMs
    return { hourMs: atMs, calls: callsAt(new Date(atMs)), watchedMinutes }
  })
}

function windowsOf(suggestion: Suggestion) {
  assert.ok('windows' in suggestion, 'refusal' in suggestion ? suggestion.refusal : '')
  return suggestion.windows
}

const office = (date: Date): number => {
  const [hour, day] = [date.getUTCHours(), date.getUTCDay()]
  const busy = hour >= 8 && hour < 18 ? 1000 : hour === 3 ? 10 : 100
  return day === 0 ? busy / 4 : busy
}

test('after some weeks the quietest hour of the week is found, and how quiet it is', () => {
  const suggestion = quietWindows(history(6 * 168, office), { minutes: 60, nowMs, timeZone: 'UTC' })
  const [best, second] = windowsOf(suggestion)
  assert.ok(best && second && 'usualCalls' in suggestion)
  assert.equal(new Date(best.fromMs).toISOString(), '2026-11-29T03:00:00.000Z') // Sunday
  assert.ok(best.calls < 6 && best.share < 0.02, `${best.calls}`)
  assert.equal(best.callsSeenMax, 2.5)
  assert.equal(best.weeks, 6)
  assert.notEqual(new Date(second.fromMs).getUTCDay(), 0)
  assert.ok(suggestion.usualCalls > 300 && suggestion.usualCalls < 500)
})

test('one odd hour does not make a quiet window while there are few weeks', () => {
  const odd = nowMs - 45 * hourMs // Thursday at 15:00: by chance nobody called
  const calls = (date: Date): number => (date.getTime() === odd ? 0 : office(date))
  const [best] = windowsOf(quietWindows(history(168, calls), { minutes: 60, nowMs, timeZone: 'UTC' }))
  assert.equal(new Date(best?.fromMs ?? 0).getUTCHours(), 3)
})

test('a window that is longer than an hour takes all of its hours into account', () => {
  const [best] = windowsOf(quietWindows(history(3 * 168, office), { minutes: 240, nowMs, timeZone: 'UTC' }))
  const from = new Date(best?.fromMs ?? 0)
  assert.equal(from.getUTCDay(), 0)
  assert.ok(from.getUTCHours() <= 3 && from.getUTCHours() + 4 > 3 && from.getUTCHours() + 4 <= 8)
})

test('hours are those of the place where callers live, also when the clock is changed in between', () => {
  // Quiet at 03:00 in Berlin, before and after the clocks went back on 25 October.
  const berlin = (date: Date): number =>
    Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO('Europe/Berlin').hour === 3 ? 1 : 500
  const [best] = windowsOf(quietWindows(history(7 * 168, berlin), { minutes: 60, nowMs, timeZone: 'Europe/Berlin' }))
  assert.equal(new Date(best?.fromMs ?? 0).getUTCHours(), 2)
})

test('with too little history nothing is said', () => {
  const refusal = (hours: readonly LedgerHour[]): string => {
    const suggestion = quietWindows(hours, { minutes: 60, nowMs, timeZone: 'UTC' })
    return 'refusal' in suggestion ? suggestion.refusal : ''
  }
  assert.match(refusal([]), /0 hours were watched/)
  assert.match(refusal(history(71, office)), /too short: 71 hours/)
  assert.match(refusal(history(200, office, 30)), /0 hours were watched/)
  assert.match(refusal(history(168, () => 0)), /no calls were seen/)
  const daytime = history(168, office).filter(({ hourMs: atMs }) => new Date(atMs).getUTCHours() !== 5)
  assert.match(refusal(daytime), /the hour from 05:00 was watched on fewer than 2 days/)
  assert.match(
    refusal(history(80, office).map((each) => ({ ...each, hourMs: each.hourMs - 90 * 24 * hourMs }))),
    /0 hours/,
  )
})

test('whatever the history: windows lie in the coming week, on different days, the quietest first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 72, maxLength: 400 }),
      fc.integer({ min: 1, max: 4320 }),
      fc.constantFrom('UTC', 'Asia/Kathmandu', 'America/New_York'),
      (counts, minutes, timeZone) => {
        const hours = counts.map((calls, i) => ({
          hourMs: nowMs - (counts.length - i) * hourMs,
          calls,
          watchedMinutes: 60,
        }))
        const suggestion = quietWindows(hours, { minutes, nowMs, timeZone })
        if ('refusal' in suggestion) return
        const { windows, usualCalls } = suggestion
        assert.ok(windows.length >= 1 && windows.length <= 3)
        windows.forEach((each, i) => {
          assert.ok(each.fromMs >= nowMs && each.fromMs < nowMs + 168 * hourMs)
          assert.equal(each.toMs - each.fromMs, minutes * 60_000)
          assert.ok(each.calls >= (windows[i - 1]?.calls ?? 0))
          assert.ok(Number.isFinite(each.share))
        })
        assert.ok((windows[0]?.calls ?? 0) <= usualCalls + 1e-6)
      },
    ),
    { numRuns: 30 },
  )
})
