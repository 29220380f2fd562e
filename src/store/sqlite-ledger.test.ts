// Tests of the ledger: what is noted is found, days are added up without loss, and files that are no good stop nothing.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../ground/manual-clock.ts'
import { silentLog } from '../observe/log.ts'
import { dayMs, type LedgerDay, type LedgerTally, levelOfMinute, minuteMs, wholeHouse } from './ledger.ts'
import { ledgerSchema } from './ledger-options.ts'
import { SqliteLedger } from './sqlite-ledger.ts'
import { LedgerQuery } from './sqlite-ledger-query.ts'

const startMs = Date.UTC(2026, 0, 1)
const good: LedgerTally = { calls: 10, failed: 0, slow: 0, level: 'operational' }

function stage(options: object = {}) {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-ledger-'))
  const clock = new ManualClock(startMs)
  const file = join(path, 'ledger.db')
  const told: string[] = []
  const log = { ...silentLog, warn: (_: object, message: string) => void told.push(message) }
  const open = () => new SqliteLedger(file, clock, ledgerSchema.parse(options), log)
  const read = <T>(run: (query: LedgerQuery) => T): T => {
    using query = new LedgerQuery(file)
    return run(query)
  }
  return { clock, file, open, read, told, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const sums = (day: LedgerDay | undefined): number[] =>
  day
    ? [
        day.calls,
        day.failed,
        day.slow,
        day.degradedMinutes,
        day.partialMinutes,
        day.majorMinutes,
        day.maintenanceMinutes,
      ]
    : []

test('notes of one minute add up, the worst level counts, and callers have their own', () => {
  using at = stage()
  const ledger = at.open()
  ledger.note(startMs, 'chat', null, good)
  ledger.note(startMs + 59_999, 'chat', null, { calls: 5, failed: 3, slow: 1, level: 'partial_outage' })
  ledger.note(startMs + 30_000, 'chat', null, good)
  ledger.note(startMs + 60_000, 'chat', 'acme', { ...good, level: 'under_maintenance' })
  ledger.note(startMs + 120_000, wholeHouse, null, { calls: 0, failed: 0, slow: 0, level: null })
  ledger[Symbol.dispose]()
  const days = at.read((query) => query.days(startMs, startMs + dayMs))
  assert.deepEqual(
    days.map(({ component, caller }) => [component, caller]),
    [
      ['', null],
      ['chat', null],
      ['chat', 'acme'],
    ],
  )
  assert.deepEqual(sums(days[1]), [25, 3, 1, 0, 1, 0, 0])
  assert.deepEqual(sums(days[2]), [10, 0, 0, 0, 0, 0, 1])
  assert.deepEqual([...at.read((query) => query.watched(startMs, startMs + dayMs))], [[startMs, 3]])
})

test('a minute is written when it is over, and what comes late still joins it', () => {
  using at = stage()
  using ledger = at.open()
  ledger.note(startMs, wholeHouse, null, { calls: 2, failed: 2, slow: 0, level: null })
  at.clock.advance(65_000)
  ledger.note(startMs + 59_000, wholeHouse, null, { calls: 38, failed: 0, slow: 0, level: null })
  assert.deepEqual(
    at.read((query) => query.days(startMs, startMs + dayMs)),
    [],
  )
  at.clock.advance(120_000)
  assert.deepEqual(sums(at.read((query) => query.days(startMs, startMs + dayMs))[0]), [40, 2, 0, 1, 0, 0, 0])
})

test('a minute is judged by its shares, and one failure harms nobody', () => {
  const level = (calls: number, failed: number, slow = 0) => levelOfMinute({ calls, failed, slow })
  assert.deepEqual(
    [
      level(0, 0),
      level(1, 1),
      level(4, 2),
      level(100, 10),
      level(100, 2),
      level(1000, 5),
      level(8, 0, 2),
      level(9, 0, 2),
    ],
    [
      'operational',
      'operational',
      'major_outage',
      'partial_outage',
      'degraded_performance',
      'operational',
      'degraded_performance',
      'operational',
    ],
  )
})

test('what is added up after its days says the same as before, and keeps each minute of an outage', () => {
  using at = stage({ minutesDays: 2, keepDays: 31 })
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          minute: fc.integer({ min: 0, max: 4 * 1440 - 1 }),
          component: fc.constantFrom('', 'chat', 'search'),
          caller: fc.constantFrom(null, 'acme'),
          calls: fc.integer({ min: 0, max: 50 }),
          level: fc.constantFrom(
            'operational' as const,
            'degraded_performance' as const,
            'partial_outage' as const,
            'major_outage' as const,
            'under_maintenance' as const,
          ),
        }),
        { maxLength: 60 },
      ),
      (notes) => {
        rmSync(at.file, { force: true })
        const clock = new ManualClock(startMs)
        const ledger = new SqliteLedger(at.file, clock, ledgerSchema.parse({ minutesDays: 2, keepDays: 31 }), silentLog)
        for (const { minute, component, caller, calls, level } of notes)
          ledger.note(startMs + minute * minuteMs, component, caller, { calls, failed: 0, slow: 0, level })
        ledger.flush(100, true)
        const look = () =>
          at.read((query) => [
            query.days(startMs, startMs + 5 * dayMs),
            [...query.watched(startMs, startMs + 5 * dayMs)],
            query.outages(startMs, startMs + 5 * dayMs),
          ])
        const before = look()
        clock.jumpMs(8 * dayMs)
        for (let i = 0; i < 3; i++) ledger.flush()
        assert.deepEqual(look(), before)
        const minutes = at.read((query) => query.hours(startMs, startMs + 5 * dayMs))
        assert.deepEqual(minutes, [], 'minutes are added up')
        ledger[Symbol.dispose]()
      },
    ),
    { numRuns: 25 },
  )
})

test('what is older than its time is forgotten', () => {
  using at = stage({ keepDays: 31, minutesDays: 1 })
  using ledger = at.open()
  ledger.note(startMs, 'chat', null, { ...good, level: 'major_outage' })
  ledger.flush(100, true)
  at.clock.jumpMs(32 * dayMs)
  ledger.flush()
  ledger.flush()
  assert.deepEqual(
    at.read((query) => [query.days(0, startMs + dayMs), query.outages(startMs, startMs + dayMs)]),
    [[], []],
  )
})

test('a file that is full adds up and forgets the oldest, and keeps the last days', () => {
  using at = stage({ totalBytesMax: 200_000 })
  using ledger = at.open()
  for (let day = 0; day < 30; day++) {
    for (let minute = 0; minute < 1440; minute++)
      ledger.note(at.clock.nowMs() + minute * minuteMs, wholeHouse, null, good)
    at.clock.jumpMs(dayMs)
    for (let i = 0; i < 3; i++) ledger.flush(100, true)
  }
  const [hours, days] = at.read((query) => [
    query.hours(startMs, startMs + 40 * dayMs),
    query.days(startMs, startMs + 40 * dayMs),
  ])
  assert.ok(hours.length >= 24 && hours.length < 300, `${hours.length} hours`)
  assert.ok(days.length >= 20, `${days.length} days`)
  assert.equal(days.at(-1)?.calls, 14_400)
  assert.equal(ledger.lostCount, 0)
})

test('a file that is locked is written at the next minute, and nothing is lost', () => {
  using at = stage()
  using ledger = at.open()
  const other = new DatabaseSync(at.file)
  other.exec('BEGIN IMMEDIATE')
  ledger.note(startMs, 'chat', null, good)
  at.clock.advance(120_000)
  assert.deepEqual(at.told, ['the ledger cannot be written'])
  other.exec('ROLLBACK')
  other.close()
  at.clock.advance(60_000)
  assert.deepEqual(at.told, ['the ledger cannot be written', 'the ledger is written again'])
  assert.deepEqual(
    sums(at.read((query) => query.days(startMs, startMs + dayMs))[0]),
    sums({
      ...({} as LedgerDay),
      calls: 10,
      failed: 0,
      slow: 0,
      degradedMinutes: 0,
      partialMinutes: 0,
      majorMinutes: 0,
      maintenanceMinutes: 0,
    }),
  )
  assert.equal(ledger.lostCount, 0)
})

test('a file that is damaged is laid aside, and noted on in a new one', () => {
  using at = stage()
  writeFileSync(at.file, 'this is no database, but a long enough text to be read as one '.repeat(40))
  using ledger = at.open()
  ledger.note(startMs, 'chat', null, good)
  at.clock.advance(180_000)
  assert.ok(existsSync(`${at.file}.damaged`))
  assert.equal(at.read((query) => query.days(startMs, startMs + dayMs)).length, 1)
})

test('where the folder is gone, notes wait within bounds and are counted when they are lost', () => {
  using at = stage()
  const ledger = new SqliteLedger(join(at.file, 'not', 'there.db'), at.clock, ledgerSchema.parse(undefined), silentLog)
  for (let i = 0; i < 25_000; i++) ledger.note(startMs + i * minuteMs, 'chat', null, good)
  at.clock.advance(60_000)
  assert.equal(ledger.lostCount, 5000)
  ledger.note(Number.NaN, 'chat', null, good)
  ledger[Symbol.dispose]()
  assert.ok(ledger.lostCount >= 25_000)
})

test('hours are those of the whole house, with the minutes that were watched', () => {
  using at = stage()
  const ledger = at.open()
  for (let minute = 0; minute < 90; minute++) {
    ledger.note(startMs + minute * minuteMs, wholeHouse, null, good)
    ledger.note(startMs + minute * minuteMs, 'chat', null, { ...good, calls: 1000 })
    ledger.note(startMs + minute * minuteMs, wholeHouse, 'acme', { ...good, calls: 1000 })
  }
  ledger[Symbol.dispose]()
  assert.deepEqual(
    at.read((query) => query.hours(startMs, startMs + dayMs)),
    [
      { hourMs: startMs, calls: 600, watchedMinutes: 60 },
      { hourMs: startMs + 3_600_000, calls: 300, watchedMinutes: 30 },
    ],
  )
})

test('first tokens have a median and a 95th percentile for each five minutes, and fewer points where fewer are wanted', () => {
  using at = stage()
  using ledger = at.open()
  for (let slot = 0; slot < 6; slot++) {
    ledger.noteFirstTokens(
      at.clock.nowMs(),
      Array.from({ length: 100 }, (_, i) => (i + 1) * 10),
    )
    at.clock.advance(5 * 60_000)
  }
  at.clock.advance(60_000)
  const all = at.read((query) => query.firstTokens(startMs, startMs + 3_600_000, 100))
  assert.deepEqual(
    all.map(({ atMs }) => (atMs - startMs) / 60_000),
    [0, 5, 10, 15, 20, 25],
  )
  assert.deepEqual([all[0]?.medianMs, all[0]?.p95Ms], [500, 950])
  assert.ok(at.read((query) => query.firstTokens(startMs, startMs + 3_600_000, 3)).length <= 4)
})

test('hostile names are names', () => {
  using at = stage()
  const ledger = at.open()
  const names = ["'; DROP TABLE minute; --", '\u0000', '💥'.repeat(50), '__proto__']
  for (const name of names) ledger.note(startMs, name, name, good)
  ledger[Symbol.dispose]()
  assert.deepEqual(at.read((query) => query.days(startMs, startMs + dayMs)).length, names.length)
})

test('a folder that may not be written is no reason to stop', {
  skip: process.getuid?.() === 0 && 'root may write anywhere',
}, () => {
  using at = stage()
  chmodSync(join(at.file, '..'), 0o500)
  using ledger = at.open()
  ledger.note(startMs, 'chat', null, good)
  at.clock.advance(120_000)
  assert.deepEqual(at.told, ['the ledger cannot be written'])
})

test('the calls of the whole house are told by the minute, with how the minute was', () => {
  using at = stage()
  using ledger = at.open()
  ledger.note(startMs, wholeHouse, null, good)
  ledger.note(startMs + 2 * minuteMs, wholeHouse, null, { ...good, level: 'under_maintenance' })
  ledger.note(startMs + minuteMs, 'chat', null, good)
  ledger.flush(100, true)
  assert.deepEqual(
    at.read((query) => query.minutes(startMs, startMs + dayMs)),
    [
      { minuteMs: startMs, calls: good.calls, level: 'operational' },
      { minuteMs: startMs + 2 * minuteMs, calls: good.calls, level: 'under_maintenance' },
    ],
  )
})
