// Moments for programs: always of one form, and nothing for what is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMoment, isoTime } from './iso-time.ts'

test('a moment is written to the second, and is read back', () => {
  assert.equal(isoTime(Date.UTC(2026, 10, 28, 18, 40) + 999), '2026-11-28T18:40:00Z')
  fc.assert(
    fc.property(fc.double({ noNaN: false }), (ms) => {
      const text = isoTime(ms)
      if (!isMoment(ms)) return assert.equal(text, '')
      assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.ok(Math.abs(Date.parse(text) - ms) <= 1000)
    }),
  )
})
