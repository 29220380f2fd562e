/** Tests of who can answer in time, and until when one may wait for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Allowance, type InTime, type Need, whoIsInTime } from './in-time.ts'

interface Server extends Need {
  readonly isOut: boolean
}

const server = (readMs: number, writeMs: number, isOut = false): Server => ({ readMs, writeMs, isOut })
const [fast, slow] = [server(100, 900), server(1000, 9000)]

function judge(servers: readonly Server[], allowance: Partial<Allowance>, nowMs = 0): InTime<Server> {
  const whole = { beganMs: 0, firstTokenMs: null, totalMs: 600_000, ...allowance }
  return whoIsInTime(servers, whole, { needOf: (each) => each, isOut: ({ isOut }) => isOut, nowMs })
}

test('with time for all, the slowest says until when it may be begun', () => {
  assert.deepEqual(judge([fast, slow], { totalMs: 20_000 }), { members: null, startByMs: 5000 })
  assert.deepEqual(judge([fast, slow], { firstTokenMs: 3000 }), { members: null, startByMs: 2000 })
})

test('who would be late in any case does not count beside a faster one', () => {
  assert.deepEqual(judge([fast, slow], { totalMs: 10_000 }), { members: [fast], startByMs: 8500 })
  assert.deepEqual(judge([slow, fast], { firstTokenMs: 1000 }), { members: [fast], startByMs: 900 })
})

test('where nobody is fast enough all may try, now or never', () => {
  assert.deepEqual(judge([fast, slow], { totalMs: 1000 }, 3), { members: null, startByMs: 3 })
})

test('one that is out does not hurry the call, unless all are', () => {
  const [outFast, outSlow] = [server(100, 900, true), server(1000, 9000, true)]
  assert.equal(judge([fast, outSlow], { totalMs: 20_000 }).startByMs, 18_500)
  assert.equal(judge([outFast, outSlow], { totalMs: 20_000 }).startByMs, 5000)
})

test('one that nobody knows yet may be in time', () => {
  const unknown = server(0, 0)
  assert.deepEqual(judge([slow, unknown], { totalMs: 10_000 }), { members: [unknown], startByMs: 10_000 })
})

test('whoever is begun by then is in time at each of those that count, and the others never were', () => {
  const duration = fc.nat(20_000)
  const servers = fc.array(fc.record({ readMs: duration, writeMs: duration, isOut: fc.constant(false) }), {
    minLength: 1,
    maxLength: 6,
  })
  const firstTokenMs = fc.option(fc.integer({ min: 1, max: 20_000 }))
  fc.assert(
    fc.property(servers, firstTokenMs, fc.integer({ min: 1, max: 40_000 }), duration, (all, first, totalMs, nowMs) => {
      const { members, startByMs } = judge(all, { firstTokenMs: first, totalMs }, nowMs)
      assert.ok(startByMs >= nowMs)
      const isInTime = ({ readMs, writeMs }: Server, atMs: number): boolean =>
        atMs + readMs <= (first ?? Infinity) && atMs + 1.5 * (readMs + writeMs) <= totalMs
      const counted = members ?? all
      if (startByMs > nowMs) assert.ok(counted.every((each) => isInTime(each, startByMs - 1e-6)))
      const others = all.filter((each) => !counted.includes(each))
      assert.ok(others.every((each) => !isInTime(each, nowMs + 1e-6)))
    }),
  )
})
