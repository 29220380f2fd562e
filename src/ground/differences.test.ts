// What differs between two configurations: all of it, and nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { differences } from './differences.ts'

test('what was added, taken away and changed is told by its path', () => {
  const before = { a: 1, b: { c: [1, 2], gone: true }, same: { x: null } }
  const after = { a: 2, b: { c: [1, 3, 4] }, same: { x: null }, more: 'm' }
  assert.deepEqual(
    differences(before, after).map(({ path, before: was, after: is }) => [path, was, is]),
    [
      ['a', 1, 2],
      ['b.c.1', 2, 3],
      ['b.c.2', undefined, 4],
      ['b.gone', true, undefined],
      ['more', undefined, 'm'],
    ],
  )
})

test('of a value and itself nothing differs; of two that differ something does', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(differences(value, structuredClone(value)), [])))
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const isSame = JSON.stringify(a) === JSON.stringify(b)
      if (!isSame && differences(a, b).length === 0) assert.deepEqual(normal(a), normal(b))
    }),
  )
})

/** The order of names makes no difference, nor does the sign of zero in JSON; an empty list and map differ. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, normal(v)]),
  )
}
