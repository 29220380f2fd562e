// The words of facts: one line each, whatever others chose as names and messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { calls, notes } from '../../test/conformance/facts.ts'
import type { Fact } from './fact.ts'
import { callRow, noteRow, readRow } from './fact-row.ts'
import { factWords, printable } from './fact-words.ts'

const isPlain = (text: string): boolean => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text)

test('every kind of fact has words, which stay on their line', () => {
  const call = calls(1).map((account) => callRow(account, true, true))
  const note = notes.map((each) => noteRow(each, 1))
  fc.assert(
    fc.property(fc.oneof(call, note), (row) => {
      const words = factWords(readRow(row, 'worker-0/1') as Fact)
      assert.ok(words.length > 3 && isPlain(words), words)
      assert.doesNotMatch(words, /undefined|NaN|\[object/)
    }),
    { numRuns: 500 },
  )
})

test('what is not seen is shown as what it is', () => {
  assert.equal(
    printable('a\nb\u001b[2J\u202e\u0085\u2028\ud800c é 漢 🙂'),
    'a\\u{a}b\\u{1b}[2J\\u{202e}\\u{85}\\u{2028}\\u{d800}c é 漢 🙂',
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isPlain(printable(text))))
})
