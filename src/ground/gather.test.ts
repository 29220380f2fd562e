/** Tests of gathering a body from its pieces. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gather } from './gather.ts'

test('whatever the pieces, and whatever was announced, the body is what came', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 12 })
  const announcedBytes = fc.option(fc.nat(60_000))
  fc.assert(
    fc.property(pieces, announcedBytes, fc.boolean(), (parts, announced, isOurs) => {
      const gather = new Gather(announced)
      for (const part of parts) gather.add(Buffer.from(part), isOurs)
      const whole = Buffer.concat(parts)
      assert.equal(gather.length, whole.length)
      assert.deepEqual(gather.take(), whole)
    }),
  )
})

test('a body of one piece that may be kept is not copied', () => {
  const piece = Buffer.from('all of it')
  const gather = new Gather(piece.length)
  gather.add(piece, true)
  assert.equal(gather.take(), piece)
})

test('a piece that may not be kept is copied', () => {
  const piece = Buffer.from('borrowed')
  const gather = new Gather(piece.length)
  gather.add(piece, false)
  piece.fill(0)
  assert.equal(gather.take().toString(), 'borrowed')
})

test('an announcement alone takes no memory', () => {
  const gather = new Gather(2 ** 30)
  gather.add(Buffer.from('{'), true)
  assert.ok(gather.take().buffer.byteLength < 2 ** 20)
})
