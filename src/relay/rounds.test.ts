// Tests of who may be asked, and when again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FaultCode, faultKinds } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import type { Member } from '../fleet/pool.ts'
import { Upstream } from '../fleet/upstream.ts'
import { upstreamSchema } from '../fleet/upstream-options.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { Rounds } from './rounds.ts'

const options = upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1' })
const members: Member[] = ['a', 'b', 'c'].map((name, i) => ({
  upstream: new Upstream(name, options, null, new ManualClock()),
  model: null,
  weight: 1,
  priority: i === 2 ? 1 : 0,
}))
const [a, b, c] = members as [Member, Member, Member]
const left = (rounds: Rounds): string =>
  members
    .filter((member) => !rounds.out.has(member))
    .map(({ upstream }) => upstream.name)
    .join('')

test('within a round each is asked once; the one that broke the answer only in the second', () => {
  const rounds = new Rounds({ members }, a)
  assert.equal(left(rounds), 'bc')
  rounds.ask(b)
  rounds.ask(c)
  assert.deepEqual([left(rounds), rounds.isAnyLeft], ['', false])
  rounds.begin(0)
  assert.equal(left(rounds), 'abc')
  assert.equal(left(new Rounds({ members: [a] }, a)), 'abc')
})

test('who was not reached, or hung up, is asked again; who was given up, or answered nonsense, is not', () => {
  for (const [code, isAskedAgain] of [
    ['HF_UPSTREAM_REFUSED', true],
    ['HF_CONNECT_TIMEOUT', true],
    ['HF_UPSTREAM_RESET', true],
    ['HF_UPSTREAM_ERROR', true],
    ['HF_FIRST_TOKEN_TIMEOUT', false],
    ['HF_UPSTREAM_GARBLED', false],
    ['HF_UPSTREAM_EMPTY', false],
    ['HF_UPSTREAM_KEY_REFUSED', false],
    ['HF_CALL_REFUSED', false],
  ] as const) {
    const rounds = new Rounds({ members }, null)
    for (const member of members) rounds.ask(member)
    rounds.fail(a, new Fault(code), 0)
    for (const other of [b, c]) rounds.fail(other, new Fault('HF_UPSTREAM_GARBLED'), 0)
    assert.equal(rounds.nextInMs(0), isAskedAgain ? 0 : Number.POSITIVE_INFINITY, code)
    rounds.begin(0)
    assert.equal(left(rounds), isAskedAgain ? 'a' : '', code)
  }
})

test('who was given up only for being late is asked again', () => {
  const rounds = new Rounds({ members: [a] }, null)
  rounds.ask(a)
  rounds.fail(a, new Fault('HF_FIRST_TOKEN_TIMEOUT'), 0, true)
  rounds.begin(0)
  assert.equal(rounds.isAnyLeft, true)
})

test('going back, everybody who may be is asked but the one that was late, and that one a round later', () => {
  const rounds = new Rounds({ members }, a)
  for (const member of [b, c]) rounds.ask(member)
  rounds.fail(b, new Fault('HF_UPSTREAM_GARBLED'), 0)
  rounds.fail(c, new Fault('HF_FIRST_TOKEN_TIMEOUT'), 0, true)
  assert.deepEqual(
    members.filter((member) => rounds.mayReturn(member, 0)),
    [a, c],
  )
  rounds.goBack(c, 0)
  assert.deepEqual([left(rounds), rounds.isAnyLate], ['a', true])
  rounds.fail(a, new Fault('HF_UPSTREAM_ERROR'), 0)
  rounds.begin(0)
  assert.equal(left(rounds), 'ac')
  rounds.fail(c, new Fault('HF_UPSTREAM_ERROR'), 0)
  assert.equal(rounds.isAnyLate, false)
})

test('who said when to come back is not asked before', () => {
  const rounds = new Rounds({ members: [a] }, null)
  rounds.ask(a)
  rounds.fail(a, new Fault('HF_UPSTREAM_RATE_LIMITED', { retryAfterMs: 2000 }), 1000)
  assert.equal(rounds.nextInMs(1500), 1500)
  rounds.begin(2999)
  assert.equal(rounds.isAnyLeft, false)
  rounds.begin(3000)
  assert.equal(rounds.isAnyLeft, true)
})

test('later rounds ask few', () => {
  const rounds = new Rounds({ members }, null)
  for (let i = 0; i < 23; i++) rounds.ask(b)
  assert.equal(rounds.hasRoom, true)
  rounds.ask(b)
  assert.equal(rounds.hasRoom, false)
  rounds.begin(0)
  for (let i = 0; i < 4; i++) rounds.ask(b)
  assert.equal(rounds.hasRoom, false)
})

test('a rank is passed over as a whole', () => {
  const rounds = new Rounds({ members }, null)
  rounds.skipRank(b)
  assert.equal(left(rounds), 'c')
})

test('the next round finds somebody exactly when it says, whatever failed how', () => {
  const failure = fc.record({
    at: fc.nat(2),
    code: fc.constantFrom(...(Object.keys(faultKinds) as FaultCode[])),
    retryAfterMs: fc.option(fc.nat(10_000), { nil: undefined }),
    atMs: fc.nat(5000),
  })
  fc.assert(
    fc.property(fc.array(failure, { maxLength: 8 }), (failures) => {
      const rounds = new Rounds({ members }, null)
      for (const { at, code, retryAfterMs, atMs } of failures)
        rounds.fail(members[at] as Member, new Fault(code, retryAfterMs === undefined ? {} : { retryAfterMs }), atMs)
      const inMs = rounds.nextInMs(5000)
      rounds.begin(5000 + (Number.isFinite(inMs) ? inMs : 1e9))
      assert.equal(rounds.isAnyLeft, Number.isFinite(inMs))
      if (!(inMs > 0 && Number.isFinite(inMs))) return
      rounds.begin(5000 + inMs - 0.5)
      assert.equal(rounds.isAnyLeft, false)
    }),
  )
})
