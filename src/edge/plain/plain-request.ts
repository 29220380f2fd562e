/**
 * Reads a request off its bytes when it is as plain as most calls are: a POST to one of our paths, its headers each
 * once and of visible characters, its body small and of a told length. Whatever is not exactly that is not judged here:
 * node:http gets the same bytes and reads, or refuses, them. So this reader can be narrow and need not be clever.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'

/** A head or a body beyond these goes to node:http. */
const headBytesMax = 8 * 1024
export const bodyBytesMax = 64 * 1024
const headersMax = 64

/** A whole head: the request line, then lines of `token: visible characters`, then an empty one; each ends in CR LF. */
const headShape = /^POST (\/[!-~]*) HTTP\/1\.1\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)+)\r\n$/
const lengthShape = /^\d{1,5}$/
/** What they say of framing and of the connection is for node:http to understand. */
const specialNames = new Set(['transfer-encoding', 'expect', 'upgrade', 'trailer', 'te', 'proxy-connection'])
const headEnd = Buffer.from('\r\n\r\n')
const start = 'POST /'

/** What the door needs to know of a request; a part of node's IncomingMessage. */
export interface PlainRequest {
  readonly method: 'POST'
  readonly url: string
  readonly httpVersion: '1.1'
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn; here only that there is one Host can be read off it. */
  readonly rawHeaders: readonly string[]
  readonly complete: true
  readonly socket: Socket
  /** The whole body. */
  readonly plainBody: Buffer
  /** Bytes of the request, head and body. */
  readonly lengthBytes: number
}

/**
 * The request at the beginning of `bytes`; `more` while its end has not come; `other` when it is not plain.
 * @param isPlainPath whether this target is one that may be served so
 */
export function readPlainRequest(
  bytes: Buffer,
  socket: Socket,
  isPlainPath: (url: string) => boolean,
): PlainRequest | 'more' | 'other' {
  const at = bytes.indexOf(headEnd)
  if (at === -1) return bytes.length < headBytesMax && isStart(bytes) ? 'more' : 'other'
  const bodyAt = at + headEnd.length
  if (bodyAt > headBytesMax) return 'other'
  const [, url = '', lines = ''] = headShape.exec(bytes.toString('latin1', 0, bodyAt)) ?? []
  if (url === '' || !isPlainPath(url)) return 'other'
  const headers = readHeaders(lines)
  if (headers === null) return 'other'
  const bodyBytes = Number(headers['content-length'])
  if (bodyBytes > bodyBytesMax) return 'other'
  const lengthBytes = bodyAt + bodyBytes
  if (bytes.length < lengthBytes) return 'more'
  const plainBody = bytes.subarray(bodyAt, lengthBytes)
  const rawHeaders = ['host', headers.host ?? '']
  return {
    method: 'POST',
    url,
    httpVersion: '1.1',
    headers,
    rawHeaders,
    complete: true,
    socket,
    plainBody,
    lengthBytes,
  }
}

/** Null for what is not plain. */
function readHeaders(lines: string): IncomingHttpHeaders | null {
  const headers: Record<string, string> = {}
  let count = 0
  for (let at = 0; at < lines.length; count++) {
    const end = lines.indexOf('\r\n', at)
    const colon = lines.indexOf(':', at)
    const name = lines.slice(at, colon).toLowerCase()
    // One that comes twice, or is a name of Object's own, is for node:http to join.
    if (name in headers || specialNames.has(name)) return null
    headers[name] = trim(lines, colon + 1, end)
    at = end + 2
  }
  const { connection, host } = headers
  const isPlain =
    count <= headersMax &&
    host !== undefined &&
    (connection === undefined || connection.toLowerCase() === 'keep-alive') &&
    lengthShape.test(headers['content-length'] ?? '')
  return isPlain ? headers : null
}

/** Without the blanks and tabs at both ends. */
function trim(text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** So far it may become a plain request. */
function isStart(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, start.length)
  return start.startsWith(text)
}
