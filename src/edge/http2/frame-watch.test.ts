// Frames that break the rules of streams, found by their heads alone, however the bytes are cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameWatch } from './frame-watch.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const [data, headers, priority, reset, window] = [0, 1, 2, 3, 8] as const
const [fine, protocolError, streamClosed, calmDown] = [0, 1, 5, 11]

type Frame = readonly [type: number, stream: number, isEnd?: boolean, bytes?: number]

function bytesOf([type, stream, isEnd = false, bytes = 0]: Frame): Buffer {
  const frame = Buffer.alloc(9 + bytes, 0xff)
  frame.writeUIntBE(bytes, 0, 3)
  frame[3] = type
  frame[4] = isEnd ? 1 : 0
  frame.writeUInt32BE(stream, 5)
  return frame
}

function verdict(frames: readonly Frame[]): number {
  return new FrameWatch().read(Buffer.concat([preface, ...frames.map(bytesOf)]))
}

test('requests with bodies and trailers, resets, and what is said of streams that are over are fine', () => {
  const frames: Frame[] = [
    [headers, 1, false],
    [data, 1, false, 40],
    [headers, 3, true],
    [headers, 1, true], // the trailer
    [window, 1, false, 4],
    [priority, 1, false, 5],
    [reset, 3, false, 4],
    [headers, 7],
    [data, 7, false, 3],
    [reset, 7, false, 4],
  ]
  assert.equal(verdict(frames), fine)
})

test('a stream that the client has ended takes nothing more', () => {
  assert.equal(
    verdict([
      [headers, 1, true],
      [data, 1],
    ]),
    streamClosed,
  )
  assert.equal(
    verdict([
      [headers, 1, true],
      [headers, 1],
    ]),
    streamClosed,
  )
  assert.equal(
    verdict([
      [headers, 1],
      [data, 1, true],
      [data, 1],
    ]),
    streamClosed,
  )
  assert.equal(
    verdict([
      [headers, 1],
      [reset, 1, false, 4],
      [data, 1],
    ]),
    streamClosed,
  )
  assert.equal(
    verdict([
      [headers, 1],
      [reset, 1, false, 4],
      [headers, 1],
    ]),
    streamClosed,
  )
})

test('numbers of streams do not go back, and PRIORITY is of a stream', () => {
  assert.equal(
    verdict([
      [headers, 5],
      [headers, 3],
    ]),
    protocolError,
  )
  assert.equal(verdict([[priority, 0, false, 5]]), protocolError)
})

test('a client that leaves streams by the thousand without an end is told to calm down', () => {
  const frames = Array.from({ length: 5000 }, (_, i): Frame => [headers, 2 * i + 1])
  assert.equal(verdict(frames), calmDown)
})

test('however the bytes are cut, the verdict is the same, and bodies are never taken for heads', () => {
  const frame = fc.tuple(
    fc.constantFrom(data, headers, priority, reset, window),
    fc.constantFrom(0, 1, 2, 3, 5),
    fc.boolean(),
    fc.nat(30),
  )
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
      const bytes = Buffer.concat([preface, ...frames.map(bytesOf)])
      const watch = new FrameWatch()
      let code = fine
      let at = 0
      for (let i = 0; at < bytes.length && code === fine; i++) {
        const to = at + (cuts[i % cuts.length] ?? 7)
        code = watch.read(bytes.subarray(at, to))
        at = to
      }
      assert.equal(code, verdict(frames))
    }),
  )
})
