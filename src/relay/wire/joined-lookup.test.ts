/** Lookups of one name that come while one is under way share its result. */
import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { joinedLookup, lookupWaitersMax } from './joined-lookup.ts'

/** A resolver that answers when told to. */
function handResolver(): { lookup: LookupFunction; answers: ((address: string) => void)[] } {
  const answers: ((address: string) => void)[] = []
  return { answers, lookup: (_host, _options, done) => void answers.push((address) => done(null, address, 4)) }
}

test('the resolver is asked once for all that wait, and again afterwards', () => {
  const { lookup, answers } = handResolver()
  const joined = joinedLookup(lookup)
  const got: string[] = []
  const ask = () => joined('gpu1', {}, (_error, address) => got.push(typeof address === 'string' ? address : ''))
  ask()
  ask()
  assert.equal(answers.length, 1)
  answers[0]?.('10.0.0.1')
  assert.deepEqual(got, ['10.0.0.1', '10.0.0.1'])
  ask()
  assert.equal(answers.length, 2)
  answers[1]?.('10.0.0.2')
  answers[1]?.('10.0.0.3')
  assert.deepEqual(got.slice(2), ['10.0.0.2'], 'a resolver that answers twice is heard once')
})

test('no more wait than the limit; the others are told at once', () => {
  const { lookup } = handResolver()
  const joined = joinedLookup(lookup)
  const codes: (string | undefined)[] = []
  for (let i = 0; i < lookupWaitersMax + 3; i++) joined('gpu1', {}, (error) => codes.push(error?.code))
  assert.deepEqual(codes, ['EAI_AGAIN', 'EAI_AGAIN', 'EAI_AGAIN'])
})
