// Which outages are told to those who answer callers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IncidentBook } from '../status/incident-book.ts'
import type { Incident, Level } from '../status/incident.ts'
import { outagesOf } from './notice-of.ts'

const nowMs = Date.UTC(2026, 10, 28)
const endMs = nowMs + 120_000
const component = (id: string) => ({ id, name: id, description: '', models: [id], routes: [], tiers: [] })
const components = [component('chat'), component('code')]

function open(id: string, level: Level, ...ids: string[]): Incident {
  const affected = ids.map((each) => ({ component: each, level, worst: level, total: 9, bad: 9 }))
  const links = { kind: 'opened', id, atMs: nowMs, by: 'holdfast', beganMs: nowMs, blame: null } as const
  const book = new IncidentBook([{ ...links, title: 't', stage: 'investigating', affected, text: '' }])
  const incident = book.get(id)
  assert.ok(incident)
  return incident
}

test('a component of which most calls fail, with an end that is near', () => {
  const outages = outagesOf([open('a', 'major_outage', 'chat')], components, nowMs, () => endMs)
  assert.deepEqual(outages, [{ models: ['chat'], routes: [], tiers: [], overAtMs: endMs }])
})

test('not where only some calls fail, where the end is far, and of what the public does not see', () => {
  const major = open('a', 'major_outage', 'chat')
  const none: [Incident, number | null][] = [
    [open('a', 'partial_outage', 'chat'), endMs],
    [major, null],
    [{ ...major, stage: 'resolved' }, endMs],
    [{ ...major, isSilenced: true }, endMs],
    [{ ...major, postponedMs: nowMs + 1 }, endMs],
    [{ ...major, mergedInto: 'b' }, endMs],
    [open('a', 'major_outage', 'gone'), endMs],
  ]
  for (const [incident, end] of none)
    assert.deepEqual(
      outagesOf([incident], components, nowMs, () => end),
      [],
    )
})

test('a component with two incidents is back when both are over, and with one of unknown end nobody knows', () => {
  const both = [open('a', 'major_outage', 'chat'), open('b', 'major_outage', 'chat', 'code')]
  const later = (far: number | null) => (each: Incident) => (each.id === 'a' ? endMs : far)
  const ends = (far: number | null): (number | undefined)[] =>
    outagesOf(both, components, nowMs, later(far)).map(({ overAtMs }) => overAtMs)
  assert.deepEqual(ends(endMs + 5000), [endMs + 5000, endMs + 5000])
  assert.deepEqual(ends(null), [])
})
