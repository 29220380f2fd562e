/** What was added is told once, however often it is asked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tally } from './tally.ts'

function drained(tally: Tally): [Record<string, string>, number][] {
  const told: [Record<string, string>, number][] = []
  tally.drain((labels, amount) => told.push([labels, amount]))
  return told
}

test('sums by the values of the labels, in the order of their names', () => {
  const tally = new Tally(['route', 'code'])
  tally.add(1, 'chat', 'ok')
  tally.add(2, 'chat', 'ok')
  tally.add(1, 'ok', 'chat')
  assert.deepEqual(drained(tally), [
    [{ route: 'chat', code: 'ok' }, 3],
    [{ route: 'ok', code: 'chat' }, 1],
  ])
  tally.add(4, 'ok', 'chat')
  assert.deepEqual(
    drained(tally).filter(([, amount]) => amount > 0),
    [[{ route: 'ok', code: 'chat' }, 4]],
  )
})

test('sums without labels', () => {
  const tally = new Tally([])
  tally.add(7)
  tally.add(1)
  assert.deepEqual(drained(tally), [[{}, 8]])
})
