/** Frames are told apart wherever the bytes are cut. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameWatch } from './frame-watch.ts'

function frame(payloadBytes: number, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0
  const length =
    payloadBytes < 126
      ? Buffer.from([mask | payloadBytes])
      : payloadBytes < 65_536
        ? Buffer.from([mask | 126, payloadBytes >> 8, payloadBytes & 255])
        : Buffer.from([mask | 127, 0, 0, 0, 0, 0, payloadBytes >> 16, (payloadBytes >> 8) & 255, payloadBytes & 255])
  return Buffer.concat([
    Buffer.from([0x82]),
    length,
    Buffer.alloc(isMasked ? 4 : 0, 9),
    Buffer.alloc(payloadBytes, 0x81),
  ])
}

const frames = fc.array(fc.tuple(fc.oneof(fc.nat(300), fc.constantFrom(0, 125, 126, 65_535, 65_536)), fc.boolean()), {
  maxLength: 6,
})

test('between two frames is where it says, and nowhere else', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (all, cuts) => {
      const pieces = all.map(([bytes, isMasked]) => frame(bytes, isMasked))
      const ends = new Set<number>([0])
      let end = 0
      for (const piece of pieces) ends.add((end += piece.length))
      const bytes = Buffer.concat(pieces)
      const watch = new FrameWatch()
      let at = 0
      for (let i = 0; at < bytes.length; i++) {
        const next = Math.min(bytes.length, at + (cuts[i % cuts.length] as number))
        watch.push(bytes.subarray(at, next))
        at = next
        assert.equal(watch.isBetween, ends.has(at), `at ${at}`)
      }
    }),
  )
})
