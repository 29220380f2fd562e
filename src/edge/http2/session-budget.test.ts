// What a session of HTTP/2 may cost beside its requests.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionBudget } from './session-budget.ts'

const headerBytesMax = 32 * 1024
/** As the sweep looks. */
const lookMs = 250

test('a client may drop all its streams at once and one now and then, and not hundreds again and again', () => {
  const budget = new SessionBudget(headerBytesMax, 0)
  for (let i = 0; i < 256; i++) assert.ok(budget.reset(0))
  for (let s = 1; s < 60; s++) for (let i = 0; i < 15; i++) assert.ok(budget.reset(s * 1000))
  const other = new SessionBudget(headerBytesMax, 0)
  let count = 0
  while (other.reset(1000)) count++
  assert.ok(count < 400, `${count} resets`)
})

test('what belongs to requests may come without end, and what belongs to none may not', () => {
  const good = new SessionBudget(headerBytesMax, 0)
  let readBytes = 0
  for (let i = 1; i < 1000; i++) {
    good.request()
    good.body(100_000)
    for (let piece = 0; piece < 100; piece++) good.piece()
    readBytes += 500 + 110_000 + 100 * 26
    assert.ok(good.read(readBytes, i * lookMs))
  }
  const bad = new SessionBudget(headerBytesMax, 0)
  let looks = 0
  while (bad.read(++looks * 500_000, looks * lookMs)) assert.ok(looks < 10)
})

test('a connection that is idle but for its pings lives on, and saves nothing up for a flood', () => {
  const budget = new SessionBudget(headerBytesMax, 0)
  for (let s = 1; s < 3600; s++) assert.ok(budget.read(s * 17 * 10, s * 1000))
  assert.equal(budget.read(3600 * 170 + 3 * 2 ** 20, 3600 * 1000), false)
})
