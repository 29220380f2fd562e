// Which incidents operators see, and what of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IncidentBook } from '../status/incident-book.ts'
import type { IncidentEvent } from '../status/incident-event.ts'
import type { Level } from '../status/incident.ts'
import { incidentsSeen, type IncidentSeen } from './incident-seen.ts'

const nowMs = Date.UTC(2026, 10, 28)

function opened(id: string, level: Level): IncidentEvent {
  const affected = [{ component: 'chat', level, worst: level, total: 10, bad: 4 }]
  const links = { kind: 'opened', id, atMs: nowMs, by: 'holdfast', beganMs: nowMs - 9000, blame: null } as const
  return { ...links, title: `title ${id}`, stage: 'investigating', affected, text: 'first' }
}

function see(pageUrl: string, ...events: IncidentEvent[]): IncidentSeen[] {
  return incidentsSeen(new IncidentBook(events).all, {
    ...{ nowMs, pageUrl, nameOf: (id) => id.toUpperCase(), etaWords: () => 'soon' },
  })
}

test('the worst first, with the last word and where the public reads of it', () => {
  const blame = { cause: 'server-crash', class: 'application', subject: 'gpu1' } as const
  const words = { by: 'ann', text: 'we look', stage: 'identified' } as const
  const said = { kind: 'updated', id: 'b', atMs: nowMs + 5, blame, ...words } as const
  const [worst, other] = see(
    'https://status.example.org',
    ...[opened('a', 'degraded_performance'), opened('b', 'major_outage'), said],
  )
  assert.deepEqual(worst, {
    ...{ id: 'b', title: 'title b', stage: 'identified', impact: 'critical', hidden: '', etaWords: 'soon' },
    ...{ beganMs: nowMs - 9000, updatedMs: nowMs + 5, words: 'we look', by: 'ann', calls: 10, badCalls: 4 },
    components: [{ name: 'CHAT', level: 'major_outage' }],
    cause: 'The model server died (gpu1)',
    url: 'https://status.example.org/incidents/b',
  })
  assert.equal(other?.id, 'a')
})

test('those that the public does not see are seen, and said not to be; those that are over are not', () => {
  const silenced = { kind: 'silenced', id: 'a', atMs: nowMs, by: 'ann', isSilenced: true } as const
  const later = { kind: 'postponed', id: 'b', atMs: nowMs, by: 'ann', untilMs: nowMs + 60_000 } as const
  const over = { kind: 'updated', id: 'c', atMs: nowMs, by: 'ann', stage: 'resolved' } as const
  const all = see(
    'https://status.example.org',
    ...['a', 'b', 'c'].map((id) => opened(id, 'partial_outage')),
    ...[silenced, later, over],
  )
  assert.deepEqual(
    all.map(({ id, hidden, url }) => [id, hidden, url]),
    [
      ['a', 'silenced', ''],
      ['b', 'postponed until 2026-11-28 00:01 UTC', ''],
    ],
  )
})

test('no link where there is no page, or its address leads elsewhere; and not more than anybody reads', () => {
  const many = Array.from({ length: 50 }, (_, i) => opened(`i${i}`, 'major_outage'))
  assert.equal(see('', ...many).length, 20)
  for (const url of ['', 'javascript:alert(1)//']) assert.equal(see(url, opened('a', 'major_outage'))[0]?.url, '')
})
