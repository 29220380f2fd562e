// Tests of the rule of a window: clocks that are changed, days that a place leaves out, and what must always hold.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTimeZone, momentAt, occurrences, type Recurring } from './window-rule.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16)

const nightly = (more: Partial<Recurring> = {}): Recurring => ({
  every: 'week',
  days: [1, 2, 3, 4, 5, 6, 7],
  hour: 2,
  minute: 30,
  durationMs: hourMs,
  timeZone: 'Europe/Berlin',
  ...more,
})

test('a window in the hour that is left out begins as much later, and lasts as long as it says', () => {
  const found = occurrences(nightly(), { fromMs: Date.UTC(2026, 2, 28), toMs: Date.UTC(2026, 2, 31) })
  assert.deepEqual(
    found.map(({ fromMs }) => iso(fromMs)),
    ['2026-03-28T01:30', '2026-03-29T01:30', '2026-03-30T00:30'],
  )
  assert.ok(found.every(({ fromMs, toMs }) => toMs - fromMs === hourMs))
})

test('a window in the hour that comes twice begins in the first, once', () => {
  const found = occurrences(nightly(), { fromMs: Date.UTC(2026, 9, 24), toMs: Date.UTC(2026, 9, 27) })
  assert.deepEqual(
    found.map(({ fromMs }) => iso(fromMs)),
    ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
  )
})

test('a window over the change of the clock lasts its hours, not those of the clock', () => {
  const over = nightly({ hour: 1, minute: 0, durationMs: 3 * hourMs })
  const [spring] = occurrences(over, { fromMs: Date.UTC(2026, 2, 29), toMs: Date.UTC(2026, 2, 29, 1) })
  assert.deepEqual([iso(spring?.fromMs ?? 0), iso(spring?.toMs ?? 0)], ['2026-03-29T00:00', '2026-03-29T03:00'])
})

test('a day that a place left out does not give two windows on the next', () => {
  const samoa = nightly({ timeZone: 'Pacific/Apia' })
  const found = occurrences(samoa, { fromMs: Date.UTC(2011, 11, 28), toMs: Date.UTC(2012, 0, 2) })
  assert.equal(new Set(found.map(({ fromMs }) => fromMs)).size, found.length)
})

test('days of the month count from its end, too, and a month without that day has none', () => {
  const monthly = nightly({ every: 'month', days: [31, -1], timeZone: 'UTC' })
  const found = occurrences(monthly, { fromMs: Date.UTC(2027, 0, 1), toMs: Date.UTC(2027, 4, 1) })
  assert.deepEqual(
    found.map(({ fromMs }) => iso(fromMs).slice(0, 10)),
    ['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30'],
  )
})

test('a moment is read by the clock of its place unless it says an offset', () => {
  assert.equal(iso(momentAt('2026-12-06T02:00', 'Europe/Berlin')), '2026-12-06T01:00')
  assert.equal(iso(momentAt('2026-12-06T02:00Z', 'Europe/Berlin')), '2026-12-06T02:00')
  assert.equal(iso(momentAt('2026-12-06T02:00-05:00', 'Europe/Berlin')), '2026-12-06T07:00')
  for (const bad of ['', 'soon', '2026-13-01T00:00', '2026-02-30', '25:00'])
    assert.throws(() => momentAt(bad, 'UTC'), RangeError)
})

test('places that there are not are found out', () => {
  assert.deepEqual(['UTC', 'Asia/Kolkata', 'Mars/Olympus', '', '../etc'].map(isTimeZone), [
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a time of years is refused', () => {
  assert.throws(() => occurrences(nightly(), { fromMs: 0, toMs: Date.UTC(2026, 0) }), RangeError)
})

const rules = fc.record({
  every: fc.constant('week' as const),
  days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.integer({ min: 0, max: 59 }),
  durationMs: fc.integer({ min: 1, max: 1440 }).map((minutes) => minutes * 60_000),
  timeZone: fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/St_Johns',
  ),
})
const starts = fc.integer({ min: Date.UTC(2025, 0), max: Date.UTC(2028, 0) })

test('each lasts what it says, is in order, on its days, at its time but for a clock put forward', () => {
  fc.assert(
    fc.property(rules, starts, (rule, fromMs) => {
      const found = occurrences(rule, { fromMs, toMs: fromMs + 60 * dayMs })
      found.forEach((each, i) => {
        assert.equal(each.toMs - each.fromMs, rule.durationMs)
        assert.ok(each.toMs > fromMs && each.fromMs < fromMs + 60 * dayMs)
        assert.ok(i === 0 || each.fromMs > (found[i - 1]?.fromMs ?? 0))
        const local = Temporal.Instant.fromEpochMilliseconds(each.fromMs).toZonedDateTimeISO(rule.timeZone)
        assert.ok(rule.days.includes(local.dayOfWeek))
        const lateMinutes = local.hour * 60 + local.minute - rule.hour * 60 - rule.minute
        const isChanged = local.hoursInDay !== 24
        assert.ok(lateMinutes === 0 || (isChanged && lateMinutes > 0 && lateMinutes <= 60), local.toString())
      })
    }),
  )
})

test('each day that is meant has one, also where the clock is changed on it', () => {
  fc.assert(
    fc.property(rules, starts, (rule, fromMs) => {
      const daily = { ...rule, days: [1, 2, 3, 4, 5, 6, 7], durationMs: 60_000 }
      const found = occurrences(daily, { fromMs, toMs: fromMs + 400 * dayMs })
      const dates = found.map((each) =>
        Temporal.Instant.fromEpochMilliseconds(each.fromMs).toZonedDateTimeISO(rule.timeZone).toPlainDate(),
      )
      dates.slice(1).forEach((date, i) => assert.equal(dates[i]?.until(date).days, 1))
      assert.ok(found.length >= 399 && found.length <= 401)
    }),
    { numRuns: 20 },
  )
})

test('two looks at parts of a time find what one look at all of it finds', () => {
  fc.assert(
    fc.property(rules, starts, fc.integer({ min: 0, max: 30 * dayMs }), (rule, fromMs, middle) => {
      const toMs = fromMs + 30 * dayMs
      const all = occurrences(rule, { fromMs, toMs })
      const parts = [
        ...occurrences(rule, { fromMs, toMs: fromMs + middle }),
        ...occurrences(rule, { fromMs: fromMs + middle, toMs }),
      ]
      assert.deepEqual([...new Map(parts.map((each) => [each.fromMs, each])).values()], all)
    }),
  )
})

test('a moment with the name of a place behind it is that moment, whatever the page’s own place is', () => {
  const at = (text: string): string => new Date(momentAt(text, 'UTC')).toISOString()
  assert.equal(at('2026-12-06T02:00[America/New_York]'), '2026-12-06T07:00:00.000Z')
  assert.equal(at('2026-12-06T02:00+01:00[Europe/Berlin]'), '2026-12-06T01:00:00.000Z')
  assert.throws(() => at('2026-12-06T02:00+05:00[Europe/Berlin]'), RangeError)
})
