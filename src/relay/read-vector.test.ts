// Only a vector that can be compared is one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readVector } from './read-vector.ts'

const of = (embedding: unknown): Float32Array | null =>
  readVector(Buffer.from(JSON.stringify({ data: [{ embedding }] })))

test('A vector is brought to length 1.', () => {
  assert.deepEqual(
    [...(of([3, 4]) ?? [])].map((value) => value.toFixed(3)),
    ['0.600', '0.800'],
  )
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(values, (given) => {
      const vector = of(given)
      if (vector === null) return assert.ok(Math.hypot(...given) < 1e-99)
      assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5)
    }),
  )
})

test('What is none is none, whatever it looks like.', () => {
  const none = [[], [0, 0], ['1'], [null], null, {}, 'AAAA', Array.from({ length: 9000 }, () => 1), [1e308, 1e308]]
  for (const embedding of none) assert.equal(of(embedding), null)
  for (const text of ['', '[]', '{"data":[]}', '{"data":[null]}', '{"data":[{"embedding":[1]},{"embedding":[1]}]}'])
    assert.equal(readVector(Buffer.from(text)), null)
  fc.assert(fc.property(fc.jsonValue(), (value) => void readVector(Buffer.from(JSON.stringify(value)))))
})
