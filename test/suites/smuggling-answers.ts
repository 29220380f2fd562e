/**
 * Answers by which a model server (or whoever stands before it) would give the next caller an answer that is not his.
 * After each the connection must be given up: the next call on it must never be answered with `poison`.
 */
export const poison = 'POISON'

const poisoned = JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: poison } }] })
const behind = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${poisoned.length}\r\n\r\n${poisoned}`
const body = '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]}'
const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const size = body.length.toString(16)
const chunks = `${size}\r\n${body}\r\n0\r\n\r\n`
const te = 'transfer-encoding: chunked\r\n'
const length = `content-length: ${body.length}\r\n`

/** By name. */
export const smugglingAnswers: Readonly<Record<string, string>> = {
  'a whole answer behind the answer': `${head}${length}\r\n${body}${behind}`,
  'an answer behind the last chunk': `${head}${te}\r\n${chunks}${behind}`,
  'an answer behind an empty one': `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n${behind}`,
  'an answer behind a 204': `HTTP/1.1 204 No Content\r\n\r\n${behind}`,
  'a 204 with a length': `HTTP/1.1 204 No Content\r\ncontent-length: ${behind.length}\r\n\r\n${behind}`,
  'a 304 with a length': `HTTP/1.1 304 Not Modified\r\ncontent-length: ${behind.length}\r\n\r\n${behind}`,
  'length and chunks': `${head}${length}${te}\r\n${chunks}${behind}`,
  'chunks and a length of 0': `${head}${te}content-length: 0\r\n\r\n${chunks}${behind}`,
  'two lengths': `${head}content-length: 0\r\n${length}\r\n${body}${behind}`,
  'a list of lengths': `${head}content-length: 0, ${body.length}\r\n\r\n${body}${behind}`,
  'a signed length': `${head}content-length: +${body.length}\r\n\r\n${body}${behind}`,
  'a coding that is nearly chunked': `${head}transfer-encoding: xchunked\r\n\r\n${chunks}${behind}`,
  'a coding before chunked': `${head}transfer-encoding: gzip, chunked\r\n\r\n${chunks}${behind}`,
  'chunked twice': `${head}${te}${te}\r\n${chunks}${behind}`,
  'a vertical tab before chunked': `${head}transfer-encoding:\x0bchunked\r\n${length}\r\n${body}${behind}`,
  'a blank before the colon': `${head}content-length : 0\r\n\r\n${body}${behind}`,
  'a folded coding': `${head}transfer-encoding:\r\n chunked\r\n\r\n${chunks}${behind}`,
  'LF after a header': `${head}x: y\n${length}\r\n${body}${behind}`,
  'CR in a header': `${head}x: y\r${te}\r\n${body}${behind}`,
  'NUL in a header': `${head}x: y\0\r\n${length}\r\n${body}${behind}`,
  'LF LF before the body': `${head}content-length: 0\n\n${behind}`,
  'a size with 0x': `${head}${te}\r\n0x${chunks}${behind}`,
  'a size with a blank': `${head}${te}\r\n${size} \r\n${body}\r\n0\r\n\r\n${behind}`,
  'LF after a chunk': `${head}${te}\r\n${size}\r\n${body}\n0\r\n\r\n${behind}`,
  'a size that wraps': `${head}${te}\r\n1${size.padStart(16, '0')}\r\n${body}\r\n0\r\n\r\n${behind}`,
  'an extension with LF': `${head}${te}\r\n${size};a\nx\r\n${body}\r\n0\r\n\r\n${behind}`,
  'a length in the trailer': `${head}${te}\r\n${size}\r\n${body}\r\n0\r\ncontent-length: 5\r\n\r\n${behind}`,
  'an answer as trailer': `${head}${te}\r\n${size}\r\n${body}\r\n0\r\n${behind}`,
  'an interim answer with a body': `HTTP/1.1 100 Continue\r\ncontent-length: ${behind.length}\r\n\r\n${behind}`,
  'a change of protocol': `HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n${behind}`,
  'many interim answers': 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50) + behind,
  'HTTP/1.0 in chunks': `HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n${te}\r\n${chunks}${behind}`,
  'an empty line before the status': `\r\n\r\n${behind}`,
  'no status line': `${poisoned}\r\n${behind}`,
  'two answers in one head': `${head}HTTP/1.1 200 OK\r\n${length}\r\n${body}${behind}`,
}
