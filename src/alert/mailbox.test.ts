/** Each receiver is told of each alert once, and once that it is over, however often deliveries fail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { AlertBook } from './alert-book.ts'
import type { Condition, Severity } from './condition.ts'
import { Mailbox, type MailboxOptions, type Told } from './mailbox.ts'

const minuteMs = 60_000
const usual: MailboxOptions = { severityMin: 'warning', sendResolved: true, groupWaitMs: 10_000 }

function condition(about: string, name = 'Test', severity: Severity = 'warning'): Condition {
  return { name, severity, labels: { about }, summary: about, cure: 'c' }
}

function openBook(): AlertBook {
  return new AlertBook({ resolveAfterMs: minuteMs })
}

test('alerts of one kind come together, after a moment', () => {
  const book = openBook()
  const box = new Mailbox(usual)
  book.look([condition('a'), condition('x', 'Other')], 0)
  book.look([condition('a'), condition('b'), condition('x', 'Other')], 9000)
  assert.deepEqual(box.due(book, 9999), [])
  const due = box.due(book, 10_000)
  assert.deepEqual(
    due.map(({ group, alerts }) => [group, alerts.length]),
    [
      ['Test', 2],
      ['Other', 1],
    ],
  )
  for (const notice of due) box.delivered(notice, 10_000)
  assert.deepEqual(box.due(book, 10_000_000), [])
})

test('what could not be delivered is the same message at the next try, and the latest news later', () => {
  const book = openBook()
  const box = new Mailbox(usual)
  book.look([condition('a')], 0)
  const first = box.due(book, 20_000)
  assert.deepEqual(box.due(book, 30_000), first)
  // It ended before anybody could be told: nobody is.
  book.look([], 60_000)
  book.look([], 130_000)
  assert.deepEqual(box.due(book, 130_000), [])
})

test('ends are told of what was told, even where nothing else is known of it any more', () => {
  const book = openBook()
  const box = new Mailbox(usual)
  book.look([condition('a')], 0)
  for (const notice of box.due(book, 20_000)) box.delivered(notice, 20_000)
  const again = new Mailbox(usual, JSON.parse(JSON.stringify(box.told)) as Record<string, Told>)
  const [end] = again.due(openBook(), 50_000)
  assert.deepEqual(
    end?.alerts.map(({ endedMs }) => endedMs),
    [50_000],
  )
  for (const notice of again.due(openBook(), 50_000)) again.delivered(notice, 50_000)
  assert.deepEqual(again.due(openBook(), 60_000), [])
})

test('a receiver hears only what weighs enough, and no ends if it wants none', () => {
  const book = openBook()
  const box = new Mailbox({ ...usual, severityMin: 'critical', sendResolved: false })
  book.look([condition('a'), condition('b', 'Test', 'critical')], 0)
  const due = box.due(book, 20_000)
  assert.deepEqual(
    due.flatMap(({ alerts }) => alerts.map(({ condition: { summary } }) => summary)),
    ['b'],
  )
  for (const notice of due) box.delivered(notice, 20_000)
  book.look([], 30_000)
  book.look([], 100_000)
  assert.deepEqual(box.due(book, 100_000), [])
  assert.deepEqual(box.told, {})
})

test('who forgets is told again and again of what goes on', () => {
  const book = openBook()
  const box = new Mailbox({ ...usual, groupWaitMs: 0, resendMs: minuteMs })
  let sent = 0
  for (let atMs = 0; atMs <= 5 * minuteMs; atMs += 10_000) {
    book.look([condition('a')], atMs)
    for (const notice of box.due(book, atMs)) {
      sent++
      box.delivered(notice, atMs)
    }
  }
  assert.equal(sent, 6)
})

test('messages are bounded, and all alerts are told in the end', () => {
  const book = openBook()
  const box = new Mailbox(usual)
  book.look(
    Array.from({ length: 120 }, (_, i) => condition(`n${i}`)),
    0,
  )
  const sizes: number[] = []
  for (let i = 0; i < 10; i++)
    for (const notice of box.due(book, 20_000)) {
      sizes.push(notice.alerts.length)
      box.delivered(notice, 20_000)
    }
  assert.deepEqual(sizes, [50, 50, 20])
})

const step = fc.record({
  pauseMs: fc.nat(5 * minuteMs),
  there: fc.subarray(['a', 'b', 'c', 'd']),
  isTaken: fc.boolean(),
})

test('whatever fails, what a receiver hears of an alert takes turns, and is complete in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.boolean(), (all, isSingle) => {
      const book = openBook()
      let box = new Mailbox({ ...usual, isSingle })
      const heard = new Map<string, boolean>()
      let nowMs = 0
      const tend = (isTaken: boolean): void => {
        for (const notice of box.due(book, nowMs)) {
          if (!isTaken) continue
          for (const { identity, endedMs } of notice.alerts) {
            assert.notEqual(heard.get(identity) ?? false, endedMs === null)
            heard.set(identity, endedMs === null)
          }
          box.delivered(notice, nowMs)
        }
      }
      for (const [i, { pauseMs, there, isTaken }] of all.entries()) {
        nowMs += pauseMs
        book.look(
          there.map((each) => condition(each)),
          nowMs,
        )
        tend(isTaken)
        if (i % 5 === 2)
          box = new Mailbox({ ...usual, isSingle }, JSON.parse(JSON.stringify(box.told)) as Record<string, Told>)
      }
      nowMs += minuteMs
      tend(true)
      for (const { identity } of book.firing) assert.equal(heard.get(identity), true)
      for (let minute = 0; minute < 130; minute++) {
        nowMs += minuteMs
        book.look([], nowMs)
        tend(true)
      }
      assert.ok([...heard.values()].every((isOn) => !isOn))
    }),
  )
})
