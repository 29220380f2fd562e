// Tests of windows in the configuration and added at run time: what is in force, closed, shown; what makes no sense.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closedNow } from './closed-now.ts'
import { MaintenanceBook, windowId } from './maintenance-book.ts'
import { maintenanceText, readMaintenance } from './maintenance-event.ts'
import { maintenanceSchema, maintenanceWindowSchema, type WindowInput } from './maintenance-options.ts'
import { planWindow } from './plan-window.ts'
import { lostModels, maintenanceViews } from './maintenance-view.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startMs = Date.UTC(2026, 11, 1)
const plan = (input: WindowInput) => planWindow(maintenanceWindowSchema.parse(input), 'UTC')
const at = (hours: number): string => new Date(startMs + hours * hourMs).toISOString()
const book = (...inputs: WindowInput[]): MaintenanceBook => {
  const made = new MaintenanceBook()
  made.use(inputs.map(plan))
  return made
}
const component = (id: string, models: string[] = []) => ({
  id,
  name: id.toUpperCase(),
  description: '',
  models,
  routes: [],
  tiers: [],
})
const shown = (nowMs: number, offers: Record<string, string[]> = {}) => ({
  nowMs,
  components: [component('chat', ['gpt']), component('search', ['bge']), component('all')],
  offers: new Map(Object.entries(offers)),
})

test('a window is in force from its first millisecond up to its last', () => {
  const made = book({ title: 'Drivers', from: at(2), minutes: 60, upstreams: ['gpu1'] })
  const isOn = (ms: number): boolean => made.inForce(ms).length === 1
  const [from, to] = [startMs + 2 * hourMs, startMs + 3 * hourMs]
  assert.deepEqual([from - 1, from, to - 1, to].map(isOn), [false, true, true, false])
})

test('what makes no sense is refused, in words and at its field', () => {
  const wrong: [WindowInput, RegExp, string][] = [
    [{ title: 'x', from: at(2), to: at(1) }, /ends before it begins/, 'to'],
    [{ title: 'x', from: at(2), to: at(2) }, /ends before it begins/, 'to'],
    [{ title: 'x', from: at(0), to: at(24 * 40) }, /31 days/, 'to'],
    [{ title: 'x', from: at(0), to: at(1), minutes: 5 }, /either/, 'minutes'],
    [{ title: 'x' }, /when it begins/, 'from'],
    [{ title: 'x', from: 'tomorrow' }, /no moment/, 'from'],
    [{ title: 'x', every: 'week', days: ['sunday'] }, /at which time/, 'at'],
    [{ title: 'x', every: 'week', days: [1], at: '02:00' }, /have names/, 'days'],
    [{ title: 'x', every: 'month', days: ['sunday'], at: '02:00' }, /are numbers/, 'days'],
    [{ title: 'x', every: 'month', days: [0], at: '02:00' }, /are numbers/, 'days'],
    [{ title: 'x', every: 'week', days: ['sunday'], at: '02:00', minutes: 1441 }, /a day at most/, 'minutes'],
    [{ title: 'x', every: 'week', days: ['sunday'], at: '02:00', from: at(1) }, /no `from`/, 'from'],
    [{ title: 'x', from: at(1), timeZone: 'Mars/Olympus' }, /no time zone/, 'timeZone'],
    [{ title: 'x', from: at(1), at: '02:00' }, /come again/, 'every'],
  ]
  for (const [input, words, field] of wrong) {
    const result = maintenanceWindowSchema.safeParse(input)
    assert.equal(result.success, false, JSON.stringify(input))
    assert.match(result.error?.issues[0]?.message ?? '', words)
    assert.equal(result.error?.issues[0]?.path[0], field)
  }
  for (const input of [
    { title: '', from: at(1) },
    { title: 'y'.repeat(121), from: at(1) },
    { title: 'x', from: at(1), minutes: 1e9 },
  ])
    assert.equal(maintenanceWindowSchema.safeParse(input).success, false)
  assert.equal(
    maintenanceSchema.safeParse([
      { title: 'x', from: at(1) },
      { title: 'x', from: at(2) },
    ]).success,
    false,
  )
})

test('windows that overlap or follow each other close until the last of them ends', () => {
  const made = book(
    { title: 'a', from: at(1), minutes: 60, upstreams: ['gpu1'], models: ['m'] },
    { title: 'b', from: at(1.5), minutes: 60, upstreams: ['gpu1', 'gpu2'] },
    { title: 'c', from: at(2.5), minutes: 30, upstreams: ['gpu1'] },
    { title: 'd', from: at(4), minutes: 30, upstreams: ['gpu1'] },
  )
  const nowMs = startMs + 1.25 * hourMs
  const closed = closedNow(made.within({ fromMs: nowMs, toMs: nowMs + dayMs }), nowMs)
  assert.deepEqual([...closed.upstreams], [['gpu1', startMs + 3 * hourMs]])
  assert.deepEqual([...closed.models], [['m', startMs + 2 * hourMs]])
})

test('a cancelled window is not held; one in force ends with it; of one that comes again one can be left out', () => {
  const made = book(
    { title: 'weekly', every: 'week', days: ['wednesday'], at: '02:00', upstreams: ['gpu1'] },
    { title: 'now', from: at(0), minutes: 120 },
  )
  const first = `weekly-20261202t0200z`
  made.apply({ kind: 'maintenance-cancelled', id: first, atMs: startMs, by: 'ann' })
  made.apply({ kind: 'maintenance-cancelled', id: 'now', atMs: startMs + hourMs, by: 'ann' })
  assert.deepEqual(made.inForce(startMs + 26.5 * hourMs), [])
  assert.equal(made.inForce(startMs + (26.5 + 168) * hourMs).length, 1)
  assert.equal(made.inForce(startMs + hourMs - 1).length, 1)
  assert.equal(made.inForce(startMs + hourMs).length, 0)
  const stages = maintenanceViews(made, shown(startMs + 1.5 * hourMs)).map(({ id, stage, toMs }) => [id, stage, toMs])
  assert.deepEqual(stages[0], ['now-20261201t0000z', 'completed', startMs + hourMs])
  assert.deepEqual(stages[1]?.slice(0, 2), [first, 'cancelled'])
})

test('the public is told a window as many days ahead as it says, and keeps what was held', () => {
  const made = book({ title: 'Drivers', from: at(240), announceDays: 3, components: ['Chat'] })
  const view = (hours: number) => maintenanceViews(made, shown(startMs + hours * hourMs))
  assert.deepEqual(view(167), [])
  const [announced] = view(168)
  assert.equal(announced?.stage, 'scheduled')
  assert.equal(announced?.announcedMs, startMs + 168 * hourMs)
  assert.deepEqual(announced?.components, [{ id: 'chat', name: 'CHAT' }])
  assert.equal(view(240.5)[0]?.stage, 'in_progress')
  const { components: _, ...window } = plan({ title: 'Drivers', from: at(240), components: ['Chat'] })
  const span = { fromMs: startMs + 240 * hourMs, toMs: startMs + 241 * hourMs }
  made.apply({
    kind: 'maintenance-began',
    id: 'drivers-20261211t0000z',
    atMs: span.fromMs,
    by: 'holdfast',
    ...span,
    ...window,
    components: ['Chat'],
  })
  assert.equal(view(242)[0]?.stage, 'completed')
  made.use([]) // it is taken out of the configuration: what was held stays in the history
  assert.deepEqual(
    view(242).map(({ title, stage }) => [title, stage]),
    [['Drivers', 'completed']],
  )
  assert.deepEqual(view(241 + 91 * 24), [])
})

test('what has begun may be made longer in the configuration, and no shorter', () => {
  const made = book({ title: 'Drivers', from: at(1), minutes: 60 })
  const began = made.inForce(startMs + hourMs)[0]
  assert.ok(began)
  made.apply({ kind: 'maintenance-began', atMs: began.fromMs, by: 'holdfast', ...began })
  made.use([plan({ title: 'Drivers', from: at(1), minutes: 90 })])
  assert.equal(made.inForce(startMs + 2.25 * hourMs)[0]?.toMs, startMs + 2.5 * hourMs)
  made.use([plan({ title: 'Drivers', from: at(1), minutes: 5 })])
  assert.equal(made.inForce(startMs + 1.9 * hourMs)[0]?.toMs, startMs + 2 * hourMs)
})

test('a window shows on the components that lose their models, or on all where it names nothing', () => {
  const nowMs = startMs + 1.5 * hourMs
  const offers = { gpt: ['gpu1'], bge: ['gpu1', 'gpu2'] }
  const names = (input: Partial<WindowInput>) =>
    maintenanceViews(book({ title: 'x', from: at(1), ...input }), shown(nowMs, offers))[0]?.components.map(
      ({ id }) => id,
    )
  assert.deepEqual(names({ upstreams: ['gpu1'] }), ['chat'])
  assert.deepEqual(names({ upstreams: ['gpu1', 'gpu2'] }), ['chat', 'search'])
  assert.deepEqual(names({ models: ['bge'] }), ['search'])
  assert.deepEqual(names({ components: ['search'], upstreams: ['gpu1'] }), ['chat', 'search'])
  assert.deepEqual(names({}), ['chat', 'search', 'all'])
  assert.deepEqual(lostModels(['gpu2'], new Map(Object.entries(offers))), [])
})

test('windows are written into the log and read again; what is no window is none', () => {
  const window = plan({
    title: '<b>“Drivers”\u202e</b>',
    every: 'month',
    days: [-1],
    at: '23:30',
    timeZone: 'Asia/Tokyo',
  })
  const event = { kind: 'maintenance-planned', id: 'm1', atMs: startMs, by: 'ann', window } as const
  assert.deepEqual(readMaintenance(maintenanceText(event)), event)
  const bad = [
    '',
    'null',
    '{}',
    '{"kind":"opened"}',
    '{"kind":"maintenance-planned"}',
    JSON.stringify({ ...event, window: { ...window, rule: { ...window.rule, durationMs: 1e15 } } }),
    JSON.stringify({ ...event, window: { ...window, rule: { ...window.rule, timeZone: 'No/Where' } } }),
    JSON.stringify({ ...event, window: { ...window, title: 'x'.repeat(1000) } }),
  ]
  for (const text of bad) assert.equal(readMaintenance(text), null, text.slice(0, 80))
})

test('whatever else is in the log, nothing is thrown, and what is taken for a window can be reckoned with', () => {
  const { by, ...event } = { kind: 'maintenance-planned', id: 'm', atMs: startMs, by: 'ann' }
  fc.assert(
    fc.property(
      fc.object({ key: fc.constantFrom('title', 'text', 'rule', 'every', 'days', 'fromMs', 'toMs', 'hour') }),
      (window) => {
        const read = readMaintenance(JSON.stringify({ ...event, by, window }))
        const made = new MaintenanceBook()
        if (read) made.apply(read)
        made.within({ fromMs: startMs, toMs: startMs + dayMs })
      },
    ),
  )
})

test('ids are of plain letters, whatever the title', () => {
  for (const title of ['Größere Umbauten!', '../../etc', '🛠️🛠️', '   ', '<script>'])
    assert.match(windowId(title), /^[a-z0-9-]{1,60}$/)
})

test('a window that was held, and is moved to another day under the same title, is held only then', () => {
  const made = book({ title: 'Drivers', from: at(2), minutes: 60, upstreams: ['gpu1'] })
  const [held] = made.inForce(startMs + 2 * hourMs)
  assert.ok(held)
  const { id, fromMs, toMs, title, text, components, upstreams, models } = held
  const told = { fromMs, toMs, title, text, components, upstreams, models }
  made.apply({ kind: 'maintenance-began', id, atMs: fromMs, by: 'holdfast', ...told })
  made.use([plan({ title: 'Drivers', from: at(24), minutes: 60, upstreams: ['gpu1'] })])
  const within = made.within({ fromMs: startMs, toMs: startMs + 2 * dayMs })
  assert.deepEqual(
    within.map((each) => [(each.fromMs - startMs) / hourMs, (each.toMs - startMs) / hourMs]),
    [
      [2, 3],
      [24, 25],
    ],
  )
  made.apply({ kind: 'maintenance-cancelled', id, atMs: startMs + 2.5 * hourMs, by: 'holdfast' })
  assert.equal(made.inForce(startMs + 24 * hourMs).length, 1)
})

test('of two titles that give one id none is dropped in silence', () => {
  const alike = ['New drivers', 'New drivers!'].map((title) => ({ title, from: at(2) }))
  assert.match(JSON.stringify(maintenanceSchema.safeParse(alike).error?.issues), /share a title, or nearly/)
})
