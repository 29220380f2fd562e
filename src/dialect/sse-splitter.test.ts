/** The splitter of event streams: same events however the bytes are cut, and linear time whatever their size. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { Fault } from '../fault/fault.ts'
import { eventData, eventName, SseSplitter } from './sse-splitter.ts'

interface Split {
  events: string[]
  commentCount: number
  pendingBytes: number
}

/** Pushes the slices; each is overwritten afterwards, as the wire's buffer is. */
function split(slices: readonly Buffer[], eventBytesMax?: number): Split {
  const events: string[] = []
  const options = eventBytesMax === undefined ? {} : { eventBytesMax }
  const splitter = new SseSplitter((event) => events.push(event.toString('latin1')), options)
  for (const slice of slices) {
    const passing = Buffer.from(slice)
    splitter.push(passing)
    passing.fill(0x58)
  }
  const { commentCount, pendingBytes } = splitter
  return { events, commentCount, pendingBytes }
}

const splitText = (...texts: string[]) => split(texts.map((text) => Buffer.from(text, 'latin1')))

describe('the splitter', () => {
  test('gives each event without its blank line and last line end', () => {
    assert.deepEqual(splitText('data: a\n\nevent: b\ndata: c\n\n').events, ['data: a', 'event: b\ndata: c'])
  })
  test('takes LF, CR LF and both mixed', () => {
    assert.deepEqual(splitText('data: a\r\n\r\ndata: b\n\r\ndata: c\r\ndata: d\r\n\n').events, [
      'data: a',
      'data: b',
      'data: c\r\ndata: d',
    ])
  })
  test('joins what the network cut, even between CR and LF', () => {
    assert.deepEqual(splitText('da', 'ta: a\r', '\n\r', '\ndata: b\n', '\n').events, ['data: a', 'data: b'])
  })
  test('counts comments and empty events, and leaves them out', () => {
    const { events, commentCount } = splitText(': ping\n\n\n: one\n: two\n\n: with\ndata: a\n\n')
    assert.deepEqual({ events, commentCount }, { events: [': with\ndata: a'], commentCount: 3 })
  })
  test('keeps an event that has not ended, and says how large it is', () => {
    assert.deepEqual(splitText('data: a\n\ndata: b\n'), { events: ['data: a'], commentCount: 0, pendingBytes: 8 })
  })
  test('drops a byte order mark at the start, and only there', () => {
    const mark = '\xef\xbb\xbf'
    assert.deepEqual(splitText(`${mark}data: a\n\n${mark}data: b\n\n`).events, ['data: a', `${mark}data: b`])
    assert.deepEqual(splitText('\xef', '\xbb', '\xbf: x\n\ndata: a\n\n'), {
      events: ['data: a'],
      commentCount: 1,
      pendingBytes: 0,
    })
    assert.equal(splitText(`${mark}\n`).commentCount, 1)
  })
  test('takes a lone CR as part of its line', () => {
    assert.deepEqual(splitText('data: a\r\rdata: b\n\n').events, ['data: a\r\rdata: b'])
  })
  test('refuses an event beyond the limit, in one piece or in many', () => {
    const isGarbled = (thrown: unknown) => thrown instanceof Fault && thrown.code === 'HF_UPSTREAM_GARBLED'
    const whole = Buffer.from(`data: ${'a'.repeat(20)}\n\n`) // 27 bytes and the blank line
    const bytewise = Array.from(whole, (byte) => Buffer.of(byte))
    for (const slices of [[whole], bytewise]) {
      assert.equal(split(slices, 27).events.length, 1)
      assert.throws(() => split(slices, 26), isGarbled)
    }
    assert.throws(() => split([Buffer.alloc(100, 'a')], 50), isGarbled, 'a line without end')
    assert.throws(() => split([Buffer.from(': a\n'.repeat(20))], 50), isGarbled, 'comments without end')
  })
  test('takes linear time for one large event in small pieces', () => {
    const piece = Buffer.alloc(64, 'a')
    const measure = (count: number): number => {
      const splitter = new SseSplitter(() => {})
      const from = process.cpuUsage()
      for (let i = 0; i < count; i++) splitter.push(piece)
      splitter.push(Buffer.from('\n\n'))
      assert.equal(splitter.pendingBytes, 0)
      return process.cpuUsage(from).user
    }
    measure(20_000)
    const small = Math.min(measure(20_000), measure(20_000), measure(20_000))
    const large = Math.min(measure(120_000), measure(120_000), measure(120_000))
    // Six times the bytes: a rescan of the growing buffer would take 36 times as long.
    assert.ok(large < 18 * Math.max(small, 1000), `${small} µs, then ${large} µs`)
  })
})

const line = fc.oneof(
  fc.constantFrom(
    'data: {"x":1}',
    'data:',
    'data',
    ': ping',
    ':',
    'event: message_stop',
    'id: 7',
    '\xef\xbb\xbfdata: x',
    'data: \xff\r\xfe',
  ),
  fc.stringMatching(/^[a-z:\r\x80-\xff ]{0,20}$/).filter((text) => !text.endsWith('\r')),
)
const lineEnd = fc.constantFrom('\n', '\r\n')
const stream = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.tuple(line, lineEnd) },
    { weight: 2, arbitrary: fc.tuple(fc.constant(''), lineEnd) },
  ),
  { maxLength: 40 },
)

/** The plain way, on the whole text at once. */
function reference(text: string): Split {
  const result: Split = { events: [], commentCount: 0, pendingBytes: 0 }
  const start = text.startsWith('\xef\xbb\xbf') && text.includes('\n') ? 3 : 0
  let event = ''
  let isFirst = true
  for (const [piece, content = ''] of text.slice(start).matchAll(/([^\n]*?)\r?\n/g)) {
    if (content !== '') event += piece
    else {
      const lines = event.split(/\r?\n/).filter((each) => each !== '')
      if (lines.some((each) => !each.startsWith(':'))) result.events.push(event.replace(/\r?\n$/, ''))
      else result.commentCount++
      event = ''
      isFirst = false
    }
  }
  result.pendingBytes = event.length + (isFirst ? start : 0) + (text.length - text.lastIndexOf('\n') - 1)
  return result
}

test('any stream gives the same events however it is cut', () => {
  fc.assert(
    fc.property(stream, line, fc.array(fc.nat(), { maxLength: 10 }), (lines, tail, places) => {
      const bytes = Buffer.from(lines.flat().join('') + tail, 'latin1')
      const expected = reference(bytes.toString('latin1'))
      const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
      assert.deepEqual(split([bytes]), expected)
      assert.deepEqual(split(at.slice(1).map((to, index) => bytes.subarray(at[index], to))), expected)
      assert.deepEqual(split(Array.from(bytes, (byte) => Buffer.of(byte))), expected)
    }),
    { numRuns: 500 },
  )
})

describe('an event', () => {
  const data = (text: string) => eventData(Buffer.from(text)).toString()
  test('gives its data, one blank after the colon dropped', () => {
    assert.equal(data('data: a'), 'a')
    assert.equal(data('data:a'), 'a')
    assert.equal(data('data:  a'), ' a')
    assert.equal(data('data: a\r\n'), 'a')
    assert.equal(data('event: x\r\ndata: a\r\nid: 1'), 'a')
  })
  test('joins several data lines with LF', () => {
    assert.equal(data('data: a\ndata:b\r\ndata\ndata: c'), 'a\nb\n\nc')
  })
  test('without data gives an empty buffer', () => {
    for (const text of ['event: x', 'data', 'data:', 'datax: a', ': data: a', 'dat', ''])
      assert.equal(data(text), '', text)
  })
  test('gives its one data line without copying', () => {
    for (const text of ['data: abc', 'event: x\ndata: abc\nid: 1']) {
      const event = Buffer.from(text)
      const view = eventData(event)
      event.fill(0x7a)
      assert.equal(view.toString(), 'zzz')
    }
  })
  test('gives its last name, or null', () => {
    assert.equal(eventName(Buffer.from('event: a\ndata: x\nevent:b')), 'b')
    assert.equal(eventName(Buffer.from('event: ping\r\ndata: x')), 'ping')
    assert.equal(eventName(Buffer.from('data: event: x')), null)
  })
})
