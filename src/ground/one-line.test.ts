// Tests of what cannot break out of a line: in text and in JSON.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { oneLine, safeJson } from './one-line.ts'

const bad = fc.constantFrom(
  ...['\n', '\r', '\u0000', '\u001b', '\u007f', '\u0085', '\u009b', '\u00ad', '\u200b', '\u2028', '\u2029', '\u202e'],
  ...['\u2066', '\ufeff'],
)
const text = fc.array(fc.oneof(bad, fc.string({ unit: 'binary' }))).map((parts) => parts.join(''))

test('JSON says the same, and holds nothing that breaks a line or turns it round', () => {
  fc.assert(
    fc.property(text, (words) => {
      const told = safeJson(JSON.stringify({ [words]: [words] }))
      assert.deepEqual(JSON.parse(told), { [words]: [words] })
      assert.doesNotMatch(told, /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u)
    }),
  )
})

test('one line stays one line', () => {
  fc.assert(fc.property(text, (words) => assert.doesNotMatch(oneLine(words), /[\p{Cc}\p{Zl}\p{Zp}\u202e\u2066]/u)))
  assert.equal(oneLine('a\r\nb\u2028c'), 'a b c')
})
