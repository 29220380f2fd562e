/** A caller's name for its request: told back when it can do no harm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readRequestId } from './request-id.ts'

test('the usual shapes are taken', () => {
  const usual = [
    '7b2a1c04-9f1e-4c3a-8d2b-000000000001',
    'req_abc.123',
    '01HZX3Y',
    'Root=1-67891233-abcdef012345678912345678',
    'a',
  ]
  for (const id of usual) assert.equal(readRequestId({ 'x-request-id': id }), id)
})

test('whatever could mean something to a log, a page or a shell is not', () => {
  const bad = [
    '',
    ' ',
    'a b',
    'a\nb',
    'a"b',
    '<b>',
    '$(x)',
    '`x`',
    "'",
    'é',
    'a;b',
    'a,b',
    '\u001b[31m',
    'x'.repeat(129),
  ]
  for (const id of bad) assert.equal(readRequestId({ 'x-request-id': id }), null, id)
  assert.equal(readRequestId({ 'x-request-id': ['a', 'b'] }), null)
  assert.equal(readRequestId({}), null)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const id = readRequestId({ 'x-request-id': text })
      assert.ok(id === null || (id === text && JSON.stringify(id) === `"${id}"` && encodeURI(id) === id))
    }),
  )
})
