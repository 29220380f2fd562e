// Deadlines that nobody could keep are no outage; one diagnosis that says something else, and it may be one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallersDoing } from './callers-doing.ts'
import { IncidentWatch } from './incident-watch.ts'

const deadline = { code: 'HF_DEADLINE' } as const

test('two diagnoses that all blame the caller’s own time excuse a component, for a minute', () => {
  const doing = new CallersDoing()
  doing.note('chat', deadline, 'client', 1000)
  assert.deepEqual([...doing.components(1000)], [])
  doing.note('chat', deadline, 'client', 2000)
  assert.deepEqual([...doing.components(2000)], ['chat'])
  assert.deepEqual([...doing.components(61_500)], [])
})

test('a refusal for a long line, and any other cause, excuse nothing', () => {
  for (const [code, whose] of [
    ['HF_DEADLINE_TOO_SHORT', 'client'],
    ['HF_DEADLINE', 'upstream'],
    ['HF_UPSTREAM_RESET', 'client'],
  ] as const) {
    const doing = new CallersDoing()
    for (const atMs of [1000, 2000, 3000]) doing.note('chat', deadline, 'client', atMs)
    doing.note('chat', { code }, whose, 4000)
    assert.deepEqual([...doing.components(4000)], [], code)
  }
})

test('what callers do to themselves opens no incident, and what comes behind it does', () => {
  const watch = new IncidentWatch(
    () => 'one',
    (id) => id,
  )
  let nowMs = 0
  const look = (excused: readonly string[]) => {
    nowMs += 5000
    const tallies = new Map([['chat', { total: 20, failed: 20, slow: 0 }]])
    return watch.look({ nowMs, tallies, seen: [], excused: new Set(excused) })
  }
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].flatMap(() => look(['chat'])),
    [],
  )
  assert.equal(look([])[0]?.kind, 'opened')
})
