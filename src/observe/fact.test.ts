// The kinds of facts: what is forgotten first must be of single calls.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FactKind, factKinds } from './fact.ts'

test('only what is of one call is forgotten first', () => {
  const first = (Object.keys(factKinds) as FactKind[]).filter((kind) => factKinds[kind] === 'calls')
  assert.deepEqual(first.toSorted(), ['adoption', 'call', 'client', 'seam'])
})
