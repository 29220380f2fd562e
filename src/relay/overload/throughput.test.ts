// Tests of the running rate: right when steady, quick to follow, and blind to time that does not count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Throughput } from './throughput.ts'

function feed(rate: Throughput, fromMs: number, toMs: number, amount: number): void {
  rate.run(fromMs)
  for (let ms = fromMs + 100; ms <= toMs; ms += 100) rate.add(amount, ms)
}

test('a steady flow is known within a second, and too little says nothing', () => {
  const rate = new Throughput()
  feed(rate, 0, 300, 10)
  assert.equal(rate.perSecond(300), null)
  feed(rate, 300, 2000, 10)
  assert.ok(Math.abs((rate.perSecond(2000) ?? 0) - 100) < 8)
})

test('it follows a change within some tens of seconds', () => {
  const rate = new Throughput()
  feed(rate, 0, 60_000, 10)
  feed(rate, 60_000, 100_000, 40)
  assert.ok((rate.perSecond(100_000) ?? 0) > 380)
})

test('time that is paused neither counts nor is forgotten', () => {
  const rate = new Throughput()
  feed(rate, 0, 20_000, 10)
  rate.pause(20_000)
  const before = rate.perSecond(20_000)
  assert.equal(rate.perSecond(500_000), before)
  rate.add(1e9, 500_000)
  assert.equal(rate.perSecond(500_000), before)
})

test('a clock that goes back does no harm', () => {
  const rate = new Throughput()
  feed(rate, 10_000, 20_000, 10)
  rate.add(10, 5000)
  const perSecond = rate.perSecond(5000) ?? 0
  assert.ok(perSecond > 80 && perSecond < 130, `${perSecond}`)
})

test('what has just begun is not believed to go on for long, what has lasted is', () => {
  const rate = new Throughput()
  assert.equal(rate.within(60_000, 0), 0)
  feed(rate, 0, 2000, 10)
  assert.ok(rate.within(60_000, 2000) < 250, `${rate.within(60_000, 2000)}`)
  assert.ok(Math.abs(rate.within(1000, 2000) - 100) < 10)
  feed(rate, 2000, 20_000, 10)
  assert.ok(Math.abs(rate.within(60_000, 20_000) - 6000) < 600, `${rate.within(60_000, 20_000)}`)
})
