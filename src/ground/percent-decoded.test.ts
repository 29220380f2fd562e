// Percent-encoding undone: there and back, and what is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { percentDecoded } from './percent-decoded.ts'

test('whatever was encoded comes back, and text without a percent sign is itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(percentDecoded(encodeURIComponent(text)), text)
      assert.equal(percentDecoded(text.replaceAll('%', '')), text.replaceAll('%', ''))
    }),
  )
})

test('what is not properly encoded is null', () => {
  for (const text of ['%', '%4', '%zz', 'a%', '%ff', '%c3%28']) assert.equal(percentDecoded(text), null, text)
})
