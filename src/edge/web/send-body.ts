/** Sends what is there whole: as it is, a part of it, several, or only the word that the client has it already. */
import { Readable } from 'node:stream'
import { type ByteRange, contentRange, readRanges } from '../../cache/byte-range.ts'
import { type HeaderList, valueOf } from '../../cache/header-list.ts'
import { isKnown, isUnmet, meetsIfRange, type Validators } from '../../cache/validators.ts'
import { Fault } from '../../fault/fault.ts'
import { pump } from './pump.ts'
import { sendBytes } from './send-bytes.ts'
import type { SiteVisit } from './web.ts'

export interface Whole {
  readonly status: number
  /** Without those of length and range. */
  readonly headers: readonly string[]
  readonly bytes: number
  readonly validators: Validators
  /** False: it is sent whole, whatever range is asked for. */
  readonly hasRanges: boolean
  /** Both ends inclusive. */
  readonly read: (from: number, to: number) => Buffer | Readable
}

/** Between the pieces of an answer of several; no file of anyone's has it in it, as good as. */
const boundary = 'holdfast-part-7f3c9a1e5b8d2046'
/** They are of no use beside a 304: RFC 9110 section 15.4.5. */
const ofContent: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language'])

/** `nowMs`: wall time, to read dates by. @returns the status sent */
export function sendBody(visit: SiteVisit, asked: HeaderList, whole: Whole, nowMs: number): number {
  const { response, request } = visit
  const { status, validators, bytes } = whole
  const headers = [...visit.headers, ...whole.headers]
  if (status === 200 && isUnmet(asked, validators, nowMs)) throw new Fault('HF_CHANGED')
  if (status === 200 && isKnown(asked, validators, nowMs)) {
    response.writeHead(304, withoutContent(headers))
    response.end()
    return 304
  }
  if (whole.hasRanges) headers.push('accept-ranges', 'bytes')
  const mayCut = status === 200 && whole.hasRanges && request.method === 'GET' && meetsIfRange(asked, validators, nowMs)
  const ranges = mayCut ? readRanges(valueOf(asked, 'range'), bytes) : null
  if (ranges === 'none') {
    visit.fail(new Fault('HF_RANGE_UNKNOWN'), ['content-range', `bytes */${bytes}`])
    return 416
  }
  const [first, second] = ranges ?? []
  if (first && second) return sendPieces(visit, headers, whole, ranges as ByteRange[])
  const { from, to } = first ?? { from: 0, to: bytes - 1 }
  if (first) headers.push('content-range', contentRange(first, bytes))
  const sent = first ? 206 : status
  response.writeHead(sent, [...headers, 'content-length', String(to - from + 1)])
  if (request.method === 'HEAD' || to < from) response.end()
  else send(visit, whole.read(from, to))
  return sent
}

/** RFC 9110 section 14.6. */
function sendPieces(visit: SiteVisit, headers: readonly string[], whole: Whole, ranges: readonly ByteRange[]): number {
  const type = valueOf(headers, 'content-type')
  const heads = ranges.map((range) => {
    const kind = type === null ? '' : `content-type: ${type}\r\n`
    return Buffer.from(
      `\r\n--${boundary}\r\n${kind}content-range: ${contentRange(range, whole.bytes)}\r\n\r\n`,
      'latin1',
    )
  })
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const lengths = ranges.map(({ from, to }, i) => to - from + 1 + (heads[i]?.length ?? 0))
  const kept = without(headers, new Set(['content-type']))
  visit.response.writeHead(206, [
    ...kept,
    ...['content-type', `multipart/byteranges; boundary=${boundary}`],
    ...['content-length', String(lengths.reduce((sum, each) => sum + each, tail.length))],
  ])
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (const [i, { from, to }] of ranges.entries()) {
      yield heads[i] as Buffer
      const part = whole.read(from, to)
      if (Buffer.isBuffer(part)) yield part
      else yield* part as AsyncIterable<Buffer>
    }
    yield tail
  }
  send(visit, Readable.from(pieces(), { objectMode: false }))
  return 206
}

/** What breaks off is seen by the client: its length is told. */
function send({ response, pieces }: SiteVisit, body: Buffer | Readable): void {
  if (Buffer.isBuffer(body)) sendBytes(response, body, pieces)
  else pump(body, response)
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, i) => !names.has((headers[i - (i % 2)] ?? '').toLowerCase()))
}

function withoutContent(headers: readonly string[]): string[] {
  return without(headers, ofContent)
}
