// Tests of offsets and cursors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../ground/random.ts'
import { formatOffset, nextCursor, parseOffset } from './offset.ts'

const position = fc.tuple(fc.nat(2 ** 31), fc.maxSafeNat()).map(([no, bytes]) => ({ no, bytes }))

test('an offset says the position it was made of, and sorts as text as positions do', () => {
  fc.assert(
    fc.property(position, position, (one, other) => {
      assert.deepEqual(parseOffset(formatOffset(one)), one)
      if (one.no !== other.no) assert.equal(formatOffset(one) < formatOffset(other), one.no < other.no)
    }),
  )
})

test('anything else is no offset', () => {
  for (const text of [
    '',
    '-1',
    'now',
    '1_1',
    `${'0'.repeat(16)}_`,
    `${'9'.repeat(16)}_${'0'.repeat(16)}`,
    ' '.repeat(33),
  ])
    assert.equal(parseOffset(text), null, text)
})

test('a cursor is the interval of now, and always beyond the one that was told', () => {
  const random = seededRandom(1)
  const nowMs = Date.UTC(2024, 9, 9) + 20_000 * 1000 + 5
  assert.equal(nextCursor(null, nowMs, random), '1000')
  assert.equal(nextCursor('999', nowMs, random), '1000')
  assert.equal(nextCursor('nonsense', nowMs, random), '1000')
  for (const told of ['1000', '5000']) {
    const next = Number(nextCursor(told, nowMs, random))
    assert.ok(next > Number(told) && next <= Number(told) + 180)
  }
})
