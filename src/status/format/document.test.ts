// What a long history and bad times cost: nothing that the rest would pay for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IncidentView, StatusView } from '../status-view.ts'
import { statusFiles } from './document.ts'

const nowMs = Date.UTC(2026, 10, 28)

function incident(number: number, more: Partial<IncidentView> = {}): IncidentView {
  const atMs = nowMs - number * 60_000
  const base = {
    id: `i${number}`,
    title: 'T',
    stage: 'resolved',
    impact: 'minor',
    causeClass: null,
    eta: null,
  } as const
  const times = { beganMs: atMs, openedMs: atMs, updatedMs: atMs, monitoringMs: null, resolvedMs: atMs }
  const updates = [
    { number: 1, atMs, stage: 'resolved', text: 'x', by: 'holdfast', levels: {}, corrected: [] },
  ] as const
  return { ...base, ...times, components: [], updates, calls: 1, badCalls: 1, ...more }
}

const view = (incidents: readonly IncidentView[], more: Partial<StatusView> = {}): StatusView => ({
  page: { id: 'p', name: 'Example', url: 'https://status.example.org', timeZone: 'UTC' },
  ...{ updatedMs: nowMs, level: 'operational', components: [], incidents, maintenances: [], responseTimes: [] },
  ...more,
})

test('one time that is none keeps nothing else from being told', () => {
  for (const atMs of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300]) {
    const updates = incident(1).updates.map((each) => ({ ...each, atMs, corrected: [{ atMs, by: 'a', text: 'y' }] }))
    const bad = incident(1, { updates, openedMs: atMs, updatedMs: atMs })
    const paths = new Set(statusFiles(view([bad, incident(2)])).map(({ path }) => path))
    assert.ok(paths.has('history.atom') && paths.has('api/v2/incidents/i2.json'))
  }
})

test('the file of an incident that is over stays as it is while the figures of the page go on', () => {
  const bytesAt = (updatedMs: number): string | undefined =>
    statusFiles(view([incident(1)], { updatedMs }))
      .find(({ path }) => path === 'api/v2/incidents/i1.json')
      ?.bytes.toString()
  assert.ok(bytesAt(nowMs))
  assert.equal(bytesAt(nowMs), bytesAt(nowMs + 30_000))
})

test('of a long history as many incidents have files as have pages; badges and feeds are there all the same', () => {
  const files = statusFiles(view(Array.from({ length: 9000 }, (_, i) => incident(i))))
  assert.equal(files.filter(({ path }) => /incidents\/i\d+\.json/.test(path)).length, 500)
  assert.ok(files.some(({ path }) => path === 'badge.svg'))
})
