// What is told of one incident while it goes on: its share from the first harm on, and nothing twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seen } from './case-file.ts'
import type { Tally } from './harm-meter.ts'
import { IncidentWatch } from './incident-watch.ts'
import { titleOf } from './incident-words.ts'
import { entryText, readEntry } from './read-entry.ts'

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

test('however long names are, what is told can be read back', () => {
  const names = [1, 2, 3, 4].map((number) => `${number}`.padEnd(250, '\u{1F600}'))
  for (let count = 1; count <= 4; count++) {
    const affected = names
      .slice(0, count)
      .map(
        (component) => ({ component, level: 'major_outage', worst: 'degraded_performance', total: 9, bad: 9 }) as const,
      )
    const title = titleOf(affected)
    const base = { kind: 'opened', id: 'a', atMs: 1, by: 'holdfast', beganMs: 1, blame: null } as const
    assert.ok(readEntry(entryText({ ...base, stage: 'investigating', title, affected, text: '' })), title)
    assert.match(title, /: slower than usual, or some calls fail$/)
  }
})
