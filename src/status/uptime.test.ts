// Tests of bars of days and uptime: what was not watched is not up, and maintenance is neither.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, type LedgerDay, type LedgerTally } from '../store/ledger.ts'
import { noteMinute } from './note-minute.ts'
import { uptimeOf, uptimeShare } from './uptime.ts'

const today = Date.UTC(2026, 10, 28)
const day = (daysAgo: number, more: Partial<LedgerDay> = {}): LedgerDay => ({
  ...{ component: 'chat', caller: null, dayMs: today - daysAgo * dayMs, calls: 100, failed: 0, slow: 0 },
  ...{ degradedMinutes: 0, partialMinutes: 0, majorMinutes: 0, maintenanceMinutes: 0 },
  ...more,
})
const watched = (...minutes: [daysAgo: number, minutes: number][]) =>
  new Map(minutes.map(([daysAgo, count]) => [today - daysAgo * dayMs, count]))

test('days go from the first that was watched to today; a day that was not watched has no level', () => {
  const { days } = uptimeOf(
    'chat',
    [day(3), day(0, { majorMinutes: 2 })],
    watched([3, 1440], [1, 0], [0, 600]),
    today + 1000,
  )
  assert.deepEqual(
    days.map((each) => [each.day, each.level]),
    [
      ['2026-11-25', 'operational'],
      ['2026-11-26', null],
      ['2026-11-27', null],
      ['2026-11-28', 'major_outage'],
    ],
  )
})

test('a day that was watched and had no calls is a good one', () => {
  const { days, goodShare, uptimeShare: uptime } = uptimeOf('chat', [], watched([0, 60]), today)
  assert.deepEqual([days[0]?.level, goodShare, uptime], ['operational', null, 1])
})

test('uptime counts minutes of an outage, of those that were watched and not under maintenance', () => {
  const days = [day(1, { partialMinutes: 10, majorMinutes: 5, degradedMinutes: 100, maintenanceMinutes: 440 }), day(0)]
  const { uptimeShare: uptime } = uptimeOf('chat', days, watched([1, 1440], [0, 500]), today)
  assert.equal(uptime, 1 - 15 / 1500)
})

test('slow calls are not good ones, and those of other components and of callers by name do not count', () => {
  const days = [
    day(0, { failed: 5, slow: 5 }),
    day(0, { caller: 'acme', failed: 100 }),
    day(0, { component: 'x', failed: 100 }),
  ]
  assert.equal(uptimeOf('chat', days, watched([0, 10]), today).goodShare, 0.9)
})

test('at most 90 days, and nothing of tomorrow', () => {
  const all = Array.from({ length: 200 }, (_, i) => [i - 2, 1440] as [number, number])
  const { days } = uptimeOf('chat', [day(-1)], watched(...all), today)
  assert.deepEqual([days.length, days.at(-1)?.day, days[0]?.day], [90, '2026-11-28', '2026-08-31'])
})

test('without a watched minute there is no uptime, and never less than none', () => {
  assert.equal(uptimeShare({ watched: 60, maintenance: 60, partial: 0, major: 0 }), null)
  assert.equal(uptimeShare({ watched: 0, maintenance: 0, partial: 5, major: 0 }), null)
  assert.equal(uptimeShare({ watched: 10, maintenance: 0, partial: 9, major: 9 }), 0)
})

test('a look notes the whole house, those that were called or harmed, and callers by name', () => {
  const notes: [string, string | null, LedgerTally][] = []
  const ledger = {
    note: (_: number, component: string, caller: string | null, tally: LedgerTally) =>
      void notes.push([component, caller, tally]),
  }
  const calls = { total: 4, failed: 2, slow: 0 }
  const look = {
    nowMs: today,
    components: [{ id: 'chat' }, { id: 'search' }, { id: 'quiet' }],
    tallies: new Map([['chat', calls]]),
    all: calls,
    callers: new Map([['acme', calls]]),
    levelOf: (id: string) => (id === 'chat' ? ('partial_outage' as const) : 'operational'),
    maintained: new Set(['search']),
  }
  noteMinute(ledger, look)
  assert.deepEqual(
    notes.map(([component, caller, { calls: count, level }]) => [component, caller, count, level]),
    [
      ['', null, 4, null],
      ['chat', null, 4, 'partial_outage'],
      ['search', null, 0, 'under_maintenance'],
      ['', 'acme', 4, null],
    ],
  )
  notes.length = 0
  noteMinute(ledger, { ...look, maintained: new Set(['chat', 'search', 'quiet']) })
  assert.ok(notes.every(([, , { level }]) => level === 'under_maintenance'))
})
