/**
 * Requests by which attackers hide one request in another, by class: ideas of public lists (CL.TE, TE.CL, TE.TE, 0.CL,
 * CL.0, expectations, folding, bare line ends, chunk sizes and extensions, targets), each written anew. `mark` is in
 * the open request, `smuggled-` and the mark in the one that some reader would find behind it.
 */
import { type FamilySize, type OddLine, oddLines } from './smuggling-families.ts'

const hidden = 'smuggled-_______'

/**
 * What may become of it. `refused`: nothing goes on, and nothing is answered well; `one`: the open request may go on,
 * the hidden one not; `two`: they are two by anyone's reading.
 */
export type Verdict = 'refused' | 'one' | 'two'

export interface Smuggling {
  readonly kind: string
  readonly name: string
  readonly verdict: Verdict
  /** `mark`: of seven letters. */
  readonly bytes: (mark: string) => string
}

const path = '/v1/chat/completions'
const call = (text: string): string => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }] })
const chunked = (text: string, end = '0\r\n\r\n'): string => `${text.length.toString(16)}\r\n${text}\r\n${end}`
const json = 'content-type: application/json'

function post(lines: readonly string[], body: string, first = `POST ${path} HTTP/1.1`): string {
  return [first, 'host: a', json, ...lines, '', body].join('\r\n')
}

/** The request behind. */
const behind = post([`content-length: ${call(hidden).length}`], call(hidden))
const te = 'transfer-encoding: chunked'
const length = (text: string): string => `content-length: ${text.length}`

/** The open request in chunks, with lines of its head that make it doubtful. */
const inChunks = (lines: (body: string) => string[]) => (mark: string) => {
  const body = chunked(call(mark)) + behind
  return post(lines(body), body)
}
/** The open request by its length, with doubtful lines. */
const byLength = (lines: (body: string) => string[]) => (mark: string) => {
  const body = call(mark)
  return post(lines(body), body + behind)
}
/** In chunks that are not as they should be. */
const oddChunks = (odd: (text: string) => string) => (mark: string) => post([te], odd(call(mark)) + behind)
/** A line that breaks a rule, in a request that is whole without it. */
const oddLine = (line: string) => (mark: string) => post([line, length(call(mark))], call(mark))
const first = (line: string) => (mark: string) => post([length(call(mark))], call(mark), line)

type Row = readonly [name: string, verdict: Verdict, bytes: (mark: string) => string]

const classes: Readonly<Record<string, readonly Row[]>> = {
  'length and chunks': [
    ['length, then chunks', 'refused', inChunks((body) => [length(body), te])],
    ['chunks, then length', 'refused', inChunks((body) => [te, length(body)])],
    ['length of the open request, and chunks', 'refused', byLength((body) => [length(body), te])],
    ['length 0, and chunks', 'refused', inChunks(() => ['content-length: 0', te])],
    ['length, and another coding', 'refused', byLength((body) => [length(body), 'transfer-encoding: identity'])],
    ['length, and an empty coding', 'refused', byLength((body) => [length(body), 'transfer-encoding:'])],
    ['a coding that ends in chunked', 'refused', inChunks(() => ['transfer-encoding: xchunked'])],
    ['chunked before another', 'refused', inChunks(() => ['transfer-encoding: chunked, identity'])],
    ['another before chunked', 'refused', inChunks(() => ['transfer-encoding: gzip, chunked'])],
    ['chunked twice', 'refused', inChunks(() => [te, te])],
    ['chunked twice in a line', 'refused', inChunks(() => ['transfer-encoding: chunked, chunked'])],
    ['chunked, then identity', 'refused', inChunks(() => [te, 'transfer-encoding: identity'])],
    ['identity, then chunked', 'refused', inChunks(() => ['transfer-encoding: identity', te])],
    ['chunked in quotes', 'refused', inChunks(() => ['transfer-encoding: "chunked"'])],
    ['chunked with a parameter', 'refused', inChunks(() => ['transfer-encoding: chunked;q=1'])],
    ['chunked behind a comma', 'refused', inChunks(() => ['transfer-encoding: ,chunked'])],
    ['chunked before a comma', 'refused', inChunks(() => ['transfer-encoding: chunked,'])],
    ['chunks in HTTP/1.0', 'refused', (mark) => post([te], chunked(call(mark)) + behind, `POST ${path} HTTP/1.0`)],
  ],
  lengths: [
    ['two', 'refused', byLength((body) => [length(body), length(body + behind)])],
    ['the same twice', 'refused', byLength((body) => [length(body), length(body)])],
    ['a list', 'refused', byLength((body) => [`${length(body)}, ${body.length}`])],
    ['a sign', 'refused', byLength((body) => [`content-length: +${body.length}`])],
    ['negative', 'refused', byLength(() => ['content-length: -1'])],
    ['hexadecimal', 'refused', byLength((body) => [`content-length: 0x${body.length.toString(16)}`])],
    ['with a decimal', 'refused', byLength((body) => [`${length(body)}.0`])],
    ['with an exponent', 'refused', byLength((body) => [`${length(body)}e0`])],
    ['with an underscore', 'refused', byLength(() => ['content-length: 5_0'])],
    ['empty', 'refused', byLength(() => ['content-length:'])],
    ['words', 'refused', byLength(() => ['content-length: many'])],
    ['two numbers', 'refused', byLength((body) => [`${length(body)} 5`])],
    ['beyond 64 bits', 'refused', byLength(() => ['content-length: 18446744073709551666'])],
    ['in quotes', 'refused', byLength((body) => [`content-length: "${body.length}"`])],
    ['with zeros before it', 'two', byLength((body) => [`content-length: 000${body.length}`])],
    ['none, though there is a body', 'one', (mark) => post([], call(mark))],
    ['none on a list, and a call behind it', 'two', () => `GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n${behind}`],
    [
      'a body of a list (CL.0)',
      'one',
      () => `GET /v1/models HTTP/1.1\r\nhost: a\r\n${length(behind)}\r\n\r\n${behind}`,
    ],
    ['of 0 (0.CL)', 'two', () => post(['content-length: 0'], '') + behind],
  ],
  'names of headers': [
    ['a blank before the colon', 'refused', byLength((body) => [`content-length : ${body.length}`])],
    ['a tab before the colon', 'refused', inChunks(() => ['transfer-encoding\t: chunked'])],
    ['a blank before the name', 'refused', inChunks(() => [' transfer-encoding: chunked'])],
    ['a blank within', 'refused', inChunks(() => ['transfer encoding: chunked'])],
    ['no name', 'refused', oddLine(': chunked')],
    ['no colon', 'refused', oddLine('transfer-encoding')],
    ['an underscore for the dash', 'two', byLength((body) => ['transfer_encoding: chunked', length(body)])],
    ['NUL in the name', 'refused', oddLine('x\0y: 1')],
    ['NUL in the value', 'refused', oddLine('x: 1\x002')],
    ['a bell in the value', 'refused', oddLine('x: \x07')],
    ['letters beyond ASCII in the name', 'refused', oddLine('tränsfer: chunked')],
    ['a folded value', 'refused', inChunks(() => ['transfer-encoding:\r\n chunked'])],
    ['a folded header', 'refused', oddLine('x: 1\r\n\ttransfer-encoding: chunked')],
    [
      'a folded first line',
      'refused',
      (mark) => `POST ${path} HTTP/1.1\r\n host: a\r\n${length(call(mark))}\r\n\r\n${call(mark)}`,
    ],
    ['Host twice', 'refused', oddLine('host: b')],
    ['Host twice, the same', 'refused', oddLine('Host: a')],
    ['a line that is connection-specific', 'one', oddLine('connection: content-length')],
    ['the length called hop-by-hop', 'one', oddLine('connection: keep-alive, content-length, host')],
    ['another name for the method', 'one', oddLine('x-http-method-override: GET')],
    ['another target', 'one', oddLine('x-original-url: /admin')],
  ],
  'ends of lines': [
    ['LF for all', 'refused', (mark) => post([length(call(mark))], call(mark)).replaceAll('\r\n', '\n')],
    ['LF after a header', 'refused', oddLine('x: 1\ntransfer-encoding: chunked')],
    ['CR after a header', 'refused', oddLine('x: 1\rtransfer-encoding: chunked')],
    ['CR CR LF', 'refused', oddLine('x: 1\r\r\ntransfer-encoding: chunked')],
    [
      'LF LF before the body',
      'refused',
      (mark) => `POST ${path} HTTP/1.1\r\nhost: a\r\n${length(call(mark))}\n\n${call(mark)}`,
    ],
    [
      'LF CR LF before the body',
      'refused',
      (mark) => `POST ${path} HTTP/1.1\r\nhost: a\r\n${length(call(mark))}\n\r\n${call(mark)}`,
    ],
    [
      'CR alone before the body',
      'refused',
      (mark) => `POST ${path} HTTP/1.1\r\nhost: a\r\n${length(call(mark))}\r\r${call(mark)}`,
    ],
    ['an empty line before the request', 'one', (mark) => `\r\n${post([length(call(mark))], call(mark))}`],
    ['a vertical tab', 'refused', oddLine('x: 1\x0btransfer-encoding: chunked')],
    ['a form feed', 'refused', oddLine('x: 1\x0ctransfer-encoding: chunked')],
    ['a line end of ISO 8859', 'one', oddLine('x: 1\x85transfer-encoding: chunked')],
  ],
  chunks: [
    ['as they should be, and a call behind', 'two', oddChunks((text) => chunked(text))],
    ['a size with 0x', 'refused', oddChunks((text) => `0x${chunked(text)}`)],
    ['a size with a sign', 'refused', oddChunks((text) => `+${chunked(text)}`)],
    ['a negative size', 'refused', oddChunks((text) => `-${chunked(text)}`)],
    ['a size with an underscore', 'refused', oddChunks((text) => `0_${chunked(text)}`)],
    ['a blank before the size', 'refused', oddChunks((text) => ` ${chunked(text)}`)],
    ['a blank after the size', 'one', oddChunks((text) => chunked(text).replace('\r\n', ' \r\n'))],
    ['a tab after the size', 'one', oddChunks((text) => chunked(text).replace('\r\n', '\t\r\n'))],
    ['a size of 17 digits', 'refused', oddChunks((text) => `1${'0'.repeat(16)}\r\n${text}`)],
    [
      'a size beyond 32 bits that wraps to the right one',
      'one',
      oddChunks((text) => `1${text.length.toString(16).padStart(8, '0')}\r\n${text}\r\n0\r\n\r\n`),
    ],
    ['LF after the size', 'refused', oddChunks((text) => chunked(text).replace('\r\n', '\n'))],
    ['CR after the size', 'refused', oddChunks((text) => chunked(text).replace('\r\n', '\r'))],
    ['LF after a chunk', 'refused', oddChunks((text) => chunked(text, '').slice(0, -2) + '\n0\r\n\r\n')],
    ['nothing after a chunk', 'refused', oddChunks((text) => chunked(text, '').slice(0, -2) + '0\r\n\r\n')],
    ['any two bytes after a chunk', 'refused', oddChunks((text) => chunked(text, '').slice(0, -2) + 'XX0\r\n\r\n')],
    ['a chunk that is longer than its size', 'refused', oddChunks((text) => chunked(text).replace(text, `${text}}`))],
    ['LF at the end', 'refused', oddChunks((text) => chunked(text, '0\r\n\n'))],
    ['LF after the last size', 'refused', oddChunks((text) => chunked(text, '0\n\r\n'))],
    ['LF LF at the end', 'refused', oddChunks((text) => chunked(text, '0\n\n'))],
    ['an extension with LF', 'refused', oddChunks((text) => chunked(text).replace('\r\n', ';a\nx\r\n'))],
    ['an extension with CR', 'refused', oddChunks((text) => chunked(text).replace('\r\n', ';a\rx\r\n'))],
    ['an extension that hides a chunk', 'refused', oddChunks((text) => `2;\n00\r\n${text}\r\n0\r\n\r\n`)],
    ['an extension with NUL', 'one', oddChunks((text) => chunked(text).replace('\r\n', ';a=\0\r\n'))],
    ['an extension as it should be', 'two', oddChunks((text) => chunked(text).replace('\r\n', ';a=b\r\n'))],
    [
      'an extension of 20 KB',
      'refused',
      oddChunks((text) => chunked(text).replace('\r\n', `;${'a'.repeat(20_000)}\r\n`)),
    ],
    [
      'many small extensions, 40 KB',
      'two',
      oddChunks(
        (text) => `${Array.from({ length: 40 }, () => `1;${'a'.repeat(1000)}\r\n \r\n`).join('')}${chunked(text)}`,
      ),
    ],
    ['several last chunks', 'one', oddChunks((text) => chunked(text, '0\r\n\r\n0\r\n\r\n'))],
    ['a size of many zeros at the end', 'two', oddChunks((text) => chunked(text, '00000\r\n\r\n'))],
    ['a length in the trailer', 'refused', oddChunks((text) => chunked(text, '0\r\ncontent-length: 5\r\n\r\n'))],
    [
      'a coding in the trailer',
      'refused',
      oddChunks((text) => chunked(text, '0\r\ntransfer-encoding: chunked\r\n\r\n')),
    ],
    ['a Host in the trailer', 'two', oddChunks((text) => chunked(text, '0\r\nhost: evil\r\n\r\n'))],
    ['a request as trailer', 'refused', (mark) => post([te], `${chunked(call(mark), '0\r\n')}${behind}`)],
    ['a trailer with LF', 'refused', oddChunks((text) => chunked(text, '0\r\nx: 1\n\r\n'))],
    ['a trailer of 40 KB', 'refused', oddChunks((text) => chunked(text, `0\r\n${'x: y\r\n'.repeat(8000)}\r\n`))],
  ],
  'first lines': [
    ['no version', 'refused', first(`POST ${path}`)],
    ['HTTP/0.9', 'refused', first(`POST ${path} HTTP/0.9`)],
    ['HTTP/1.2', 'refused', first(`POST ${path} HTTP/1.2`)],
    ['HTTP/2.0', 'refused', first(`POST ${path} HTTP/2.0`)],
    ['HTTP/1.10', 'refused', first(`POST ${path} HTTP/1.10`)],
    ['http/1.1', 'refused', first(`POST ${path} http/1.1`)],
    ['HTTP/1,1', 'refused', first(`POST ${path} HTTP/1,1`)],
    ['HTTP/01.1', 'refused', first(`POST ${path} HTTP/01.1`)],
    ['words after the version', 'refused', first(`POST ${path} HTTP/1.1 x`)],
    ['a version within the target', 'refused', first(`POST ${path} HTTP/1.1 HTTP/1.1`)],
    // RFC 9112, section 3, lets a reader take any run of blanks for one.
    ['two blanks', 'one', first(`POST  ${path} HTTP/1.1`)],
    ['a tab', 'refused', first(`POST\t${path} HTTP/1.1`)],
    ['a vertical tab', 'refused', first(`POST\x0b${path} HTTP/1.1`)],
    ['a blank before the version, twice', 'one', first(`POST ${path}  HTTP/1.1`)],
    ['a blank at the beginning', 'refused', first(` POST ${path} HTTP/1.1`)],
    ['NUL in the target', 'refused', first(`POST ${path}\0 HTTP/1.1`)],
    ['CR in the target', 'refused', first(`POST ${path}\rx HTTP/1.1`)],
    ['bytes beyond ASCII in the target', 'refused', first(`POST ${path}\xff HTTP/1.1`)],
    ['a method in lower case', 'refused', first(`post ${path} HTTP/1.1`)],
    ['a method that nobody knows', 'refused', first(`SMUGGLE ${path} HTTP/1.1`)],
    ['a target in absolute form', 'refused', first(`POST http://a${path} HTTP/1.1`)],
    ['an absolute target of another host', 'refused', first(`POST http://b${path} HTTP/1.1`)],
    ['an absolute target of no scheme that is known', 'refused', first(`POST x://a${path} HTTP/1.1`)],
    ['a target with a user', 'refused', first(`POST http://a@b${path} HTTP/1.1`)],
    ['a target without a slash', 'refused', first(`POST ${path.slice(1)} HTTP/1.1`)],
    ['two slashes', 'refused', first(`POST /${path} HTTP/1.1`)],
    ['a fragment', 'refused', first(`POST ${path}#x HTTP/1.1`)],
    ['dots', 'refused', first(`POST /v1/x/../chat/completions HTTP/1.1`)],
    ['dots, encoded', 'refused', first(`POST /v1/x/%2e%2e/chat/completions HTTP/1.1`)],
    ['an asterisk', 'refused', first('POST * HTTP/1.1')],
    [
      'a tunnel',
      'refused',
      (mark) => `CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n${post([length(call(mark))], call(mark))}`,
    ],
    ['no Host', 'refused', (mark) => `POST ${path} HTTP/1.1\r\n${json}\r\n${length(call(mark))}\r\n\r\n${call(mark)}`],
    ['the preface of HTTP/2, and a call', 'refused', () => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${behind}`],
  ],
  expectations: [
    ['100-continue, and the body at once', 'one', oddLine('expect: 100-continue')],
    ['100-continue with chunks and length', 'refused', inChunks((body) => ['expect: 100-continue', length(body), te])],
    ['100-continue twice', 'refused', oddLine('expect: 100-continue\r\nexpect: 100-continue')],
    ['another', 'refused', oddLine('expect: y 100-continue')],
    ['with a folded value', 'refused', oddLine('expect:\r\n 100-continue')],
    ['with words around it', 'refused', oddLine('expect: y100-continue')],
    [
      'on a list with a body (0.CL)',
      'one',
      () => `GET /v1/models HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n${length(behind)}\r\n\r\n${behind}`,
    ],
    ['refused, and the body read as a request', 'refused', () => post(['expect: magic', length(behind)], behind)],
    [
      'refused for its path, with a body behind',
      'refused',
      () => post(['expect: 100-continue', length(behind)], behind, 'POST /nowhere HTTP/1.1'),
    ],
  ],
  'changes of protocol': [
    [
      'h2c, with a body',
      'two',
      byLength((body) => [
        'connection: upgrade, http2-settings',
        'upgrade: h2c',
        'http2-settings: AAMAAABk',
        length(body),
      ]),
    ],
    [
      'websocket, and a call behind',
      'one',
      (mark) => `GET /v1/models?${mark} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
    ],
  ],
}

/** Everything above, then each way to write the coding oddly, once with a length and a body that is whole. */
export function allSmugglings(size: FamilySize): Smuggling[] {
  const listed = Object.entries(classes).flatMap(([kind, rows]) =>
    rows.map(([name, verdict, bytes]) => ({ kind, name, verdict, bytes })),
  )
  const marked = ({ bytes, ...rest }: Smuggling): Smuggling => ({
    ...rest,
    bytes: (mark) => bytes(mark).replaceAll(hidden, `smuggled-${mark}`),
  })
  return [...listed, ...oddLines(size).flatMap(bothWays)].map(marked)
}

function bothWays({ family, name, line }: OddLine): Smuggling[] {
  const verdict: Verdict = isHarmless(line) ? 'one' : 'refused'
  return [
    { kind: family, name: `${name}, by length`, verdict, bytes: byOwnLength(line) },
    { kind: family, name: `${name}, in chunks`, verdict, bytes: inChunks((body) => [length(body), line]) },
  ]
}

/** Without a request behind it: what is read by its length is whole. */
const byOwnLength = (line: string) => (mark: string) => post([length(call(mark)), line], call(mark))

/** By the rules it is headers of other names: who refuses it is only careful. */
function isHarmless(line: string): boolean {
  return line
    .split('\r\n')
    .every(
      (each) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*$/.test(each) && !/^transfer-encoding:/i.test(each),
    )
}
