/** Streams of HTTP/2 that would become two requests, or another one, where they are written down as HTTP/1.1. */
import { callLines, flag, frame, frameOf, headerBlock } from './raw-http2.ts'

export interface StreamSmuggling {
  readonly name: string
  /** By RFC 9113. `one`: it may go on as the call that it is. */
  readonly verdict: 'refused' | 'one'
  readonly frames: (mark: string) => Buffer
}

type Line = readonly [name: string, value: string]

const body = (text: string): string => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }] })
const inner = (mark: string): string => {
  const text = body(`smuggled-${mark}`)
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}

function stream(lines: readonly Line[], text: string): Buffer {
  const data = Buffer.from(text, 'latin1')
  return Buffer.concat([
    frameOf(frame.headers, flag.endHeaders, 1, headerBlock(lines)),
    frameOf(frame.data, flag.end, 1, data),
  ])
}

/** A call with these lines beside, or in the place of, its own. */
const lines =
  (more: (mark: string) => readonly Line[], behind = false) =>
  (mark: string): Buffer =>
    stream(callLines(body(mark).length, more(mark)), body(mark) + (behind ? inner(mark) : ''))

const always =
  (...more: Line[]) =>
  (): readonly Line[] =>
    more

export const streamSmugglings: readonly StreamSmuggling[] = [
  { name: 'as it should be', verdict: 'one', frames: lines(always()) },
  { name: 'chunked', verdict: 'refused', frames: lines(always(['transfer-encoding', 'chunked'])) },
  { name: 'a length that is too short (H2.CL)', verdict: 'refused', frames: lines(always(), true) },
  { name: 'a length of 0', verdict: 'refused', frames: lines(always(['content-length', '0'])) },
  {
    name: 'a length that is too long',
    verdict: 'refused',
    frames: lines((mark) => [['content-length', String(body(mark).length + 9)]]),
  },
  { name: 'a list of lengths', verdict: 'refused', frames: lines(always(['content-length', '1, 1'])) },
  {
    name: 'a line end in a value',
    verdict: 'refused',
    frames: lines(always(['x', 'y\r\ntransfer-encoding: chunked'])),
  },
  { name: 'LF in a value', verdict: 'refused', frames: lines(always(['x', 'y\nz: 1'])) },
  { name: 'NUL in a value', verdict: 'refused', frames: lines(always(['x', 'y\0'])) },
  { name: 'a line end in a name', verdict: 'refused', frames: lines(always(['x: y\r\nz', '1'])) },
  { name: 'a colon in a name', verdict: 'refused', frames: lines(always(['transfer-encoding: chunked', '1'])) },
  { name: 'a blank in a name', verdict: 'refused', frames: lines(always(['content-length ', '5'])) },
  { name: 'capitals in a name', verdict: 'refused', frames: lines(always(['Transfer-Encoding', 'chunked'])) },
  { name: 'an empty name', verdict: 'refused', frames: lines(always(['', 'x'])) },
  {
    name: 'a whole request in the path',
    verdict: 'refused',
    frames: lines((mark) => [[':path', `/v1/chat/completions HTTP/1.1\r\nhost: a\r\n\r\n${inner(mark)}`]]),
  },
  {
    name: 'a blank in the path',
    verdict: 'refused',
    frames: lines(always([':path', '/v1/chat/completions HTTP/1.1'])),
  },
  { name: 'a path without a slash', verdict: 'refused', frames: lines(always([':path', 'v1/chat/completions'])) },
  { name: 'an empty path', verdict: 'refused', frames: lines(always([':path', ''])) },
  {
    name: 'a whole request in the method',
    verdict: 'refused',
    frames: lines(always([':method', 'POST / HTTP/1.1\r\nx: '])),
  },
  { name: 'a blank in the method', verdict: 'refused', frames: lines(always([':method', 'POST /x'])) },
  { name: 'a line end in the authority', verdict: 'refused', frames: lines(always([':authority', 'a\r\nx: y'])) },
  { name: 'a user in the authority', verdict: 'refused', frames: lines(always([':authority', 'b@a'], ['host', 'a'])) },
  { name: 'a Host that is another', verdict: 'refused', frames: lines(always(['host', 'b'])) },
  {
    name: 'a pseudo-header behind the others',
    verdict: 'refused',
    frames: lines(always(['x', '1'], [':path', '/v1/models'])),
  },
  { name: 'a pseudo-header that nobody knows', verdict: 'refused', frames: lines(always([':host', 'a'])) },
  { name: 'connection', verdict: 'refused', frames: lines(always(['connection', 'content-length'])) },
  { name: 'upgrade', verdict: 'refused', frames: lines(always(['upgrade', 'h2c'])) },
  { name: 'proxy-connection', verdict: 'refused', frames: lines(always(['proxy-connection', 'keep-alive'])) },
  { name: 'te with other than trailers', verdict: 'refused', frames: lines(always(['te', 'chunked'])) },
  { name: 'a scheme that is a URL', verdict: 'refused', frames: lines(always([':scheme', 'http://a/x?'])) },
  {
    name: 'two paths',
    verdict: 'refused',
    frames: (mark) => stream([[':path', '/v1/models'], ...callLines(body(mark).length)], body(mark)),
  },
  {
    name: 'two methods',
    verdict: 'refused',
    frames: (mark) => stream([[':method', 'GET'], ...callLines(body(mark).length)], body(mark)),
  },
  {
    name: 'no length, and a request behind',
    verdict: 'refused',
    frames: (mark) => stream(callLines(null), body(mark) + inner(mark)),
  },
]
