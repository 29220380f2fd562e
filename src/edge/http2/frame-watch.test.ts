// Frames that break the rules of streams, found by their heads alone, however the bytes are cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameWatch } from './frame-watch.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const [data, headers, priority, reset, ping, window, continuation] = [0, 1, 2, 3, 6, 8, 9] as const
const [fine, protocolError, streamClosed] = [0, 1, 5]

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
  return new FrameWatch(1000, 100).read(Buffer.concat([preface, ...frames.map(bytesOf)]))
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

test('a client whose uploads are refused by the thousand, and so have no end, is served on', () => {
  const frames = Array.from({ length: 20_000 }, (_, i): Frame => [headers, 2 * i + 1])
  assert.equal(verdict([...frames, [data, 1], [data, 39_999, true]]), fine)
  assert.equal(verdict([...frames, [data, 39_999, true], [data, 39_999]]), streamClosed)
  assert.equal(verdict([...frames, [data, 39_997, true], [headers, 39_997]]), protocolError)
})

test('frames that carry nothing are counted, those that are to be answered for more; requests and bodies are not', () => {
  const tallyOf = (...frames: Frame[]): object => {
    const watch = new FrameWatch(1000, 100)
    assert.equal(watch.read(Buffer.concat([preface, ...frames.map(bytesOf)])), fine)
    return watch.takeTally()
  }
  const none = { idleBytes: 0, resets: 0, bigBlocks: 0 }
  assert.deepEqual(tallyOf([headers, 1], [data, 1, false, 5000], [data, 1, true, 100]), none)
  assert.deepEqual(tallyOf([headers, 1], [data, 1], [data, 1, true]), { ...none, idleBytes: 18 })
  assert.deepEqual(tallyOf([window, 0, false, 4]), { ...none, idleBytes: 13 })
  assert.deepEqual(tallyOf([ping, 0, false, 8]), { ...none, idleBytes: 48 })
  assert.deepEqual(tallyOf([headers, 1], [reset, 1, false, 4]), { ...none, idleBytes: 13, resets: 1 })
})

test('headers beyond the limits are counted once, by their bytes or by their number', () => {
  const indexed = (count: number): Buffer => {
    const frame = bytesOf([headers, 1, true, count])
    return frame.fill(0x82, 9) // `:method: GET`, by its place
  }
  const watch = new FrameWatch(1000, 100)
  watch.read(Buffer.concat([preface, indexed(100)]))
  assert.equal(watch.takeTally().bigBlocks, 0)
  const many = new FrameWatch(1000, 100)
  many.read(Buffer.concat([preface, indexed(101)]))
  assert.equal(many.takeTally().bigBlocks, 1)
  const large = new FrameWatch(1000, 10_000)
  large.read(Buffer.concat([preface, indexed(900).fill(0, 4, 5), bytesOf([continuation, 1, false, 900]).fill(0x82, 9)]))
  assert.equal(large.takeTally().bigBlocks, 1)
})

test('bytes with many requests may be cut into pieces with few of each', () => {
  const watch = new FrameWatch(1000, 100)
  assert.equal(
    watch.read(Buffer.concat([preface, ...[1, 3, 5].map((stream) => bytesOf([headers, stream, true]))])),
    fine,
  )
  assert.deepEqual(watch.cuts, [])
  const frames = Array.from({ length: 20 }, (_, i) => bytesOf([headers, 7 + 2 * i, true]))
  assert.equal(watch.read(Buffer.concat(frames)), fine)
  assert.deepEqual(watch.cuts, [8 * 9, 16 * 9])
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
      const watch = new FrameWatch(1000, 100)
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
