/** What comes over connections before anybody knows what it is: HTTP/1 both ways, PROXY, events, WebSocket frames. */
import type { Socket } from 'node:net'
import { readProxyHeader } from '../../../src/edge/address/proxy-header.ts'
import { readPlainRequest } from '../../../src/edge/plain/plain-request.ts'
import { FrameWatch } from '../../../src/edge/realtime/frame-watch.ts'
import { eventData, eventName, SseSplitter } from '../../../src/dialect/sse-splitter.ts'
import { HttpParser } from '../../../src/relay/wire/http-parser.ts'
import { must, type Target } from '../target.ts'
import { pieces } from '../pieces.ts'

const noSocket = {} as Socket

/** All that a parser tells of these pieces, and how it ended. */
function answersOf(parts: readonly Buffer[]): { told: string; body: string } {
  let told = ''
  let body = ''
  let isEnded = false
  const parser = new HttpParser({
    onHead: (status, headers) => (told += `${status} ${JSON.stringify(headers)} `),
    onBody: (bytes) => {
      must(!isEnded, 'a body behind the end')
      body += bytes.toString('latin1')
    },
    onEnd: () => {
      must(!isEnded, 'two ends')
      isEnded = true
    },
  })
  try {
    for (const part of parts) {
      if (isEnded) return { told: 'refused', body } // the connection gives its parser nothing behind an answer
      parser.push(part)
    }
    const isProper = parser.finish()
    told += isEnded ? `end ${parser.isReusable} ${parser.keepAliveMs}` : `open ${isProper}`
  } catch (thrown) {
    // Which of several faults is found first may hang on the cut; that there is one may not.
    if (!(thrown instanceof Error) || thrown.name !== 'Fault') throw thrown
    told = 'refused'
  }
  return { told, body }
}

const ok = 'HTTP/1.1 200 OK\r\n'
const upstreamAnswer: Target = {
  name: 'wire/http-answer',
  seeds: [
    `${ok}content-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}`,
    `${ok}transfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n5;x=y\r\ndata:\r\n2\r\n\n\n\r\n0\r\nx-a: b\r\n\r\n`,
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${ok}content-length: 0\r\n\r\n`,
    'HTTP/1.0 200 OK\r\n\r\nto the end',
    'HTTP/1.1 204 No Content\r\nkeep-alive: timeout=5, max=3\r\nconnection: keep-alive\r\n\r\n',
    'HTTP/1.1 429 Too Many\r\nretry-after: 3\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}',
    `${ok}set-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n`,
  ],
  words: [
    ...['HTTP/1.1 ', 'HTTP/1.0 ', ' 200 ', ' 304 ', ' 101 ', 'transfer-encoding: chunked\r\n', 'content-length: 5\r\n'],
    ...['\r\n', '\n', '0\r\n\r\n', ';', 'chunked', ', ', 'fffffffffffff\r\n', ': ', '\t', 'connection: close\r\n'],
  ],
  run(bytes) {
    const { told, body } = answersOf([bytes])
    const cut = answersOf(pieces(bytes))
    must(cut.told === told && (told === 'refused' || cut.body === body), `cut: ${cut.told}, whole: ${told}`)
    return told.replace(/\d{4,}/g, '#').slice(0, 160)
  },
}

const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n'
const callerRequest: Target = {
  name: 'edge/plain-request',
  seeds: [
    `${head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    `${head}authorization: Bearer x\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n`,
    `${head}content-length: 2\r\n\r\n{}${head}content-length: 3\r\n\r\n{ }`,
    `${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  words: [
    'POST /',
    ' HTTP/1.1\r\n',
    'content-length: ',
    'host: ',
    '\r\n\r\n',
    'expect: 100-continue\r\n',
    '__proto__: x\r\n',
  ],
  run(bytes) {
    const read = readPlainRequest(bytes, noSocket, (url) => url.startsWith('/v1/'))
    if (typeof read === 'string') return read
    must(read.lengthBytes <= bytes.length, 'longer than what came')
    must(read.plainBody.length === Number(read.headers['content-length']), 'a body of another length than told')
    must(!/[\r\n]/.test(read.url) && !/[\r\n]/.test(JSON.stringify(read.headers)), 'a line end in a header')
    // Of the same bytes and less it says nothing else.
    const half = readPlainRequest(bytes.subarray(0, read.lengthBytes - 1), noSocket, () => true)
    must(half === 'more', `one byte less is ${typeof half === 'string' ? half : 'a request'}`)
    return `${Object.keys(read.headers).sort().join()} ${read.plainBody.length}`
  },
}

const v2 = '0d0a0d0a000d0a515549540a'
const proxyHeader: Target = {
  name: 'edge/proxy-header',
  seeds: [
    'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET /',
    'PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n',
    'PROXY UNKNOWN\r\n',
    Buffer.from(`${v2}2111000cc0000201c0000202dc0401bb`, 'hex'),
    Buffer.from(`${v2}21210024${'20010db8'.repeat(8)}dc0401bb`, 'hex'),
    Buffer.from(`${v2}2111000fc0000201c0000202dc0401bb040000`, 'hex'),
    Buffer.from(`${v2}20000000`, 'hex'),
  ],
  words: ['PROXY ', 'TCP4 ', 'TCP6 ', ' ', '\r\n', '255.255.255.255', '65535', '::'],
  bytesMax: 8192,
  run(bytes) {
    const read = readProxyHeader(bytes)
    if (typeof read === 'string') return read
    const { lengthBytes, address, port } = read
    must(lengthBytes > 0 && lengthBytes <= bytes.length, 'longer than what came')
    must(Number.isInteger(port) && port >= 0 && port <= 65_535, `port ${port}`)
    must(readProxyHeader(bytes.subarray(0, lengthBytes - 1)) === 'more', 'one byte less is not `more`')
    return `${address === null} ${address?.includes(':')}`
  },
}

function eventsOf(parts: readonly Buffer[]): string[] {
  const events: string[] = []
  const splitter = new SseSplitter((event) => events.push(event.toString('latin1')), { eventBytesMax: 4096 })
  try {
    for (const part of parts) splitter.push(part)
    must(splitter.pendingBytes <= 4098, `${splitter.pendingBytes} bytes pending`)
    events.push(`pending ${splitter.pendingBytes} comments ${splitter.commentCount}`)
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== 'Fault') throw thrown
    events.push('refused')
  }
  return events
}

const events: Target = {
  name: 'dialect/sse-splitter',
  seeds: [
    'data: {"a":1}\n\ndata: [DONE]\n\n',
    '\ufeffevent: x\r\ndata: a\r\ndata: b\r\n\r\n: comment\n\nid: 1\n\n',
    ':\n\n\n\ndata\n\ndata:\n\nretry: 3\n\n',
    `data: ${'x'.repeat(4100)}\n\n`,
  ],
  words: ['data: ', 'data:', 'event: ', 'id: ', '\n\n', '\r\n', '\r', ':', '\ufeff', '[DONE]'],
  run(bytes) {
    const whole = eventsOf([bytes])
    const cut = eventsOf(pieces(bytes))
    must(cut.join('\0') === whole.join('\0'), 'cut elsewhere, other events come')
    for (const event of whole.slice(0, 200)) {
      const read = Buffer.from(event, 'latin1')
      must(!/(^|\n)\r?\n/.test(event), 'an event with a blank line in it')
      eventData(read)
      eventName(read)
    }
    return `${Math.min(9, whole.length)} ${whole.at(-1)?.replace(/\d{2,}/g, '#')}`
  },
}

const frames: Target = {
  name: 'edge/websocket-frames',
  seeds: [
    Buffer.from('8105hello', 'latin1'),
    Buffer.from('810548656c6c6f8900880203e8', 'hex'),
    Buffer.from('817e007e', 'hex'),
    Buffer.from('81fe00801234567800', 'hex'),
    Buffer.from('827f0000000000000002aabb8100', 'hex'),
    Buffer.from('82ffffffffffffffffff00000000', 'hex'),
  ],
  run(bytes) {
    const rules = {
      isMasked: ((bytes[1] ?? 0) & 0x80) !== 0,
      hasExtensions: false,
      frameBytesMax: 2 ** 20,
      textBytesMax: 4096,
    }
    const [whole, cut] = [
      new FrameWatch({ ...rules, onText: () => {} }),
      new FrameWatch({ ...rules, onText: () => {} }),
    ]
    const passed = Buffer.from(whole.push(bytes))
    const inParts = Buffer.concat(pieces(bytes).map((piece) => Buffer.from(cut.push(piece))))
    must(passed.equals(inParts), 'cut elsewhere, other bytes pass')
    must(whole.isBetween === cut.isBetween && whole.flaw?.code === cut.flaw?.code, 'cut elsewhere, another end')
    if (whole.flaw) return whole.flaw.code
    return whole.isBetween
  },
}

export const wireTargets: readonly Target[] = [upstreamAnswer, callerRequest, proxyHeader, events, frames]
