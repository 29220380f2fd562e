// Tests of the monthly report: what was not watched is told, minutes are put down to causes, credits and costs add up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { objectivesSchema } from '../../objective/objective-options.ts'
import { dayMs, type LedgerDay, type LedgerOutage, minuteMs, wholeHouse } from '../../store/ledger.ts'
import type { Incident } from '../incident.ts'
import { makeReport, type ReportParts } from './make-report.ts'
import { lastMonth, readMonth } from './month.ts'
import { reportCsv } from './report-csv.ts'
import { costsSchema, slaSchema } from './report-options.ts'
import { reportPage } from './report-page.ts'
import { reportText } from './report-text.ts'
import { creditFor } from './sla.ts'

const month = readMonth('2026-11')
const days = 30
const afterMs = month.toMs + dayMs

const day = (number: number, component: string, caller: string | null, more: Partial<LedgerDay> = {}): LedgerDay => ({
  ...{ component, caller, dayMs: month.fromMs + (number - 1) * dayMs, calls: 1000, failed: 0, slow: 0 },
  ...{ degradedMinutes: 0, partialMinutes: 0, majorMinutes: 0, maintenanceMinutes: 0 },
  ...more,
})

const outage = (number: number, minute: number, component: string, more: Partial<LedgerOutage> = {}): LedgerOutage => ({
  ...{
    component,
    caller: null,
    minuteMs: month.fromMs + (number - 1) * dayMs + minute * minuteMs,
    level: 'major_outage' as const,
  },
  ...{ calls: 10, failed: 10 },
  ...more,
})

const incident = (number: number, minute: number, minutes: number, more: Partial<Incident> = {}): Incident => {
  const beganMs = month.fromMs + (number - 1) * dayMs + minute * minuteMs
  return {
    ...{
      id: `i${number}`,
      title: 'chat: most calls fail',
      stage: 'resolved',
      impact: 'critical',
      beganMs,
      openedMs: beganMs,
    },
    blame: { cause: 'server-crash', class: 'application', subject: 'gpu1' },
    ...{
      identifiedMs: null,
      monitoringMs: null,
      resolvedMs: beganMs + minutes * minuteMs,
      updates: [],
      mergedInto: null,
    },
    affected: [{ component: 'chat', level: 'operational', worst: 'major_outage', total: 500, bad: 300 }],
    ...{ isSilenced: false, postponedMs: 0, by: 'holdfast' },
    ...more,
  }
}

function parts(more: Partial<ReportParts> = {}): ReportParts {
  const all = Array.from({ length: days }, (_, i) => i + 1)
  return {
    month,
    nowMs: afterMs,
    days: all.flatMap((number) => [
      day(number, wholeHouse, null),
      day(number, 'chat', null),
      day(number, wholeHouse, 'acme', { calls: 100 }),
    ]),
    watched: new Map(all.map((number) => [month.fromMs + (number - 1) * dayMs, 1440])),
    outages: [],
    incidents: [],
    components: [{ id: 'chat', name: 'Chat', models: ['m'] }],
    objectives: objectivesSchema.parse(undefined),
    premiumKeys: ['acme'],
    costs: costsSchema.parse(undefined),
    sla: slaSchema.parse(undefined),
    ...more,
  }
}

const ladder = [
  { below: 99.9, credit: 10 },
  { below: 99, credit: 25 },
  { below: 95, credit: 100 },
]

test('a month without harm is one, with its budget whole', () => {
  const report = makeReport(parts())
  assert.deepEqual([report.isOver, report.minutes, report.unwatchedMinutes, report.notes], [true, 43_200, 0, []])
  assert.deepEqual([report.house.calls, report.components[0]?.uptime, report.outageMinutes], [30_000, 1, 0])
  const [chat] = report.budgets
  assert.deepEqual(
    [chat?.name, chat?.used, Math.round((chat?.allowed ?? 0) * 10), chat?.leftShare],
    ['Chat', 0, 432, 1],
  )
  assert.deepEqual(report.unmeasured, ['first-token', 'inter-token', 'continuation', 'resume'])
  assert.equal(report.costTotal, 0)
})

test('what was not watched is told, and is not up: at least says what it may have been', () => {
  const made = makeReport(
    parts({
      watched: new Map([
        [month.fromMs, 1440],
        [month.fromMs + dayMs, 720],
      ]),
    }),
  )
  assert.equal(made.unwatchedMinutes, 43_200 - 2160)
  assert.equal(made.components[0]?.uptime, 1)
  assert.equal(made.components[0]?.uptimeAtLeast, 0.05)
  assert.match(made.notes[0] ?? '', /41040 of 43200 minutes were not watched/)
  assert.equal(made.componentDays[0]?.levels.filter((level) => level === 'none').length, 28)
  assert.match(reportText(made), /! 41040 of 43200/)
})

test('a month that goes on counts up to now; one to come has nothing; nobody watched: no uptime', () => {
  const nowMs = month.fromMs + 10.5 * dayMs
  const going = makeReport(
    parts({
      nowMs,
      watched: new Map(Array.from({ length: 11 }, (_, i) => [month.fromMs + i * dayMs, i < 10 ? 1440 : 720])),
    }),
  )
  assert.deepEqual([going.isOver, going.minutes, going.unwatchedMinutes, going.days.length], [false, 15_120, 0, 11])
  assert.match(going.notes.join(), /has not ended/)
  const future = makeReport(parts({ nowMs: month.fromMs - 1, days: [], watched: new Map() }))
  assert.deepEqual([future.minutes, future.house.uptime, future.credits[0]?.creditPercent], [0, null, 0])
  assert.match(future.notes.join(), /has not begun/)
  const open = incident(0, 1, 1, { beganMs: month.fromMs - dayMs, resolvedMs: null })
  const [before, after] = [-1, 1].map((ms) => makeReport(parts({ nowMs: month.fromMs + ms, incidents: [open] })))
  assert.deepEqual(
    [before?.incidents.length, after?.incidents.length],
    [0, 1],
    'what goes on is no incident of times to come',
  )
})

test('minutes of an outage count once, and are put down to the incident that they were part of', () => {
  const outages = [
    ...Array.from({ length: 20 }, (_, i) => outage(5, 600 + i, 'chat')),
    ...Array.from({ length: 5 }, (_, i) => outage(5, 600 + i, 'search')),
    outage(9, 100, 'chat', { level: 'partial_outage' }),
    outage(9, 100, wholeHouse, { caller: 'acme' }),
  ]
  const silent = incident(9, 100, 1, { isSilenced: true })
  const made = makeReport(parts({ outages, incidents: [incident(5, 600, 20), silent] }))
  assert.equal(made.outageMinutes, 21)
  assert.deepEqual(
    made.causes.map(({ cause, minutes, incidents, calls }) => [cause, minutes, incidents, calls]),
    [
      ['server-crash', 20, 1, 300],
      [null, 1, 0, 0],
    ],
  )
  assert.equal(made.incidents.length, 1)
  assert.deepEqual([made.days[4]?.majorMinutes, made.days[8]?.partialMinutes], [20, 1])
})

test('the ladder owes by its deepest step that was gone below, and a promise that was just kept owes nothing', () => {
  const percent = (uptime: number | null): number => creditFor(uptime, ladder).percent
  assert.deepEqual(
    [1, 0.999, 0.99899999, 0.99, 0.9899, 0.95, 0.9499, 0, null].map(percent),
    [0, 0, 10, 10, 25, 25, 100, 100, 0],
  )
  assert.equal(creditFor(0.5, []).percent, 0)
})

test('credits follow each key’s own minutes, costs the operator’s figures, and the sum is their sum', () => {
  const all = parts()
  const made = makeReport({
    ...all,
    days: [
      ...all.days.filter(({ caller, dayMs: ms }) => caller === null || ms !== month.fromMs),
      day(1, wholeHouse, 'acme', { calls: 100, failed: 40, majorMinutes: 100 }),
      day(2, 'chat', null, { failed: 60, calls: 0 }),
      day(2, wholeHouse, null, { failed: 60, calls: 0 }),
    ],
    outages: [outage(1, 0, 'chat'), outage(1, 1, 'chat')],
    sla: slaSchema.parse({ ladder, fees: { acme: 2000 } }),
    costs: costsSchema.parse({ currency: 'EUR', perMinute: 30, perFailedCall: 0.5, perFailedPremiumCall: 2 }),
  })
  const [acme] = made.credits
  assert.equal(acme?.standing.uptime, 1 - 100 / 43_200)
  assert.deepEqual([acme?.creditPercent, acme?.below, acme?.amount], [10, 99.9, 200])
  assert.deepEqual(
    made.costs.map(({ count, amount }) => [count, amount]),
    [
      [2, 60],
      [40, 80],
      [20, 10],
      [1, 200],
    ],
  )
  assert.equal(made.costTotal, 350)
  assert.match(
    made.formulas.join('\n'),
    /minutes of an outage × 30 \+ failed calls of premium keys × 2 \+ other failed calls × 0.5/,
  )
})

test('uptime can be that of calls', () => {
  const made = makeReport(
    parts({
      days: [day(1, 'chat', null, { failed: 10, majorMinutes: 1440 })],
      sla: slaSchema.parse({ measure: 'calls' }),
    }),
  )
  assert.deepEqual([made.components[0]?.uptime, made.components[0]?.uptimeAtLeast], [0.99, null])
})

test('planned maintenance is no outage and no uptime', () => {
  const made = makeReport(parts({ days: [day(1, 'chat', null, { maintenanceMinutes: 600, majorMinutes: 0 })] }))
  assert.equal(made.components[0]?.uptime, 1)
  assert.equal(made.budgets[0]?.allowed.toFixed(1), ((43_200 - 600) * 0.001).toFixed(1))
})

test('hostile names are text: on the page, in the terminal, and in a spreadsheet', () => {
  const evil = '<img src=x onerror=alert(1)>\u001b[2J"\n=cmd|calc'
  const made = makeReport(
    parts({
      components: [{ id: 'chat', name: evil, models: [] }],
      incidents: [incident(3, 1, 1, { title: evil })],
      outages: [outage(3, 1, 'chat')],
      days: [day(1, 'chat', null), day(1, '=HYPERLINK("x")', null)],
      premiumKeys: ['@key'],
    }),
  )
  const page = reportPage(made, evil)
  assert.doesNotMatch(page, /<img|\u001b/)
  assert.match(page, /&lt;img src=x/)
  assert.doesNotMatch(reportText(made), /\u001b/)
  const csv = reportCsv(made)
  assert.match(csv, /"'=HYPERLINK\(""x""\)"/)
  assert.match(csv, /,'@key,/)
})

test('the CSV has as many fields in each row as in its head', () => {
  const lines = reportCsv(makeReport(parts({ outages: [outage(1, 1, 'chat')] })))
    .trimEnd()
    .split('\r\n')
  const counts = new Set(lines.map((line) => line.split(',').length))
  assert.equal(counts.size, 1)
  assert.ok(lines.some((line) => line.startsWith('2026-11,key,acme,3000,')))
})

test('the page is one file without script, and its plots are drawn for every day', () => {
  const page = reportPage(
    makeReport(parts({ outages: [outage(7, 1, 'chat')], incidents: [incident(7, 1, 5)] })),
    'Acme',
  )
  assert.doesNotMatch(page, /<script|https?:|url\(/)
  assert.match(page, /@page \{ size: A4/)
  assert.equal(page.match(/<title>2026-11-\d\d: no outage/g)?.length, 30)
  assert.match(page, /The model server died/)
})

test('whatever the ledger says: figures are figures, nothing is NaN, uptime is between 0 and 1', () => {
  const count = fc.integer({ min: 0, max: 5000 })
  const ledgerDay = fc.record({
    number: fc.integer({ min: -3, max: 33 }),
    component: fc.constantFrom('', 'chat', 'x'),
    caller: fc.constantFrom(null, 'acme'),
    calls: count,
    failed: count,
    slow: count,
    degradedMinutes: count,
    partialMinutes: count,
    majorMinutes: count,
    maintenanceMinutes: count,
  })
  fc.assert(
    fc.property(
      fc.array(ledgerDay, { maxLength: 20 }),
      fc.array(count, { maxLength: 30 }),
      fc.integer({ min: -5, max: 40 }),
      (rows, minutes, today) => {
        const made = makeReport(
          parts({
            days: rows.map(({ number, ...row }) => ({ ...row, dayMs: month.fromMs + (number - 1) * dayMs })),
            watched: new Map(minutes.map((each, i) => [month.fromMs + i * dayMs, each])),
            nowMs: month.fromMs + today * dayMs,
            sla: slaSchema.parse({ ladder, fees: { acme: 10 } }),
            costs: costsSchema.parse({ perMinute: 1, perFailedCall: 1 }),
          }),
        )
        for (const { uptime, uptimeAtLeast } of [made.house, ...made.components])
          for (const share of [uptime, uptimeAtLeast]) assert.ok(share === null || (share >= 0 && share <= 1))
        for (const text of [reportText(made), reportCsv(made), reportPage(made, 'x')])
          assert.doesNotMatch(text, /NaN|Infinity|undefined/)
      },
    ),
  )
})

test('months are read strictly', () => {
  assert.deepEqual(
    [readMonth('2024-02').toMs - readMonth('2024-02').fromMs, lastMonth(Date.UTC(2026, 0, 5)).name],
    [29 * dayMs, '2025-12'],
  )
  for (const bad of ['2026-13', '2026-00', '2026-1', 'november', '', '2026-11-01'])
    assert.throws(() => readMonth(bad), /write it like/)
})
