// Whose request it is: networks, the PROXY protocol, and what proxies say. Hostile bytes are read to an end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AddressList, plainAddress, readNetwork } from './address-list.ts'
import { lastHop, readForwarded, visitorAddress } from './forwarded.ts'
import { readProxyHeader } from './proxy-header.ts'

test('networks hold their addresses, of both families, however they are written', () => {
  const list = new AddressList(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])
  const inside = ['10.255.0.1', '::ffff:10.1.2.3', '192.0.2.7', '2001:DB8:0::5', '::1', '2001:db8::1%eth0']
  for (const address of inside) assert(list.has(address), address)
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '', 'x', '10.0.0']) assert(!list.has(address), address)
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0/8', 'gpu1', '1.2.3.4/-1', ''])
    assert.equal(readNetwork(text), null)
})

const v2 = (command: number, family: number, rest: Buffer): Buffer => {
  const head = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(rest.length)
  return Buffer.concat([head, Buffer.from([0x20 | command, family]), length, rest])
}
const rest4 = Buffer.from([192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb])

test('IPv4 in IPv6 is that IPv4 address in every spelling, and nothing else is', () => {
  const same = [
    '::ffff:192.0.2.1',
    '::FFFF:c000:201',
    '0:0:0:0:0:ffff:c000:201',
    '0000:0:0:0:0:ffff:192.0.2.1',
    '::0:ffff:c000:0201',
  ]
  for (const text of same) assert.equal(plainAddress(text), '192.0.2.1', text)
  for (const text of ['192.0.2.1', '::1', '2001:db8::ffff:c000:201', '::ffff:0:c000:201', '64:ff9b::c000:201'])
    assert.equal(plainAddress(text), text)
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
})

test('both versions of the PROXY protocol say whose connection it is', () => {
  const text = Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\r\nGET /')
  assert.deepEqual(readProxyHeader(text), { lengthBytes: 40, address: '192.0.2.1', port: 4660 })
  const six = Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 2\r\n')
  assert.deepEqual(readProxyHeader(six), { lengthBytes: 32, address: '2001:db8::1', port: 1 })
  assert.deepEqual(readProxyHeader(Buffer.from('PROXY UNKNOWN what ever\r\n')), {
    lengthBytes: 25,
    address: null,
    port: 0,
  })
  assert.deepEqual(readProxyHeader(v2(1, 0x11, rest4)), { lengthBytes: 28, address: '192.0.2.1', port: 4660 })
  const rest6 = Buffer.concat([
    Buffer.from('20010db8000000000000000000000001', 'hex'),
    Buffer.alloc(16),
    Buffer.from([0, 80, 0, 81]),
  ])
  assert.partialDeepStrictEqual(readProxyHeader(v2(1, 0x21, rest6)), { address: '2001:db8:0:0:0:0:0:1', port: 80 })
  const more = Buffer.concat([rest4, Buffer.from([4, 0, 1, 0])]) // something else that a proxy has to say
  assert.partialDeepStrictEqual(readProxyHeader(v2(1, 0x11, more)), { lengthBytes: 32, address: '192.0.2.1' })
  assert.partialDeepStrictEqual(readProxyHeader(v2(0, 0x00, Buffer.alloc(0))), { address: null })
})

test('what is no PROXY header is none, however near it comes', () => {
  const bad = [
    ...['GET / HTTP/1.1\r\n', 'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n'],
    ...['PROXY TCP4 ::1 ::1 1 2\r\n', 'PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n'],
    ...['PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n', `PROXY TCP4 ${'1'.repeat(200)}`, 'proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ].map((text) => Buffer.from(text))
  const odd = [v2(2, 0x11, rest4), v2(1, 0x11, Buffer.alloc(4)), v2(1, 0x55, rest4), v2(1, 0x11, Buffer.alloc(5000))]
  for (const bytes of [...bad, ...odd]) assert.equal(readProxyHeader(bytes), 'bad', bytes.toString('latin1'))
})

test('a header that comes in pieces is waited for, and read the same', () => {
  for (const whole of [Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\r\n'), v2(1, 0x11, rest4)]) {
    for (let length = 0; length < whole.length; length++)
      assert.equal(readProxyHeader(whole.subarray(0, length)), 'more', `${length} bytes`)
    assert.notEqual(readProxyHeader(whole), 'bad')
  }
})

test('no bytes bring the reader of the PROXY protocol out of step', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.uint8Array({ maxLength: 600 }).map((tail) => Buffer.concat([v2(1, 0x11, rest4).subarray(0, 14), tail])),
    fc.string({ maxLength: 150 }).map((tail) => Buffer.from(`PROXY ${tail}`)),
  )
  fc.assert(
    fc.property(bytes, (given) => {
      const read = readProxyHeader(Buffer.from(given))
      if (typeof read === 'object') assert(read.lengthBytes <= given.length && read.lengthBytes > 0)
    }),
    { numRuns: 2000 },
  )
})

const trusted = new AddressList(['10.0.0.0/8', '::1'])

test('the visitor is whom the last proxy that is trusted has seen', () => {
  const cases: [string, Record<string, string>, string][] = [
    ['192.0.2.9', { 'x-forwarded-for': '1.1.1.1' }, '192.0.2.9'],
    ['::ffff:10.0.0.1', { 'x-forwarded-for': '6.6.6.6, 192.0.2.9' }, '192.0.2.9'],
    ['10.0.0.1', { 'x-forwarded-for': '6.6.6.6, 192.0.2.9, 10.0.0.2' }, '192.0.2.9'],
    ['10.0.0.1', { 'x-forwarded-for': '10.0.0.3' }, '10.0.0.3'],
    ['10.0.0.1', { 'x-forwarded-for': 'nonsense' }, '10.0.0.1'],
    ['10.0.0.1', { 'x-forwarded-for': '192.0.2.9:1234' }, '192.0.2.9'],
    ['10.0.0.1', {}, '10.0.0.1'],
    ['::1', { forwarded: 'for=192.0.2.9;proto=https, for="[2001:db8::7]:4711"' }, '2001:db8::7'],
    ['::1', { forwarded: 'for=_hidden', 'x-forwarded-for': '6.6.6.6' }, '::1'],
    ['::1', { forwarded: 'for="a,b;for=6.6.6.6", For="192.0.2.9"' }, '192.0.2.9'],
    ['::1', { forwarded: 'x'.repeat(9000) }, '::1'],
  ]
  for (const [peer, headers, expected] of cases)
    assert.equal(visitorAddress(peer, headers, trusted), expected, JSON.stringify(headers))
})

test('whatever stands in the headers, only addresses come out', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.boolean(), (text, isOld) => {
      const headers = isOld ? { 'x-forwarded-for': text } : { forwarded: text }
      const address = visitorAddress('10.0.0.1', headers, trusted)
      assert.match(address, /^[0-9a-fA-F:.]+$/)
      assert(readForwarded(text).length <= text.length + 1)
    }),
    { numRuns: 2000 },
  )
})

test('of a header that a proxy of ours writes its last address counts, without the port that some add', () => {
  const said: [string, string, string | null][] = [
    ['x-forwarded-for', '1.2.3.4, 2001:db8::1', '2001:db8::1'],
    ['x-forwarded-for', '1.2.3.4, 203.0.113.9:50100', '203.0.113.9'],
    ['x-real-ip', '203.0.113.9', '203.0.113.9'],
    ['forwarded', 'for=1.2.3.4, for="[2001:db8::1]:4711";proto=https', '2001:db8::1'],
    ['x-forwarded-for', '1.2.3.4, nobody', null],
    ['x-forwarded-for', `${'1.2.3.4,'.repeat(2000)}1.2.3.4`, null],
  ]
  for (const [name, value, address] of said) assert.equal(lastHop({ [name]: value }, name), address, value.slice(0, 60))
  assert.equal(lastHop({}, 'x-forwarded-for'), null)
})
