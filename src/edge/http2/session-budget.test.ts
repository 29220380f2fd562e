// What a session of HTTP/2 may cost beside its requests.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionBudget } from './session-budget.ts'

const nothing = { idleBytes: 0, resets: 0, bigBlocks: 0 }

test('a client may drop all its streams at once and one now and then, and not hundreds again and again', () => {
  const budget = new SessionBudget(0)
  assert.equal(budget.read({ ...nothing, resets: 256 }, 0), null)
  for (let s = 1; s < 60; s++) assert.equal(budget.read({ ...nothing, resets: 15 }, s * 1000), null)
  const other = new SessionBudget(0)
  let count = 0
  while (other.read({ ...nothing, resets: 1 }, 1000) === null) count++
  assert.ok(count < 400, `${count} resets`)
  const third = new SessionBudget(0)
  for (count = 0; third.drop(1000); ) count++
  assert.ok(count < 400, `${count} streams that ended before their time`)
})

test('headers that nobody may send are borne a few times', () => {
  const budget = new SessionBudget(0)
  assert.equal(budget.read({ ...nothing, bigBlocks: 3 }, 0), null)
  let count = 3
  while (budget.read({ ...nothing, bigBlocks: 1 }, 0) === null) count++
  assert.ok(count < 20, `${count} blocks`)
})

test('what goes with requests and answers may come without end, and what goes with none may not', () => {
  const good = new SessionBudget(0)
  for (let i = 1; i < 1000; i++) {
    good.request()
    for (let piece = 0; piece < 100; piece++) good.piece(16_000)
    assert.equal(good.read({ ...nothing, idleBytes: 27 + 100 * 16 * 26 }, i * 250), null)
  }
  const bad = new SessionBudget(0)
  let sentBytes = 0
  while (bad.read({ ...nothing, idleBytes: 1300 }, 0) === null) sentBytes += 1300
  assert.ok(sentBytes < 64 * 1024, `${sentBytes} bytes`)
})

test('a client that takes a large answer by small frames is borne to its end', () => {
  const budget = new SessionBudget(0)
  budget.request()
  budget.piece(8 * 2 ** 20)
  for (let i = 0; i < 8192; i++) assert.equal(budget.read({ ...nothing, idleBytes: 26 }, 0), null)
})

test('a connection that is idle but for its pings lives on, and saves nothing up for a flood', () => {
  const budget = new SessionBudget(0)
  for (let s = 1; s < 3600; s++) assert.equal(budget.read({ ...nothing, idleBytes: 480 }, s * 1000), null)
  assert.notEqual(budget.read({ ...nothing, idleBytes: 64 * 1024 }, 3600 * 1000), null)
})
