/** What others make of our formats: a client of Statuspage, a reader of feeds, a calendar; hostile texts in each. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import ICAL from 'ical.js'
import Parser from 'rss-parser'
import { feeds, statusFiles } from '../../src/status/format/document.ts'
import type { StatusView } from '../../src/status/status-view.ts'
import { incidentView, maintenanceView, overView, statusView, update, viewMs } from './view-fixture.ts'

let view: StatusView = statusView()
let server: Server
let url = ''

function serve(made: StatusView, path: string): { contentType: string; body: string } | null {
  const file = statusFiles(made).find((each) => `/${each.path}` === path)
  return file ? { contentType: file.contentType, body: file.bytes.toString() } : null
}

const bodyOf = (made: StatusView, path: string): string => serve(made, path)?.body ?? assert.fail(`no ${path}`)

before(async () => {
  server = createServer((request, response) => {
    const found = serve(view, request.url ?? '')
    if (found) response.writeHead(200, { 'content-type': found.contentType }).end(found.body)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

/** Every kind of text that breaks something somewhere. */
const hostile = [
  '<script>alert(1)</script> & "quoted" \'too\' ]]> <![CDATA[ <!-- -->',
  'a\r\nBEGIN:VEVENT\r\nX:1;b,c\\n\u2028d\u0085e\u007f',
  '\u0000\u0007\u001b[31m\ufffe\uffff lone \ud800 half \udc00',
  'e\u0301 日本語 🧑‍🚒🇩🇪 \u202eright to left\u202c عربي \ufeff\u200b',
  '&lt;b&gt; &amp;amp; &#0; %0d%0a {{slot}} ${x} =1+1',
]
const hostileView = (text: string): StatusView =>
  statusView({
    page: { id: 'p4ge', name: text, url: 'https://status.example.org', timeZone: 'Nowhere/Land' },
    components: statusView().components.map((component) => ({ ...component, name: text, description: text })),
    incidents: [
      incidentView({
        title: text,
        updates: [update(1, viewMs, 'investigating', text, 'major_outage')],
        components: [{ id: 'chat', name: text, level: 'major_outage' }],
      }),
    ],
    maintenances: [maintenanceView({ title: text, text, components: [{ id: 'embed', name: text }] })],
  })

test('a client of Statuspage reads the page, its components, incidents and maintenance', async (t) => {
  view = statusView()
  const client = await pageClient()
  t.diagnostic(client ? `read by ${clientPackage}` : 'read by plain requests for the paths of Statuspage')
  client?.setApiUrl(url)
  const { api } = client ?? plainClient()
  const summary = await api.getSummary()
  assert.deepEqual(summary.page, {
    id: 'p4ge',
    name: 'Example AI',
    url: 'https://status.example.org',
    time_zone: 'Europe/Berlin',
    updated_at: '2026-11-28T12:00:00.000Z',
  })
  assert.deepEqual(summary.status, { indicator: 'major', description: 'Partial System Outage' })
  assert.deepEqual(
    summary.components.map(({ name, status, position }) => [name, status, position]),
    [
      ['Chat', 'partial_outage', 1],
      ['Embeddings', 'operational', 2],
    ],
  )
  assert.equal((await api.getStatus()).status.indicator, 'major')
  assert.equal((await api.getComponents()).components.length, 2)

  const { incidents } = await api.incidents.getAll()
  assert.deepEqual(
    incidents.map(({ id, status, impact }) => [id, status, impact]),
    [
      ['inc-2', 'identified', 'major'],
      ['inc-1', 'resolved', 'critical'],
    ],
  )
  assert.deepEqual(
    incidents[1]?.incident_updates.map(({ status }) => status),
    ['resolved', 'monitoring', 'investigating'],
    'newest first',
  )
  const unresolved = await api.incidents.getUnresolved()
  assert.deepEqual(unresolved.incidents, summary.incidents)
  assert.deepEqual(
    unresolved.incidents.map(({ id, resolved_at, shortlink }) => [id, resolved_at, shortlink]),
    [['inc-2', null, 'https://status.example.org/incidents/inc-2']],
  )
  const { scheduled_maintenances: planned } = await api.scheduledMaintenances.getUpcoming()
  assert.deepEqual(
    planned.map(({ name, status, scheduled_for, scheduled_until }) => [name, status, scheduled_for, scheduled_until]),
    [['New disks', 'scheduled', '2026-11-30T12:00:00.000Z', '2026-11-30T14:00:00.000Z']],
  )
  assert.equal((await api.scheduledMaintenances.getAll()).scheduled_maintenances.length, 1)
})

/** The answers of the paths that clients ask. */
interface PageClient {
  readonly api: {
    getSummary(): Promise<Summary>
    getStatus(): Promise<Pick<Summary, 'status'>>
    getComponents(): Promise<Pick<Summary, 'components'>>
    readonly incidents: {
      getAll(): Promise<Pick<Summary, 'incidents'>>
      getUnresolved(): Promise<Pick<Summary, 'incidents'>>
    }
    readonly scheduledMaintenances: {
      getAll(): Promise<Pick<Summary, 'scheduled_maintenances'>>
      getUpcoming(): Promise<Pick<Summary, 'scheduled_maintenances'>>
    }
  }
  setApiUrl(url: string): void
}

interface Summary {
  readonly page: unknown
  readonly status: { readonly indicator: string; readonly description: string }
  readonly components: readonly { readonly name: string; readonly status: string; readonly position: number }[]
  readonly incidents: readonly {
    readonly id: string
    readonly status: string
    readonly impact: string
    readonly resolved_at: string | null
    readonly shortlink: string
    readonly incident_updates: readonly { readonly status: string }[]
  }[]
  readonly scheduled_maintenances: readonly {
    readonly name: string
    readonly status: string
    readonly scheduled_for: string
    readonly scheduled_until: string
  }[]
}

/** Under the GPL, so no dependency of ours: `npm install --no-save statuspage.io@3.3.8` brings it for this test. */
const clientPackage = 'statuspage.io'

/** Asks for what that client asks for. A program of Statuspage's own reads the page in `widget.test.ts`. */
function plainClient(): Pick<PageClient, 'api'> {
  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${url}/api/v2/${path}.json`)).json()) as T
  return {
    api: {
      getSummary: () => get('summary'),
      getStatus: () => get('status'),
      getComponents: () => get('components'),
      incidents: { getAll: () => get('incidents'), getUnresolved: () => get('incidents/unresolved') },
      scheduledMaintenances: {
        getAll: () => get('scheduled-maintenances'),
        getUpcoming: () => get('scheduled-maintenances/upcoming'),
      },
    },
  }
}

async function pageClient(): Promise<PageClient | null> {
  try {
    const { Statuspage } = (await import(clientPackage)) as { Statuspage: new (page: string) => PageClient }
    return new Statuspage('any')
  } catch {
    return null
  }
}

test('each page level is an indicator that panels know, and what is ours stands under keys of our own', () => {
  const indicators = {
    operational: 'none',
    degraded_performance: 'minor',
    partial_outage: 'major',
    major_outage: 'critical',
    under_maintenance: 'maintenance',
  } as const
  for (const [level, indicator] of Object.entries(indicators)) {
    const { status } = JSON.parse(
      bodyOf(statusView({ level: level as StatusView['level'] }), '/api/v2/status.json'),
    ) as { status: { indicator: string } }
    assert.equal(status.indicator, indicator)
  }
  const { incident } = JSON.parse(bodyOf(statusView(), '/api/v2/incidents/inc-2.json')) as {
    incident: Record<string, unknown> & { incident_updates: { affected_components: unknown }[] }
  }
  assert.equal(incident['cause'], 'network')
  assert.deepEqual(incident['affected_calls'], { affected: 120, total: 1000 })
  assert.deepEqual(incident['eta'], {
    estimated_at: '2026-11-28T11:55:00.000Z',
    median_at: '2026-11-28T12:20:00.000Z',
    earliest_at: '2026-11-28T12:00:00.000Z',
    latest_at: '2026-11-28T13:25:00.000Z',
    text: 'Probably over in 25 minutes (5 to 90).',
  })
  assert.deepEqual(incident.incident_updates[0]?.affected_components, [
    { code: 'chat', name: 'Chat', old_status: 'degraded_performance', new_status: 'partial_outage' },
  ])
})

test('maintenance under way is active, one that was called off is neither active nor to come', () => {
  const made = statusView({
    maintenances: [
      maintenanceView({ id: 'on', stage: 'in_progress', fromMs: viewMs - 1000, toMs: viewMs + 1000 }),
      maintenanceView({ id: 'off', stage: 'cancelled' }),
    ],
  })
  const ids = (path: string): string[] => {
    const body = JSON.parse(bodyOf(made, path)) as { scheduled_maintenances: { id: string }[] }
    return body.scheduled_maintenances.map(({ id }) => id)
  }
  assert.deepEqual(ids('/api/v2/scheduled-maintenances/active.json'), ['on'])
  assert.deepEqual(ids('/api/v2/scheduled-maintenances/upcoming.json'), [])
  assert.deepEqual(ids('/api/v2/summary.json'), ['on'])
})

for (const format of ['atom', 'rss'])
  test(`a reader of feeds reads ${format}: an entry an incident, with all of its updates`, async () => {
    view = statusView()
    const feed = await new Parser().parseURL(`${url}/history.${format}`)
    assert.equal(feed.title, 'Example AI: incidents and maintenance')
    assert.deepEqual(
      feed.items.map(({ title, link, categories }) => [title, link, format === 'rss' ? categories : null]),
      [
        ['Chat: some calls fail', 'https://status.example.org/incidents/inc-2', format === 'rss' ? ['Chat'] : null],
        [
          'Maintenance: New disks',
          'https://status.example.org/incidents/mt-1',
          format === 'rss' ? ['maintenance', 'Embeddings'] : null,
        ],
        ['Chat: most calls fail', 'https://status.example.org/incidents/inc-1', format === 'rss' ? ['Chat'] : null],
      ],
    )
    assert.match(feed.items[0]?.contentSnippet ?? '', /Identified – There is a problem in the network\./)
    assert.match(feed.items[0]?.contentSnippet ?? '', /Probably over in 25 minutes/)
    assert.match(feed.items[1]?.contentSnippet ?? '', /30 Nov 2026, 13:00 CET to 30 Nov 2026, 15:00 CET/)
  })

test('an update moves `updated` of its entry and nothing else; its id stays when the page moves', async () => {
  const read = async (made: StatusView) => (await new Parser().parseString(bodyOf(made, '/history.atom'))).items
  const before = await read(statusView({ incidents: [incidentView()], maintenances: [] }))
  const updates = [...incidentView().updates, update(3, viewMs + 60_000, 'monitoring', 'Better.', 'operational')]
  const elsewhere = { ...statusView().page, url: 'https://other.example' }
  const later = await read(
    statusView({ page: elsewhere, incidents: [incidentView({ updates, title: 'Another title' })], maintenances: [] }),
  )
  assert.equal(later[0]?.['id'], before[0]?.['id'])
  assert.equal(before[0]?.isoDate, incidentView().updates[0] && new Date(viewMs - 20 * 60_000 + 20_000).toISOString())
  assert.match(bodyOf(statusView({ incidents: [incidentView({ updates })] }), '/history.atom'), /2026-11-28T12:01:00/)
})

test('a calendar has each maintenance, at the same moment in every zone and over a change of clocks', () => {
  // In Berlin the clocks go back at 2026-10-25 01:00 UTC: 02:30 comes twice.
  const fromMs = Date.UTC(2026, 9, 25, 0, 30)
  const toMs = Date.UTC(2026, 9, 25, 1, 30)
  const made = statusView({ maintenances: [maintenanceView({ fromMs, toMs }), maintenanceView({ id: 'mt-2' })] })
  const calendar = new ICAL.Component(ICAL.parse(bodyOf(made, '/maintenance.ics')) as unknown[])
  const events = calendar.getAllSubcomponents('vevent').map((each) => new ICAL.Event(each))
  const [first] = events
  assert.ok(first && events.length === 2)
  assert.equal(first.uid, 'mt-1@p4ge')
  assert.equal(first.startDate.toJSDate().getTime(), fromMs)
  assert.equal(first.duration.toSeconds(), 3600)
  assert.match(bodyOf(made, '/history.rss'), /25 Oct 2026, 02:30 CEST to 25 Oct 2026, 02:30 CET/)
})

test('a calendar hears that maintenance was moved, and that it was called off', () => {
  const read = (more: Parameters<typeof maintenanceView>[0]) => {
    const text = bodyOf(statusView({ maintenances: [maintenanceView(more)] }), '/maintenance.ics')
    const event = new ICAL.Component(ICAL.parse(text) as unknown[]).getFirstSubcomponent('vevent')
    assert.ok(event)
    return { event: new ICAL.Event(event), status: event.getFirstPropertyValue('status') }
  }
  const first = read({})
  const moved = read({ fromMs: viewMs + 1e8, toMs: viewMs + 2e8, updatedMs: viewMs })
  const off = read({ stage: 'cancelled', updatedMs: viewMs + 1000 })
  assert.deepEqual([first.status, moved.status, off.status], ['CONFIRMED', 'CONFIRMED', 'CANCELLED'])
  assert.equal(moved.event.uid, first.event.uid)
  assert.ok(first.event.sequence < moved.event.sequence && moved.event.sequence < off.event.sequence)
})

for (const [i, text] of hostile.entries())
  test(`hostile text ${i + 1} comes through every format as text and as nothing else`, () => checkHostile(text))

test('any text at all comes through every format', async () => {
  const any = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), mark()) })
  await fc.assert(
    fc.asyncProperty(any, (text) => checkHostile(`x${text}`)),
    { numRuns: 60 },
  )
})

const mark = () => fc.constantFrom('<', '>', '&', '"', "'", ']]>', '\r', '\n', '\\', ';', ',', ':', '\ud83d', '\u0000')

async function checkHostile(text: string): Promise<void> {
  const made = hostileView(text)
  const shown = text
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/\r\n?/g, '\n')
  for (const path of ['/history.atom', '/history.rss']) {
    const xml = bodyOf(made, path)
    const feed = await new Parser().parseString(xml)
    assert.equal(feed.items.length, 2)
    const [, incident] = feed.items.toSorted((a, b) => (a.title ?? '').length - (b.title ?? '').length).toReversed()
    assert.equal((incident?.title ?? '').trim(), shown.trim())
    // Inside, it is HTML in which the text is only text.
    assert.doesNotMatch(feed.items.map(({ content }) => content).join(''), /<(?!\/?(p|small|strong)>|br>)/)
  }
  const event = new ICAL.Component(ICAL.parse(bodyOf(made, '/maintenance.ics')) as unknown[])
  assert.equal(event.getAllSubcomponents('vevent').length, 1)
  const first = event.getFirstSubcomponent('vevent')
  const inOneLine = shown.replace(/[\u0085\u2028\u2029]/g, '\n').replaceAll('\u007f', '')
  assert.equal(first?.getFirstPropertyValue('summary'), inOneLine)
  assert.equal(first?.getAllProperties('x').length, 0)
  for (const line of bodyOf(made, '/maintenance.ics').split('\r\n')) assert.ok(Buffer.byteLength(line) <= 75, line)
  const { incidents } = JSON.parse(bodyOf(made, '/api/v2/incidents.json')) as { incidents: { name: string }[] }
  assert.equal(incidents[0]?.name, text.toWellFormed())
  const svg = bodyOf(made, '/badge.svg')
  assert.deepEqual([...svg.matchAll(/<(\w+)/g)].map(([, name]) => name).join(' '), svgElements)
}

const svgElements = 'svg title clipPath rect g rect rect g text text'

test('what people are pointed to is there', () => {
  for (const { path } of feeds) assert.ok(serve(statusView(), `/${path}`), path)
})

test('badges say what is so', () => {
  assert.match(bodyOf(statusView(), '/badge.svg'), /aria-label="Example AI: partial outage"/)
  assert.match(bodyOf(statusView(), '/badges/embed.svg'), /aria-label="Embeddings: operational"/)
  assert.deepEqual(JSON.parse(bodyOf(statusView(), '/badges/chat.json')), {
    schemaVersion: 1,
    label: 'Chat',
    message: 'partial outage',
    color: 'orange',
    isError: false,
  })
})

test('an id that could lead out of its folder has no document', () => {
  const made = statusView({ incidents: [overView({ id: '../../etc/passwd' })] })
  assert.ok(statusFiles(made).every(({ path }) => !path.includes('..')))
})

test('a page without an address, and one without anything, are valid too', async () => {
  const bare = statusView({
    page: { id: 'p', name: 'P', url: '', timeZone: 'UTC' },
    components: [],
    incidents: [],
    maintenances: [],
  })
  for (const path of ['/history.atom', '/history.rss'])
    assert.equal((await new Parser().parseString(bodyOf(bare, path))).items.length, 0)
  assert.ok(ICAL.parse(bodyOf(bare, '/maintenance.ics')))
  const noAddress = { ...statusView(), page: bare.page }
  assert.equal((await new Parser().parseString(bodyOf(noAddress, '/history.rss'))).items.length, 3)
})
