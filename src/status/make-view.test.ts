// What an operator wrote of components is understood, by name as by id.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IncidentBook } from './incident-book.ts'
import { makeView } from './make-view.ts'

test('a component that an operator named by its name is shown as affected', () => {
  const affected = [{ component: 'chat BIG', level: 'major_outage', worst: 'major_outage', total: 0, bad: 0 }] as const
  const base = { kind: 'opened', id: 'a', atMs: 1000, by: 'ann', title: 'Moving', beganMs: 1000 } as const
  const book = new IncidentBook([{ ...base, stage: 'investigating', blame: null, affected, text: '' }])
  const view = makeView({
    page: { id: 'local', name: 'Example', url: '', timeZone: 'UTC' },
    nowMs: 2000,
    components: [{ id: 'chat-big', name: 'Chat big', description: '', models: [], routes: [], tiers: [] }],
    incidents: book.all,
    maintenances: [],
    days: () => ({ days: [], goodShare: null, uptimeShare: null }),
    responseTimes: [],
    eta: () => null,
  })
  assert.equal(view.level, 'major_outage')
  assert.deepEqual(view.incidents[0]?.components, [{ id: 'chat-big', name: 'Chat big', level: 'major_outage' }])
  assert.deepEqual(view.incidents[0]?.updates[0]?.levels, { 'chat-big': 'major_outage' })
})
