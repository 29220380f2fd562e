// What is told of one incident while it goes on: its share from the first harm on, and nothing twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seen } from './case-file.ts'
import type { Tally } from './harm-meter.ts'
import { IncidentWatch } from './incident-watch.ts'

const lookMs = 5000
const seen: Seen = {
  ...{ cause: 'server-crash', class: 'application', subject: 'a', component: 'chat', confidence: 0.9 },
  atMs: 0,
}

function open() {
  const watch = new IncidentWatch(
    () => 'one',
    (id) => id,
  )
  let nowMs = 0
  return (tally: Tally) => {
    nowMs += lookMs
    return watch.look({
      nowMs,
      tallies: new Map([['chat', tally]]),
      seen: tally.failed > 0 ? [1, 2].map(() => ({ ...seen, atMs: nowMs })) : [],
    })
  }
}

test('calls that went well before the harm do not make it look smaller', () => {
  const look = open()
  look({ total: 500, failed: 0, slow: 0 })
  const [opened] = look({ total: 500, failed: 50, slow: 0, wellBefore: 450 })
  assert(opened?.kind === 'opened')
  assert.deepEqual(
    opened.affected.map(({ total, bad }) => [total, bad]),
    [[50, 50]],
  )
  assert.match(opened.text, /^Nearly all calls to chat fail/)
})

test('it gets worse: its level is kept, the same words are not told again', () => {
  const look = open()
  look({ total: 500, failed: 0, slow: 0 })
  const [opened] = look({ total: 100, failed: 50, slow: 0, wellBefore: 50 })
  assert.equal(opened?.kind === 'opened' && opened.affected[0]?.worst, 'degraded_performance')
  const later = [1, 2, 3].flatMap(() => look({ total: 100, failed: 100, slow: 0 }))
  assert(later.length > 0)
  assert.deepEqual(
    later.map((event) => event.kind === 'updated' && event.text),
    later.map(() => undefined),
  )
  const last = later.at(-1)
  assert.equal(last?.kind === 'updated' && last.affected?.[0]?.worst, 'major_outage')
})
