// Tests of finding the word that was meant.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nearestName } from './name.ts'

const settings = ['upstreams', 'pools', 'models', 'listeners', 'timeouts', 'limits', 'journal', 'log', 'keys', 'admin']

test('finds what a slip of the fingers meant', () => {
  for (const [slip, meant] of [
    ['upstream', 'upstreams'],
    ['usptreams', 'upstreams'],
    ['Timeouts', 'timeouts'],
    ['tiemouts', 'timeouts'],
    ['listners', 'listeners'],
    ['jurnal', 'journal'],
    ['key', 'keys'],
  ] as const) {
    assert.equal(nearestName(slip, settings), meant, slip)
  }
})

test('finds nothing where nothing is near', () => {
  assert.equal(nearestName('certificates', settings), null)
  assert.equal(nearestName('upstreams', []), null)
})

test('prefers the nearer of two, and the first of equals', () => {
  assert.equal(nearestName('modell', ['mode', 'model']), 'model')
  assert.equal(nearestName('ab', ['ac', 'ad']), 'ac')
})

test('a swap of neighbours is one slip', () => {
  // Three swaps: as three slips within reach (a third of 9 letters), as six they would not be.
  assert.equal(nearestName('bacd-fegh', ['abcd-efhg']), 'abcd-efhg')
})

test('every known name is nearest to itself, whatever its case', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1, maxLength: 10 }), (names) => {
      for (const name of names) assert.equal(nearestName(name.toUpperCase(), names), name)
    }),
  )
})

test('long names are compared by their beginning, so that the work is bounded', () => {
  const long = 'a'.repeat(100_000)
  assert.equal(nearestName(long, [`${'a'.repeat(64)}b`]), `${'a'.repeat(64)}b`)
})
