// What is remembered for a while: bounded, the oldest goes first.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ray } from '../fault/ray.ts'
import { Recent } from './recent.ts'

test('the oldest goes when there are too many, and what is added again is the newest', () => {
  const recent = new Recent(2)
  for (const key of ['a', 'b', 'a', 'c']) recent.add(key, `ray-${key}` as Ray)
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => recent.has(key)),
    [true, false, true],
  )
})

test('what is taken is gone', () => {
  const recent = new Recent(2)
  recent.add('a', 'ray' as Ray)
  assert.deepEqual([recent.take('a'), recent.take('a'), recent.has('a')], ['ray', null, false])
})
