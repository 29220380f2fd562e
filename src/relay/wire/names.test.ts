/** Addresses that are kept: how long, through which failures of the resolver, and how seldom it is asked. */
import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { lookupWaitersMax, Names } from './names.ts'

const at = (...addresses: string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** A resolver that answers when told to. */
function openNames() {
  const clock = new ManualClock()
  const asked: Parameters<LookupFunction>[2][] = []
  const names = new Names(clock, (_host, _options, done) => void asked.push(done))
  const got: string[] = []
  return {
    clock,
    names,
    asked,
    got,
    ask: () =>
      names.find('gpu1', (error, addresses) => {
        got.push(error ? ((error as NodeJS.ErrnoException).code ?? '') : addresses.map(({ address }) => address).join())
      }),
    answer: (...addresses: string[]) => asked.at(-1)?.(null, at(...addresses)),
    fail: (code: string) => asked.at(-1)?.(Object.assign(new Error(code), { code }), []),
  }
}

test('the resolver is asked once for all that wait, and not again for half a minute', () => {
  const { clock, asked, got, ask, answer } = openNames()
  ask()
  ask()
  assert.equal(asked.length, 1)
  answer('10.0.0.1')
  asked[0]?.(null, at('10.0.0.9'))
  ask()
  clock.advance(30_000)
  ask()
  assert.deepEqual([asked.length, got], [1, Array(4).fill('10.0.0.1')], 'one that answers twice is heard once')
  clock.advance(1)
  ask()
  assert.equal(asked.length, 2)
  answer('10.0.0.2')
  assert.equal(got[4], '10.0.0.2')
})

test('a resolver that fails after its first answer takes nothing away for an hour', () => {
  const { clock, asked, got, ask, answer, fail } = openNames()
  ask()
  answer('10.0.0.1')
  for (let minute = 1; minute < 60; minute++) {
    clock.advance(60_000)
    ask()
    fail('ESERVFAIL')
  }
  assert.deepEqual(new Set(got), new Set(['10.0.0.1']))
  assert.equal(asked.length, 60)
  clock.advance(61_000)
  ask()
  fail('ESERVFAIL')
  assert.equal(got.at(-1), 'ESERVFAIL')
})

test('a resolver that does not answer delays a known name by a tenth of a second, once', () => {
  const { clock, asked, got, ask, answer } = openNames()
  ask()
  answer('10.0.0.1')
  clock.advance(31_000)
  ask()
  clock.advance(99)
  assert.equal(got.length, 1)
  clock.advance(1)
  assert.equal(got.length, 2)
  ask()
  assert.deepEqual([got.length, asked.length], [3, 2], 'and the next one not at all')
  answer('10.0.0.2')
  ask()
  assert.equal(got.at(-1), '10.0.0.2')
  assert.equal(clock.timerCount, 0)
})

test('after a connection that failed it is asked at once, but not for each of many', () => {
  const { clock, names, asked, got, ask, answer } = openNames()
  ask()
  answer('10.0.0.1')
  clock.advance(5000)
  for (let i = 0; i < 100; i++) names.failed('gpu1')
  assert.equal(asked.length, 2)
  answer('10.0.0.2')
  ask()
  assert.equal(got.at(-1), '10.0.0.2')
  names.failed('gpu1')
  ask()
  assert.equal(asked.length, 2, 'it was asked less than a second ago')
  clock.advance(1000)
  ask()
  assert.equal(asked.length, 3)
  names.failed('unknown')
})

test('a wall clock that jumps changes nothing', () => {
  const { clock, asked, got, ask, answer } = openNames()
  ask()
  answer('10.0.0.1')
  for (const days of [1, -2, 400]) {
    clock.jumpMs(days * 86_400_000)
    ask()
  }
  assert.deepEqual([asked.length, new Set(got)], [1, new Set(['10.0.0.1'])])
  clock.advance(31_000)
  ask()
  assert.equal(asked.length, 2)
})

test('families take turns, and the address that worked is the first, also after the next answer', () => {
  const { clock, names, got, ask, answer } = openNames()
  ask()
  answer('fd00::1', 'fd00::2', '10.0.0.1')
  assert.equal(got.at(-1), 'fd00::1,10.0.0.1,fd00::2')
  names.worked('gpu1', '10.0.0.1')
  ask()
  assert.equal(got.at(-1), '10.0.0.1,fd00::1,fd00::2')
  clock.advance(31_000)
  ask()
  answer('fd00::1', '10.0.0.7', '10.0.0.1')
  assert.equal(got.at(-1), '10.0.0.1,fd00::1,10.0.0.7')
})

test('an answer without an address is no answer', () => {
  const { got, ask, answer } = openNames()
  ask()
  answer()
  assert.deepEqual(got, ['ENODATA'])
})

test('no more wait than the limit; the others are told', async () => {
  const { got, ask } = openNames()
  for (let i = 0; i < lookupWaitersMax + 3; i++) ask()
  assert.deepEqual(got, [], 'nobody is told before he has asked')
  await Promise.resolve()
  assert.deepEqual(got, ['EAI_AGAIN', 'EAI_AGAIN', 'EAI_AGAIN'])
})

test('in Node’s own way: one address, or all', () => {
  const { names, answer } = openNames()
  const got: unknown[] = []
  names.lookup('gpu1', {}, (_error, address, family) => got.push(address, family))
  answer('10.0.0.1', 'fd00::1')
  names.lookup('gpu1', { all: true }, (_error, addresses) => got.push(addresses))
  assert.deepEqual(got, ['10.0.0.1', 4, at('10.0.0.1', 'fd00::1')])
})
