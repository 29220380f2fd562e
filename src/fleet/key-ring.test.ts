// Tests of several keys for one provider: which is used, which rests and how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { type Key, KeyRing, type KeyRest } from './key-ring.ts'

function open(...secrets: string[]) {
  const clock = new ManualClock()
  const ring = new KeyRing(secrets, clock)
  const told: KeyRest[] = []
  ring.onRest = (rest) => told.push(rest)
  const fail = (code: FaultCode, retryAfterMs?: number): boolean =>
    ring.fail(ring.pick() as Key, new Fault(code, { ...(retryAfterMs !== undefined && { retryAfterMs }) }))
  return { clock, ring, told, fail, used: () => ring.pick()?.secret ?? null }
}

test('keys are used in their order, the next when the one before rests', () => {
  const { fail, used, told } = open('a', 'b', 'c')
  assert.equal(used(), 'a')
  assert.equal(fail('HF_UPSTREAM_KEY_REFUSED'), true)
  assert.equal(used(), 'b')
  assert.equal(fail('HF_UPSTREAM_QUOTA_SPENT'), true)
  assert.equal(used(), 'c')
  assert.deepEqual(
    told.map(({ position, count, code }) => `${position} of ${count} ${code}`),
    ['1 of 3 HF_UPSTREAM_KEY_REFUSED', '2 of 3 HF_UPSTREAM_QUOTA_SPENT'],
  )
})

test('one over its rate rests as long as the server says, else five seconds; one that is refused an hour', () => {
  const { clock, fail, used } = open('a', 'b')
  for (const [code, retryAfterMs, restMs] of [
    ['HF_UPSTREAM_RATE_LIMITED', 2000, 2000],
    ['HF_UPSTREAM_RATE_LIMITED', undefined, 5000],
    ['HF_UPSTREAM_KEY_REFUSED', undefined, 3_600_000],
    ['HF_UPSTREAM_QUOTA_SPENT', 1000, 3_600_000],
  ] as const) {
    assert.equal(fail(code, retryAfterMs), true)
    clock.advance(restMs - 1)
    assert.equal(used(), 'b', code)
    clock.advance(1)
    assert.equal(used(), 'a', code)
  }
})

test('faults that another key would not mend leave a key in use', () => {
  const { fail, used, told } = open('a', 'b')
  for (const code of ['HF_UPSTREAM_ERROR', 'HF_UPSTREAM_BUSY', 'HF_UPSTREAM_RESET', 'HF_CALL_REFUSED'] as const)
    assert.equal(fail(code), false, code)
  assert.deepEqual([used(), told.length], ['a', 0])
})

test('when all rest, the one that is back first is used, and the upstream rests so long', () => {
  const { clock, ring, fail, used } = open('a', 'b')
  assert.equal(fail('HF_UPSTREAM_KEY_REFUSED'), true)
  assert.equal(ring.restLeftMs, 0)
  assert.equal(fail('HF_UPSTREAM_RATE_LIMITED', 4000), false)
  assert.deepEqual([ring.restLeftMs, ring.restingCount, used()], [4000, 2, 'b'])
  clock.advance(4000)
  assert.deepEqual([ring.restLeftMs, ring.restingCount], [0, 1])
})

test('a key that answers is well again; many failures at once are told once', () => {
  const { ring, fail, told, used } = open('a', 'b')
  const a = ring.pick() as Key
  for (let i = 0; i < 5; i++) ring.fail(a, new Fault('HF_UPSTREAM_KEY_REFUSED'))
  assert.equal(told.length, 1)
  ring.succeed(a)
  assert.equal(used(), 'a')
  assert.equal(fail('HF_UPSTREAM_KEY_REFUSED'), true)
  assert.equal(told.length, 2)
})

test('a sole key never rests, and none is none', () => {
  const { ring, fail, used } = open('a')
  assert.equal(fail('HF_UPSTREAM_KEY_REFUSED'), false)
  assert.deepEqual([used(), ring.restLeftMs], ['a', 0])
  const none = open()
  assert.deepEqual([none.used(), none.ring.restLeftMs], [null, 0])
})
