// Tests of the parcel in which a call is left to a successor.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCall } from '../dialect/read-call.ts'
import type { Ray } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { Order } from './order.ts'
import { packOrder, unpackOrder } from './parcel.ts'

const body = Buffer.from('{"model":"m","stream":true,"messages":[{"role":"user","content":"line\\nfeed \u{1f30a}"}]}')

function orderAt(clock: ManualClock): Order {
  return {
    ray: '06c8m0dfk2h3vd4zq7k1hb-ams' as Ray,
    call: readCall('chat', body, { 'openai-beta': 'x=1' }),
    via: '1.1 node',
    caller: 'ann',
    callerKey: 'sk-secret-of-ann',
    requestId: 'a-1',
    trace: { traceId: 't', parentId: 'p', spanId: 's', flags: 1, state: 'k=v', isRecorded: true },
    passedHeaders: { baggage: 'k=v' },
    beganMs: clock.monotonicMs(),
    onDisconnect: 'detach',
    isStored: true,
    toldId: null,
    cache: null,
    idempotencyKey: 'k',
    isRepeated: false,
    marksSeams: true,
    mustSameModel: false,
    session: 'chat-7',
    tier: 'premium',
    timeLimits: { firstTokenMs: 800, wholeMs: null },
  }
}

test('a successor gets the call as it came, with its age, and without the caller’s key', () => {
  const first = new ManualClock()
  first.advance(5000)
  const order = orderAt(first)
  first.advance(700)
  const parcel = packOrder(order, first)
  assert.equal(parcel.includes('sk-secret'), false)
  const second = new ManualClock(first.nowMs() + 300)
  second.advance(10_000)
  second.jumpMs(-10_000)
  const { beganMs, call, ...rest } = unpackOrder(parcel, second) as Order
  assert.equal(second.monotonicMs() - beganMs, 1000)
  assert.deepEqual(call.body.bytes, body)
  assert.deepEqual([call.route, call.model, call.isStream, call.headers], ['chat', 'm', true, { 'openai-beta': 'x=1' }])
  const { beganMs: _, call: __, ...given } = order
  assert.deepEqual(rest, { ...given, callerKey: null })
})

test('a parcel of another version is left alone, a damaged one is an error', () => {
  const clock = new ManualClock()
  const parcel = packOrder(orderAt(clock), clock)
  const other = Buffer.from(parcel.toString('latin1').replace('"version":1', '"version":9'), 'latin1')
  assert.equal(unpackOrder(other, clock), null)
  assert.throws(() => unpackOrder(parcel.subarray(0, parcel.length - 10), clock))
})
