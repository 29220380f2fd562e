// Tests of the desk: what the record and the log are told of a window, and logs that do not work.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Note } from '../observe/fact.ts'
import { silentLog } from '../observe/log.ts'
import { maintenanceText } from '../status/maintenance/maintenance-event.ts'
import { maintenanceSchema } from '../status/maintenance/maintenance-options.ts'
import { planWindow } from '../status/maintenance/plan-window.ts'
import { statusSchema } from '../status/status-options.ts'
import { MemoryStatusLog } from '../store/memory-status-log.ts'
import type { StatusLog } from '../store/status-log.ts'
import { MaintenanceDesk } from './maintenance-desk.ts'

const hourMs = 3_600_000

function stage(log: StatusLog = new MemoryStatusLog(), from = '2026-01-01T01:00') {
  const clock = new ManualClock()
  const notes: Note[] = []
  const recorder = { note: (note: Note) => void notes.push(note) } as never
  const window = { title: 'Drivers', from, minutes: 60, upstreams: ['gpu1'], components: ['Chat'] }
  const status = statusSchema.parse({ maintenance: [window] })
  const desk = new MaintenanceDesk({ status }, { clock, log: silentLog, recorder, statusLog: log })
  const states = (): string[] => notes.map((note) => (note.kind === 'maintenance' ? note.state : note.kind))
  return { clock, desk, log, notes, states, status }
}

test('the record is told of the beginning, every five minutes, and of the end; the log once', () => {
  const { clock, states, log, notes } = stage()
  clock.advance(hourMs - 1)
  assert.deepEqual(states(), [])
  clock.advance(1 + 60 * 60_000)
  assert.deepEqual(states(), ['began', ...Array<string>(11).fill('goes-on'), 'ended'])
  const [first] = notes
  assert.ok(first?.kind === 'maintenance')
  assert.deepEqual([first.title, first.upstreams, first.endMs - first.beginMs], ['Drivers', ['gpu1'], hourMs])
  assert.equal(log.read(0, 10).length, 1)
})

test('a supervisor that starts anew in the middle does not begin it again in the log', () => {
  const { clock, log } = stage()
  clock.advance(1.5 * hourMs)
  const again = stage(log)
  again.clock.advance(1.2 * hourMs)
  assert.equal(log.read(0, 10).length, 1)
})

test('a window that is taken out of the configuration while it is in force ends, and the log says so', () => {
  const { clock, desk, log, states } = stage()
  clock.advance(1.5 * hourMs)
  desk.use({ status: { ...statusSchema.parse(undefined), maintenance: maintenanceSchema.parse([]) } })
  clock.advance(2000)
  assert.equal(states().at(-1), 'ended')
  assert.match(log.read(1, 10)[0]?.text ?? '', /maintenance-cancelled/)
  const parts = { components: [], offers: new Map() }
  assert.deepEqual(
    desk.views(parts).map(({ stage: now }) => now),
    ['completed'],
  )
})

test('what operators add while it runs is taken in', () => {
  const { clock, desk, log } = stage()
  const [input] = maintenanceSchema.parse([{ title: 'Now', from: '2026-01-01T00:00', minutes: 5 }])
  assert.ok(input)
  const window = planWindow(input, 'UTC')
  log.append(maintenanceText({ kind: 'maintenance-planned', id: 'm1', atMs: clock.nowMs(), by: 'ann', window }))
  clock.advance(1000)
  const chat = { id: 'chat', name: 'Chat', description: '', models: ['m'], routes: [], tiers: [] }
  assert.deepEqual([...desk.maintained({ components: [chat], offers: new Map() })], ['chat'])
  clock.advance(5 * 60_000)
  assert.deepEqual([...desk.maintained({ components: [chat], offers: new Map() })], [])
})

test('alerts are told what is announced: what windows name, what is lost by them, and whether there is more', () => {
  const { clock, desk } = stage(undefined, '2026-01-01T00:00')
  clock.advance(1000)
  const component = (name: string, models: string[]) => ({
    ...{ id: name, name, description: '', models, routes: [], tiers: [] },
  })
  const offers = new Map([
    ['m', ['gpu1']],
    ['n', ['gpu1', 'gpu2']],
  ])
  const both = [component('Chat', ['m']), component('Code', ['n']), component('Gateway', ['unknown'])]
  const { upstreams, models, all } = desk.announced({ components: both, offers })
  const window = { title: 'Drivers', untilMs: Date.parse('2026-01-01T01:00Z') }
  assert.deepEqual([[...upstreams], [...models], all], [[['gpu1', window]], [['m', window]], null])
  const one = [component('Chat', ['m']), component('Gateway', ['unknown'])]
  assert.deepEqual(desk.announced({ components: one, offers }).all, window)
  clock.advance(hourMs)
  assert.equal(desk.announced({ components: both, offers }).upstreams.size, 0)
})

test('a log that is locked, full or damaged stops nothing', () => {
  const broken: StatusLog = {
    append: () => {
      throw new Error('database or disk is full')
    },
    read: () => {
      throw new Error('database disk image is malformed')
    },
    firstBroken: () => null,
    [Symbol.dispose]: () => {},
  }
  const { clock, states } = stage(broken)
  clock.advance(2.5 * hourMs)
  assert.equal(states()[0], 'began')
  assert.equal(states().at(-1), 'ended')
})
