// Names and values that must not be in headers of HTTP/2, plain or in Huffman's code, however the block is cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeaderLook } from './header-look.ts'
import { huffmanTree } from './huffman.ts'

/** Words of the code by symbol, in bits as text. */
const words: string[] = []
for (const stack: [number, string][] = [[0, '']]; stack.length > 0; ) {
  const [node, word] = stack.pop() as [number, string]
  for (const bit of [0, 1]) {
    const next = huffmanTree[2 * node + bit] as number
    if (next < 0) words[~next] = `${word}${bit}`
    else stack.push([next, `${word}${bit}`])
  }
}

function pack(bytes: Buffer): Buffer {
  const bits = [...bytes].map((byte) => words[byte]).join('')
  const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
  return Buffer.from((whole.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)))
}

function textOf(text: string, isPacked: boolean): Buffer {
  const plain = Buffer.from(text, 'latin1')
  const bytes = isPacked ? pack(plain) : plain
  const flag = isPacked ? 0x80 : 0
  if (bytes.length < 127) return Buffer.concat([Buffer.of(flag | bytes.length), bytes])
  const rest = bytes.length - 127
  return Buffer.concat([Buffer.of(flag | 127, (rest & 127) | 128, rest >> 7), bytes])
}

function isGood(block: Buffer, cut = block.length): boolean {
  const look = new HeaderLook()
  look.begin()
  for (let at = 0; at < block.length; at += cut) {
    if (!look.read(block, at, Math.min(at + cut, block.length))) return false
  }
  return true
}

const field = (name: string, value: string, isPacked: boolean): Buffer =>
  Buffer.concat([Buffer.of(0x40), textOf(name, isPacked), textOf(value, isPacked)])

test('the code is that of RFC 7541', () => {
  assert.equal(pack(Buffer.from('www.example.com')).toString('hex'), 'f1e3c2e5f23a6ba0ab90f4ff') // C.4.1
  assert.equal(pack(Buffer.from('Mon, 21 Oct 2013 20:13:22 GMT')).toString('hex').slice(0, 16), 'd07abe941054d444') // C.6.3
  assert.equal(words[13], `${'1'.repeat(28)}01`)
  assert.equal(words.length, 257)
})

for (const isPacked of [false, true])
  test(`what must not be in names and values is found ${isPacked ? 'in Huffman’s code' : 'as it is'}`, () => {
    const good = [
      ['x', ''],
      ['x', 'a\tb c'],
      [':path', '/'],
      ['x-y_z', '\xff'],
      ['te', 'trailers'],
    ] as const
    for (const [name, value] of good) assert.ok(isGood(field(name, value, isPacked)), JSON.stringify([name, value]))
    const values = ['a\rb', 'a\nb', 'a\0', '\r\nx: y', ' a', 'a ', '\ta', 'a\t', ' ']
    for (const value of values) assert.ok(!isGood(field('x', value, isPacked)), JSON.stringify(value))
    const names = ['', 'X', 'x y', 'x:', 'x\r\ny', 'x\0', ' x', 'x\x7f', '\xff', 'transfer-encoding: chunked']
    for (const name of names) assert.ok(!isGood(field(name, '1', isPacked)), JSON.stringify(name))
  })

test('fields that are named by their place are passed over, and those behind them are looked at', () => {
  const before = Buffer.from([0x82, 0xff, 0x80, 0x01, 0x3f, 0xe1, 0x1f, 0x10, 0x01, 0x78, 0x01, 0x79, 0x04, 0x01, 0x2f])
  assert.ok(isGood(before))
  assert.ok(isGood(Buffer.concat([before, field('x', 'y', true)])))
  assert.ok(!isGood(Buffer.concat([before, field('x', 'y\n', true)])))
  assert.ok(!isGood(Buffer.concat([before, Buffer.of(0x0f, 0x21), textOf('a\0b', false)])), 'a name by its place')
})

test('zeros behind a length hide nothing', () => {
  for (let zeros = 0; zeros < 6; zeros++) {
    const length = Buffer.of(0x7f, ...Array.from({ length: zeros }, () => 0x80), 0)
    const long = Buffer.concat([Buffer.of(0x40), textOf('x', false), length, Buffer.alloc(127, 'a')])
    assert.ok(isGood(Buffer.concat([long, field('x', 'y', false)])))
    assert.ok(!isGood(Buffer.concat([long, field('x', 'a\nb', false)])), `${zeros}`)
  }
})

test('however it is cut, the verdict is that of the rule', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab:X \t\r\n\0\xff'), maxLength: 9 })
  const isRight = (name: string, value: string): boolean =>
    /^:?[a-z]*$/.test(name) && name !== '' && !/[\r\n\0]|^[ \t]|[ \t]$/.test(value)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, text, fc.boolean()), { maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      (fields, cut) => {
        const block = Buffer.concat(fields.map(([name, value, isPacked]) => field(name, value, isPacked)))
        assert.equal(
          isGood(block, cut),
          fields.every(([name, value]) => isRight(name, value)),
        )
      },
    ),
  )
})

test('whatever the bytes are, it says something', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void isGood(Buffer.from(bytes), 7)))
})
