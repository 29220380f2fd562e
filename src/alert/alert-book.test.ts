/** Alerts begin once and end once, however their conditions come and go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Alert, AlertBook, isFiring, isFlapping } from './alert-book.ts'
import type { Condition } from './condition.ts'

const minuteMs = 60_000
const options = { resolveAfterMs: 5 * minuteMs }

function condition(about: string, more: Partial<Condition> = {}): Condition {
  return { name: 'Test', severity: 'warning', labels: { about }, summary: 's', cure: 'c', ...more }
}

test('an alert begins at once, and ends when its reason has been gone for a while', () => {
  const book = new AlertBook(options)
  assert.equal(book.look([condition('a')], 0).length, 1)
  assert.equal(book.look([condition('a')], minuteMs).length, 0)
  assert.equal(book.look([], 2 * minuteMs).length, 0)
  assert.equal(book.look([], 6 * minuteMs).length, 0)
  const [ended] = book.look([], 7 * minuteMs)
  assert.equal(ended?.endedMs, 7 * minuteMs)
  assert.deepEqual(book.firing, [])
})

test('one that has to last first is none when it goes before', () => {
  const book = new AlertBook(options)
  const slow = condition('a', { holdMs: 3 * minuteMs })
  for (const atMs of [0, minuteMs]) assert.equal(book.look([slow], atMs).length, 0)
  book.look([], 2 * minuteMs)
  assert.equal(book.look([slow], 3 * minuteMs).length, 0) // it begins to last anew
  assert.equal(book.look([slow], 6 * minuteMs).length, 1)
})

test('what comes back soon has never been away', () => {
  const book = new AlertBook(options)
  let changes = 0
  for (let minute = 0; minute < 60; minute++)
    changes += book.look(minute % 4 === 0 ? [condition('a')] : [], minute * minuteMs).length
  assert.equal(changes, 1)
})

test('what flaps has to stay away longer each time', () => {
  const book = new AlertBook(options)
  const changes: number[] = []
  let alert: Alert | undefined
  // Six minutes away, one minute there: each time it would end and begin again.
  for (let minute = 0; minute < 24 * 60; minute++) {
    const changed = book.look(minute % 7 === 0 ? [condition('a')] : [], minute * minuteMs)
    alert = changed[0] ?? alert
    if (changed.length > 0) changes.push(minute)
  }
  assert.ok(changes.length <= 3, String(changes))
  assert.equal(alert && isFiring(alert), true)
})

test('one that comes back twice is flapping, until it has been away for an hour', () => {
  const book = new AlertBook({ resolveAfterMs: minuteMs })
  const isFlappingNow = (): boolean => book.firing.some(isFlapping)
  let nowMs = 0
  const come = (): void => void book.look([condition('a')], nowMs)
  const stayAway = (minutes: number): void => {
    for (let minute = 0; minute < minutes; minute++) book.look([], (nowMs += minuteMs))
    nowMs += minuteMs
  }
  come()
  stayAway(5)
  come()
  assert.equal(isFlappingNow(), false)
  stayAway(10)
  come()
  assert.equal(isFlappingNow(), true)
  stayAway(90)
  come()
  assert.equal(isFlappingNow(), false)
})

test('there are never more than some hundred; what weighs more takes the place of what weighs less', () => {
  const book = new AlertBook(options)
  const many = Array.from({ length: 1000 }, (_, i) => condition(`n${i}`, { severity: 'info' }))
  book.look(many, 0)
  assert.equal([...book.alerts].length, 200)
  assert.equal(book.leftCount, 800)
  book.look([condition('x', { severity: 'critical' })], 1)
  assert.ok(book.firing.some(({ condition: { severity } }) => severity === 'critical'))
  assert.equal([...book.alerts].length, 200)
})

const steps = fc.array(fc.record({ pauseMs: fc.nat(20 * minuteMs), there: fc.subarray(['a', 'b', 'c']) }), {
  maxLength: 120,
})

test('whatever happens, beginnings and ends take turns, and a calm day ends everything', () => {
  fc.assert(
    fc.property(steps, fc.nat(10 * minuteMs), (all, resolveAfterMs) => {
      let book = new AlertBook({ resolveAfterMs })
      const isOn = new Map<string, boolean>()
      let nowMs = 0
      const take = (there: readonly string[]): void => {
        for (const alert of book.look(
          there.map((each) => condition(each)),
          nowMs,
        )) {
          assert.notEqual(isFiring(alert), isOn.get(alert.identity) ?? false)
          isOn.set(alert.identity, isFiring(alert))
        }
        // What is there is told, what is not may still be.
        for (const each of there) assert.ok([...isOn].some(([identity, on]) => on && identity.includes(each)))
      }
      for (const [i, { pauseMs, there }] of all.entries()) {
        nowMs += pauseMs
        take(there)
        // A restart in between changes nothing.
        if (i % 7 === 3)
          book = new AlertBook({ resolveAfterMs }, JSON.parse(JSON.stringify([...book.alerts])) as Alert[])
      }
      for (let minute = 0; minute < 130; minute++) {
        nowMs += minuteMs
        take([])
      }
      assert.deepEqual(book.firing, [])
    }),
  )
})

test('a condition that flaps for a day makes a dozen changes at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (onMinutes, offMinutes) => {
      const book = new AlertBook(options)
      let changes = 0
      for (let minute = 0; minute < 24 * 60; minute++) {
        const isThere = minute % (onMinutes + offMinutes) < onMinutes
        changes += book.look(isThere ? [condition('a')] : [], minute * minuteMs).length
      }
      assert.ok(changes <= 12, `${onMinutes} on, ${offMinutes} off: ${changes}`)
    }),
  )
})

test('a clock that steps back keeps no alert from beginning or ending', () => {
  const book = new AlertBook(options)
  const yearMs = 365 * 24 * 60 * minuteMs
  const slow = condition('slow', { holdMs: 3 * minuteMs })
  book.look([condition('a'), slow], yearMs)
  book.look([slow], yearMs + minuteMs)
  for (const minute of [0, 1, 2]) assert.equal(book.look([slow], minute * minuteMs).length, 0)
  assert.deepEqual(
    book.look([slow], 3 * minuteMs).map(({ condition: { labels } }) => labels['about']),
    ['slow'],
  )
  assert.deepEqual(
    book.look([slow], 5 * minuteMs).map(({ endedMs }) => endedMs),
    [5 * minuteMs],
  )
})
