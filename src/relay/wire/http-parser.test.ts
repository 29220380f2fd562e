/** The parser of answers: what it reads, what it refuses, and that the cutting of the bytes never matters. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { cutAt, damagedAnswer, rawAnswer } from '../../../test/http/raw-answer.ts'
import { Fault } from '../../fault/fault.ts'
import {
  chunkExtensionBytesMax,
  headBytesMax,
  headerCountMax,
  HttpParser,
  interimCountMax,
  trailerBytesMax,
} from './http-parser.ts'

interface Reading {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
  isEnded: boolean
  isReusable: boolean
  keepAliveMs: number
  refusal: string
}

/** Reads the slices one after another; every slice is overwritten afterwards, as the connection's buffer is. */
function read(slices: readonly Buffer[], isClosed = false): Reading {
  const body: Buffer[] = []
  const reading: Reading = {
    status: 0,
    headers: {},
    body: '',
    isEnded: false,
    isReusable: false,
    keepAliveMs: 0,
    refusal: '',
  }
  const parser = new HttpParser({
    onHead: (status, headers) => {
      assert.equal(reading.status, 0, 'one head only')
      Object.assign(reading, { status, headers: { ...headers } })
    },
    onBody: (bytes) => {
      assert.ok(!reading.isEnded && bytes.length > 0)
      body.push(Buffer.from(bytes))
    },
    onEnd: () => {
      assert.ok(!reading.isEnded)
      Object.assign(reading, { isEnded: true, isReusable: parser.isReusable, keepAliveMs: parser.keepAliveMs })
    },
  })
  try {
    for (const slice of slices) {
      const passing = Buffer.from(slice)
      parser.push(passing)
      passing.fill(0x58)
    }
    if (isClosed && !reading.isEnded) assert.equal(parser.finish(), reading.isEnded)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    assert.equal(thrown.code, 'HF_UPSTREAM_GARBLED')
    reading.refusal = thrown.detail
  }
  reading.body = Buffer.concat(body).toString('latin1')
  return reading
}

const readText = (text: string, isClosed = false) => read([Buffer.from(text, 'latin1')], isClosed)

describe('an answer', () => {
  test('with a content-length is read and leaves the connection for the next', () => {
    const { status, headers, body, isEnded, isReusable } = readText(
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: a\r\nx-two:  b \r\n\r\nhello',
    )
    assert.deepEqual(
      { status, body, isEnded, isReusable },
      { status: 200, body: 'hello', isEnded: true, isReusable: true },
    )
    assert.deepEqual(headers, { 'content-length': '5', 'x-two': 'a, b' })
  })

  test('in chunks is read without its framing, extensions and trailer', () => {
    const text =
      'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;a="b;c"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n'
    const { headers, body, isEnded, isReusable } = readText(text)
    assert.deepEqual({ body, isEnded, isReusable }, { body: 'hello0123456789', isEnded: true, isReusable: true })
    assert.equal(headers['x-sum'], undefined)
  })

  test('without a length lasts until the server closes, and the connection ends with it', () => {
    const { body, isEnded, isReusable } = readText('HTTP/1.1 200 OK\r\n\r\nto the end', true)
    assert.deepEqual({ body, isEnded, isReusable }, { body: 'to the end', isEnded: true, isReusable: false })
  })

  test('cut short by the server is not ended', () => {
    for (const text of [
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n',
      'HTTP/1.1 200 OK\r\n',
      '',
    ]) {
      assert.equal(readText(text, true).isEnded, false, text)
    }
  })

  test('of status 204 or 304 has no body, whatever its headers say', () => {
    for (const status of [204, 304]) {
      assert.equal(readText(`HTTP/1.1 ${status} X\r\n\r\n`).isReusable, true)
      const { isEnded, isReusable } = readText(`HTTP/1.1 ${status} X\r\ncontent-length: 9\r\n\r\n`)
      assert.deepEqual({ isEnded, isReusable }, { isEnded: true, isReusable: false })
    }
  })

  test('comes after interim answers, which are skipped', () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
    const { status, headers } = readText(interim.repeat(interimCountMax) + answer)
    assert.deepEqual({ status, headers }, { status: 200, headers: { 'content-length': '0' } })
    assert.equal(readText(interim.repeat(interimCountMax + 1) + answer).refusal, 'too many interim answers')
  })

  test('says whether and how long the connection may be used again', () => {
    const after = (version: string, ...lines: string[]) =>
      readText(`HTTP/1.${version} 200 OK\r\ncontent-length: 0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
    assert.equal(after('1', 'connection: Close').isReusable, false)
    assert.equal(after('1', 'connection: upgrade , close').isReusable, false)
    assert.equal(after('1', 'connection: x', 'connection: close').isReusable, false)
    assert.equal(after('0').isReusable, false)
    assert.equal(after('0', 'connection: keep-alive').isReusable, true)
    assert.equal(after('0', 'connection: keep-alive, close').isReusable, false)
    assert.equal(after('1').keepAliveMs, Infinity)
    assert.equal(after('1', 'keep-alive: timeout=5').keepAliveMs, 5000)
    assert.equal(after('1', 'keep-alive: max=100, Timeout=0').keepAliveMs, 0)
  })

  test('may name a header like a property of every object', () => {
    const { headers } = readText('HTTP/1.1 200 OK\r\n__proto__: x\r\nconstructor: y\r\ncontent-length: 0\r\n\r\n')
    assert.deepEqual(Object.entries(headers).slice(0, 2), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })
})

describe('refused is', () => {
  const ok = 'HTTP/1.1 200 OK\r\n'
  const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`
  const cases: Record<string, string> = {
    'both content-length and transfer-encoding': `${ok}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
    'more than one content-length, even the same': `${ok}content-length: 5\r\ncontent-length: 5\r\n\r\n`,
    'a list as content-length': `${ok}content-length: 5, 5\r\n\r\n`,
    'a tab after the encoding, which some readers take for part of it': `${ok}transfer-encoding: chunked\t\r\n\r\n`,
    'a blank after the content-length': `${ok}content-length: 5 \r\n\r\n`,
    'a signed content-length': `${ok}content-length: +5\r\n\r\n`,
    'an empty content-length': `${ok}content-length:\r\n\r\n`,
    'a content-length beyond a double': `${ok}content-length: 9999999999999999\r\n\r\n`,
    'an encoding other than chunked': `${ok}transfer-encoding: gzip, chunked\r\n\r\n`,
    'an encoding that only looks like chunked': `${ok}transfer-encoding: \x0bchunked\r\n\r\n`,
    'two encodings': `${ok}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`,
    'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
    'a blank before the colon': `${ok}content-length : 5\r\n\r\n`,
    'a folded line': `${ok}x: a\r\n b\r\n\r\n`,
    'a header without a name': `${ok}: a\r\n\r\n`,
    'a header without a colon': `${ok}abc\r\n\r\n`,
    'NUL in a header': `${ok}x: a\0b\r\n\r\n`,
    'a bare CR in a header': `${ok}x: a\rb\r\n\r\n`,
    'a bare LF after a header': `${ok}x: a\n\r\n`,
    'a bare LF after the status line': 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n',
    'HTTP/2': 'HTTP/2 200\r\n\r\n',
    'HTTP/1.2': 'HTTP/1.2 200 OK\r\n\r\n',
    'HTTP/0.9': 'hello',
    'lower-case HTTP': 'http/1.1 200 OK\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'a status beyond 599': 'HTTP/1.1 999 OK\r\n\r\n',
    'two blanks before the status': 'HTTP/1.1  200 OK\r\n\r\n',
    'a line before the status line': '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'a change of protocol': 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n',
    'an interim answer with a length': 'HTTP/1.1 100 Continue\r\ncontent-length: 3\r\n\r\nabc',
    'an interim answer that closes': 'HTTP/1.1 102 Processing\r\nconnection: close\r\n\r\n',
    'an interim answer in HTTP/1.0': 'HTTP/1.0 102 Processing\r\n\r\n',
    'bytes after a sized answer': `${ok}content-length: 1\r\n\r\nab`,
    'bytes after an empty answer': `${ok}content-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n`,
    'bytes after the last chunk': `${chunked}0\r\n\r\nx`,
    'bytes after a 204': 'HTTP/1.1 204 None\r\n\r\nx',
    'a chunk size that is no number': `${chunked}xyz\r\n`,
    'an empty chunk size': `${chunked}\r\n`,
    'a chunk size with 0x': `${chunked}0x5\r\nhello\r\n`,
    'a negative chunk size': `${chunked}-5\r\n`,
    'a blank after the chunk size': `${chunked}5 \r\nhello\r\n`,
    'a chunk size of very many digits': `${chunked}00000000000005\r\nhello\r\n`,
    'a bare LF after the chunk size': `${chunked}5\nhello\r\n`,
    'a bare CR after the chunk size': `${chunked}5\rhello\r\n`,
    'a bare CR in an extension': `${chunked}5;a\rb\r\nhello\r\n`,
    'a bare LF in an extension': `${chunked}5;a\nhello\r\n`,
    'NUL in an extension': `${chunked}5;a\0\r\nhello\r\n`,
    'an extension without a name': `${chunked}5;=a\r\nhello\r\n`,
    'an extension whose quote is open': `${chunked}5;a="b\r\nhello\r\n`,
    'an extension without end': `${chunked}5;${'a'.repeat(chunkExtensionBytesMax)}`,
    'a chunk longer than its size': `${chunked}5\r\nhello!\r\n`,
    'a bare LF after a chunk': `${chunked}5\r\nhello\n`,
    'a length in the trailer': `${chunked}0\r\nContent-Length: 3\r\n\r\n`,
    'a trailer that is no header': `${chunked}0\r\nnonsense\r\n\r\n`,
    'a trailer without end': `${chunked}0\r\n${`x: ${'a'.repeat(1000)}\r\n`.repeat(trailerBytesMax / 1000 + 1)}`,
    'a head without end': `${ok}x: ${'a'.repeat(headBytesMax)}`,
    'too many headers': `${ok}${'x: a\r\n'.repeat(headerCountMax + 1)}`,
    'headers without end over interim answers': `HTTP/1.1 100 C\r\nx: ${'a'.repeat(headBytesMax / 2)}\r\n\r\n`.repeat(
      2,
    ),
  }
  for (const [name, text] of Object.entries(cases)) {
    test(name, () => {
      assert.notEqual(readText(text).refusal, '')
      const bytewise = Array.from(Buffer.from(text, 'latin1'), (byte) => Buffer.of(byte))
      if (!name.startsWith('bytes after')) assert.notEqual(read(bytewise).refusal, '', 'byte by byte')
    })
  }

  test('what is not HTTP, at its first bytes', () => {
    for (const text of ['\x15\x03\x03', 'SSH-2', 'HTTQ', '<html>'])
      assert.equal(readText(text).refusal, 'no HTTP/1.1 status line')
  })

  test('nothing that is exactly at a limit', () => {
    assert.equal(readText(`${ok}${'x: a\r\n'.repeat(headerCountMax - 1)}content-length: 0\r\n\r\n`).isEnded, true)
    const filled = `${ok}content-length: 0\r\nx: `
    assert.equal(readText(`${filled}${'a'.repeat(headBytesMax - filled.length - 4)}\r\n\r\n`).isEnded, true)
    assert.notEqual(readText(`${filled}${'a'.repeat(headBytesMax - filled.length - 3)}\r\n\r\n`).refusal, '')
  })
})

test('a sink that stops the parser gets nothing more, even from the same bytes', () => {
  const seen: string[] = []
  const parser: HttpParser = new HttpParser({
    onHead: () => seen.push('head'),
    onBody: () => {
      seen.push('body')
      parser.stop()
    },
    onEnd: () => seen.push('end'),
  })
  parser.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'))
  assert.deepEqual(seen, ['head', 'body'])
})

const places = fc.array(fc.nat(), { maxLength: 12 })

test('any valid answer reads the same however it is cut', () => {
  fc.assert(
    fc.property(rawAnswer, places, ({ text, body, isEndless }, at) => {
      const whole = readText(text, isEndless)
      assert.deepEqual(
        { refusal: whole.refusal, body: whole.body, isEnded: whole.isEnded },
        { refusal: '', body, isEnded: true },
      )
      const raw = Buffer.from(text, 'latin1')
      assert.deepEqual(read(cutAt(raw, at), isEndless), whole)
      assert.deepEqual(
        read(
          Array.from(raw, (byte) => Buffer.of(byte)),
          isEndless,
        ),
        whole,
      )
    }),
    { numRuns: 300 },
  )
})

test('no damage makes it throw anything but a fault, or find more than was sent', () => {
  fc.assert(
    fc.property(damagedAnswer, places, (text, at) => {
      const raw = Buffer.from(text, 'latin1')
      const reading = read(cutAt(raw, at), true)
      assert.ok(reading.body.length <= raw.length)
    }),
    { numRuns: 2000 },
  )
})

test('what a connection remembers of one answer changes nothing in the reading of the next', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          rawAnswer.map(({ text }) => text),
          damagedAnswer,
        ),
        { minLength: 1, maxLength: 3 },
      ),
      fc.oneof(
        rawAnswer.map(({ text }) => text),
        damagedAnswer,
      ),
      fc.boolean(),
      places,
      (earlier, other, isLike, at) => {
        // Most answers are like the one before, but for a few lines.
        const text = isLike ? (earlier.at(-1) as string).replace(/\r\n[^:\r]*:/, '\r\nx-other:') : other
        const slices = cutAt(Buffer.from(text, 'latin1'), at)
        const parser = new Rereader()
        for (const before of earlier) parser.read([Buffer.from(before, 'latin1')])
        assert.deepEqual(parser.read(slices), new Rereader().read(slices))
      },
    ),
    { numRuns: 2000 },
  )
})

/** Reads one answer after the other with the same parser, as a connection does. */
class Rereader {
  #told: unknown[] = []
  #parser = new HttpParser({
    onHead: (status, headers) => void this.#told.push(status, { ...headers }),
    onBody: (bytes) => void this.#told.push(bytes.toString('latin1')),
    onEnd: () => void this.#told.push('end', this.#parser.isReusable),
  })

  read(slices: readonly Buffer[]): unknown[] {
    this.#told = []
    this.#parser.reset()
    try {
      for (const slice of slices) this.#parser.push(slice)
    } catch (thrown) {
      this.#told.push((thrown as Fault).detail)
    }
    return this.#told
  }
}

test('noise is refused, or waits for more, and never ends an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), places, (noise, at) => {
      assert.equal(read(cutAt(Buffer.from(noise), at), true).isEnded, false)
    }),
  )
})
