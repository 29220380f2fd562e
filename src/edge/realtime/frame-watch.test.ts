/** Frames are told apart wherever the bytes are cut; what breaks the rules does not pass, what came before it does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FrameRules, FrameWatch } from './frame-watch.ts'

interface Spec {
  readonly first: number
  readonly payload: Buffer
  readonly isMasked: boolean
}

function frame({ first, payload, isMasked }: Spec): Buffer {
  const { length } = payload
  const mask = isMasked ? 0x80 : 0
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10)
  head[0] = first
  head[1] = mask | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  const key = Buffer.from(isMasked ? [7, 130, 9, 255] : [])
  return Buffer.concat([head, key, isMasked ? payload.map((byte, i) => byte ^ (key[i % 4] as number)) : payload])
}

const rulesOf = (more: Partial<FrameRules> = {}): FrameRules => ({
  ...{ isMasked: false, hasExtensions: false, frameBytesMax: 2 ** 20, textBytesMax: 70_000 },
  ...more,
})

/** Pushes the bytes in pieces of these lengths, again and again. */
function pushAll(watch: FrameWatch, bytes: Buffer, cuts: readonly number[]): Buffer {
  const passed: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const next = Math.min(bytes.length, at + (cuts[i % cuts.length] as number))
    passed.push(Buffer.from(watch.push(Buffer.from(bytes.subarray(at, next)))))
    at = next
  }
  return Buffer.concat(passed)
}

const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 })
const size = fc.oneof(fc.nat(300), fc.constantFrom(0, 125, 126, 65_535, 65_536))
/** A message: in how many frames, of what size each, with a ping between. */
const messages = fc.array(
  fc.record({ isText: fc.boolean(), sizes: fc.array(size, { minLength: 1, maxLength: 4 }), ping: fc.boolean() }),
  { maxLength: 5 },
)

test('any split of the bytes passes the same bytes and tells of the same texts', () => {
  fc.assert(
    fc.property(messages, cuts, fc.boolean(), (all, pieces, isMasked) => {
      const frames: Buffer[] = []
      const texts: string[] = []
      const ends = new Set([0])
      let end = 0
      const add = (first: number, payload: Buffer): void => {
        const bytes = frame({ first, payload, isMasked })
        frames.push(bytes)
        ends.add((end += bytes.length))
      }
      for (const { isText, sizes, ping } of all) {
        const parts = sizes.map((length, i) => Buffer.alloc(length, `${i}abc`))
        for (const [i, part] of parts.entries()) {
          add((i === sizes.length - 1 ? 0x80 : 0) | (i === 0 ? (isText ? 1 : 2) : 0), part)
          if (ping) add(0x89, Buffer.from('p'))
        }
        const whole = Buffer.concat(parts)
        if (isText && whole.length <= 70_000) texts.push(whole.toString())
      }
      const bytes = Buffer.concat(frames)
      const told: string[] = []
      const watch = new FrameWatch(rulesOf({ isMasked, onText: (text) => told.push(text.toString()) }))
      assert.ok(pushAll(watch, bytes, pieces).equals(bytes))
      assert.equal(watch.flaw, null)
      assert.ok(watch.isBetween)
      assert.deepEqual(told, texts)
    }),
    { numRuns: 60 },
  )
})

test('it says between two frames exactly where no frame has passed in part', () => {
  const one = frame({ first: 0x82, payload: Buffer.alloc(200, 1), isMasked: true })
  const watch = new FrameWatch(rulesOf({ isMasked: true }))
  for (const [at, byte] of [...one, ...one].entries()) {
    watch.push(Buffer.from([byte]))
    const inFrame = (at + 1) % one.length
    assert.equal(watch.isBetween, inFrame < 8, `after ${at + 1} bytes`)
  }
})

test('garbage never throws, is never passed on behind a flaw, and ends the same way however it is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, fc.boolean(), (garbage, pieces, isMasked) => {
      const bytes = Buffer.from(garbage)
      const once = new FrameWatch(rulesOf({ isMasked, frameBytesMax: 300, onText: () => {} }))
      const whole = Buffer.from(once.push(bytes))
      const cut = new FrameWatch(rulesOf({ isMasked, frameBytesMax: 300, onText: () => {} }))
      assert.ok(pushAll(cut, bytes, pieces).equals(whole))
      assert.deepEqual(cut.flaw, once.flaw)
      assert.ok(bytes.subarray(0, whole.length).equals(whole))
      if (once.flaw) assert.equal(once.push(Buffer.from([0x81, 0])).length, 0)
    }),
    { numRuns: 500 },
  )
})

test('each way to break the rules is found in the head, and the good frame before it passes', () => {
  const good = frame({ first: 0x81, payload: Buffer.from('x'), isMasked: true })
  const masked = (first: number, length = 1): Buffer => frame({ first, payload: Buffer.alloc(length), isMasked: true })
  const bad: [bytes: Buffer, code: number][] = [
    [masked(0xc1), 1002],
    [masked(0x83), 1002],
    [masked(0x8b), 1002],
    [masked(0x09), 1002],
    [masked(0x80), 1002],
    [masked(0x89, 126), 1002],
    [masked(0x88, 1), 1002],
    [Buffer.concat([masked(0x01), masked(0x81)]), 1002],
    [frame({ first: 0x81, payload: Buffer.from('x'), isMasked: false }), 1002],
    [masked(0x82, 1001), 1009],
    [Buffer.from([0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ]
  for (const [bytes, code] of bad) {
    const watch = new FrameWatch(rulesOf({ isMasked: true, frameBytesMax: 1000 }))
    const passed = watch.push(Buffer.concat([good, bytes]))
    assert.equal(watch.flaw?.code, code, bytes.toString('hex').slice(0, 40))
    assert.ok(watch.isBetween)
    assert.ok(passed.subarray(0, good.length).equals(good))
  }
})

test('what is kept of a text is bounded, and a later one is read again', () => {
  const told: number[] = []
  const watch = new FrameWatch(rulesOf({ textBytesMax: 1000, onText: (text) => told.push(text.length) }))
  for (let i = 0; i < 100; i++)
    watch.push(frame({ first: i === 0 ? 1 : 0, payload: Buffer.alloc(100), isMasked: false }))
  watch.push(frame({ first: 0x80, payload: Buffer.alloc(0), isMasked: false }))
  watch.push(frame({ first: 0x81, payload: Buffer.alloc(10), isMasked: false }))
  assert.deepEqual(told, [10])
})

test('with extensions reserved bits pass, and nothing is read', () => {
  const told: string[] = []
  const watch = new FrameWatch(rulesOf({ hasExtensions: true, onText: (text) => told.push(text.toString()) }))
  const bytes = frame({ first: 0xc1, payload: Buffer.from('packed'), isMasked: false })
  assert.ok(watch.push(bytes).equals(bytes))
  assert.deepEqual([watch.flaw, told], [null, []])
})
