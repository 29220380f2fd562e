// Tests of what a failure means for the call and for the server.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultCode, faultKinds } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import type { Member } from '../fleet/pool.ts'
import { timeoutsSchema } from '../fleet/pool-options.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import {
  backOff,
  giveUpFault,
  hasReachedUpstream,
  isSwitched,
  isUpstreamsFault,
  mayReturnSoon,
  retryCost,
} from './failover.ts'

const codes = Object.keys(faultKinds) as FaultCode[]

function member(wasUp: boolean): Member {
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' }), null, new ManualClock())
  upstream.wasUp = wasUp
  return { upstream, model: null, weight: 1, priority: 0 }
}

test('a failure to connect on the second way may have reached somebody on the first, and costs so much', () => {
  const fault = new Fault('HF_UPSTREAM_REFUSED', { wasSent: true })
  assert.equal(hasReachedUpstream(fault), true)
  assert.equal(retryCost(fault), retryCost(new Fault('HF_UPSTREAM_RESET')))
})

test('a failure to connect has reached nobody; any other may have', () => {
  for (const code of [
    'HF_UPSTREAM_REFUSED',
    'HF_CONNECT_TIMEOUT',
    'HF_DNS_FAILED',
    'HF_NO_ROUTE',
    'HF_TLS_CERTIFICATE',
  ] as const) {
    assert.equal(hasReachedUpstream(new Fault(code)), false, code)
  }
  for (const code of [
    'HF_UPSTREAM_RESET',
    'HF_FIRST_TOKEN_TIMEOUT',
    'HF_UPSTREAM_CUT',
    'HF_UPSTREAM_BUSY',
    'HF_CALL_REFUSED',
  ] as const) {
    assert.equal(hasReachedUpstream(new Fault(code)), true, code)
  }
})

test('a server is not blamed for the caller, nor for the gateway', () => {
  const kinds: Record<FaultCode, { source: string }> = faultKinds
  const told = codes.filter((code) => kinds[code].source === 'client' && /CALL|CLIENT|CANCEL/.test(code))
  for (const code of [...told, 'HF_DEADLINE', 'HF_CLOSING', 'HF_JOURNAL_FULL', 'HF_INTERNAL'] as const) {
    assert.equal(isUpstreamsFault(new Fault(code)), false, code)
  }
})

test('a server that does not have one model is fine for the others', () => {
  assert.equal(isUpstreamsFault(new Fault('HF_UPSTREAM_MODEL_MISSING')), false)
})

test('a server is blamed for whatever went wrong between it and us', () => {
  for (const code of codes.filter((each) =>
    /^HF_(UPSTREAM_(?!MODEL_MISSING|TOO_LARGE|DRAINED)|DNS|CONNECT|NO_ROUTE|TLS|FIRST_TOKEN)/.test(each),
  )) {
    assert.equal(isUpstreamsFault(new Fault(code)), true, code)
  }
})

test('waiting is worth it only with patience left, a server that was up, and a failure that passes', () => {
  const refused = [new Fault('HF_UPSTREAM_REFUSED')]
  assert.equal(mayReturnSoon(refused, [member(true)], 1000), true)
  assert.equal(mayReturnSoon(refused, [member(false), member(true)], 1000), true)
  assert.equal(mayReturnSoon(refused, [member(true)], 0), false)
  assert.equal(mayReturnSoon(refused, [member(false)], 1000), false)
  assert.equal(mayReturnSoon([], [member(true)], 1000), false)
  for (const code of [
    'HF_UPSTREAM_KEY_REFUSED',
    'HF_UPSTREAM_MODEL_MISSING',
    'HF_UPSTREAM_GARBLED',
    'HF_TLS_CERTIFICATE',
  ] as const) {
    assert.equal(mayReturnSoon([new Fault(code)], [member(true)], 1000), false, code)
  }
  assert.equal(mayReturnSoon([new Fault('HF_UPSTREAM_KEY_REFUSED'), ...refused], [member(true)], 1000), true)
})

test('waiting is not worth it when the server asks for more time than there is', () => {
  const busy = (retryAfterMs: number): Fault[] => [new Fault('HF_UPSTREAM_BUSY', { retryAfterMs })]
  assert.equal(mayReturnSoon(busy(900), [member(true)], 1000), true)
  assert.equal(mayReturnSoon(busy(1001), [member(true)], 1000), false)
})

test('failures that agree are told as what they are, with all that is known of the last', () => {
  const upstreamBody = Buffer.from('{}')
  const fault = giveUpFault([
    new Fault('HF_UPSTREAM_RATE_LIMITED', { retryAfterMs: 9000 }),
    new Fault('HF_UPSTREAM_RATE_LIMITED', {
      retryAfterMs: 20_000,
      detail: 'slow down',
      receivedStatus: 429,
      param: 'model',
      upstreamBody,
    }),
  ])
  assert.deepEqual(
    [fault.code, fault.status, fault.detail, fault.receivedStatus, fault.param, fault.upstreamBody],
    ['HF_UPSTREAM_RATE_LIMITED', 429, 'slow down', 429, 'model', upstreamBody],
  )
  assert.equal(fault.retryAfterMs, 9000) // the first of them is back then
})

test('failures that differ are told as several, naming each kind once', () => {
  const fault = giveUpFault([
    new Fault('HF_UPSTREAM_REFUSED'),
    new Fault('HF_UPSTREAM_BUSY', { retryAfterMs: 3000 }),
    new Fault('HF_UPSTREAM_REFUSED'),
  ])
  assert.equal(fault.code, 'HF_ATTEMPTS_SPENT')
  assert.equal(fault.detail, 'HF_UPSTREAM_REFUSED, HF_UPSTREAM_BUSY')
  assert.equal(fault.retryAfterMs, 3000)
})

test('a caller is always told when to come back, and told at once when nobody could even be asked', () => {
  assert.equal(giveUpFault([new Fault('HF_UPSTREAM_REFUSED')]).retryAfterMs, 1000)
  assert.equal(giveUpFault([]).code, 'HF_ROUTE_UNSPOKEN')
})

test('a wait may be anything up to a limit that doubles, and that is lower where nobody was reached', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 6, 9].map((waits) => [backOff(waits, false, 1), backOff(waits, true, 1)]),
    [
      [50, 50],
      [100, 100],
      [200, 200],
      [400, 400],
      [1000, 3200],
      [1000, 5000],
    ],
  )
  assert.equal(backOff(5, true, 0), 0)
  assert.equal(backOff(1000, true, 0.5), 2500)
})

test('a further attempt costs nothing after one that reached nobody, a fifth after a hang-up, else one', () => {
  for (const code of codes) {
    const cost = retryCost(new Fault(code))
    // What the gateway itself moves costs nothing either.
    if (!hasReachedUpstream(new Fault(code)) || code === 'HF_UPSTREAM_DRAINED') assert.equal(cost, 0, code)
    else assert.equal(cost, code === 'HF_UPSTREAM_RESET' || code === 'HF_UPSTREAM_CUT' ? 0.2 : 1, code)
  }
})

test('a server was given up for another one when its own time was not over, and it did not say itself that it was late', () => {
  const timeouts = timeoutsSchema.parse({})
  const late = new Fault('HF_FIRST_TOKEN_TIMEOUT')
  assert.equal(isSwitched(late, 10_000, timeouts), true)
  assert.equal(isSwitched(late, 60_000, timeouts), false)
  assert.equal(isSwitched(new Fault('HF_FIRST_TOKEN_TIMEOUT', { receivedStatus: 504 }), 10, timeouts), false)
  assert.equal(isSwitched(new Fault('HF_UPSTREAM_RESET'), 10, timeouts), false)
})
