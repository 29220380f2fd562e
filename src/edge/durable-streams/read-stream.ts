/** GET and HEAD: what a stream has, at once or by waiting for it once (long-poll). */
import { Fault } from '../../fault/fault.ts'
import { type Position, type Slice, startPosition, type StreamInfo } from '../../store/stream-store.ts'
import { followStream } from './follow-stream.ts'
import { formatOffset, nextCursor, parseOffset, type Place } from './offset.ts'
import { endPatiently } from './patient-write.ts'
import { infoOf, type Readable, sliceOf } from './readable.ts'
import { fromRecords, isJson } from './records.ts'
import type { Headers } from './stream-answer.ts'
import { headerOf, readableOf, type StreamDesk, type StreamVisit } from './stream-desk.ts'
import { bad } from './stream-target.ts'
import { restMs } from './waiter.ts'

export async function readStream(desk: StreamDesk, visit: StreamVisit): Promise<void> {
  const { query } = visit
  const live = query.get('live')
  const place = placeOf(query)
  if ((live === 'long-poll' || live === 'sse') && place === null) throw bad(`live=${live} needs an offset`)
  const stream = await readableOf(desk, visit)
  stream.touch()
  const info = await infoOf(stream)
  const from = place === 'now' ? info.tail : (place ?? startPosition)
  if (live === 'sse') return followStream(desk, visit, stream, from)
  if (live === 'long-poll') return pollStream(desk, visit, stream, from)
  if (place === 'now') return sendNow(visit, info)
  return sendSlice(desk, visit, await sliceOf(stream, from, desk.options.readBytesMax), from)
}

export async function headStream(desk: StreamDesk, visit: StreamVisit): Promise<void> {
  const info = await infoOf(await readableOf(desk, visit))
  visit.answer.send(200, {
    'content-type': info.contentType,
    'stream-next-offset': formatOffset(info.tail),
    'stream-closed': info.isClosed ? 'true' : undefined,
    'stream-ttl': info.ttlSeconds?.toString(),
    'stream-expires-at': info.expiresAt ?? undefined,
    etag: etagOf(info, startPosition, info.tail, info.isClosed),
    'cache-control': 'no-store',
  })
}

/** Null when none was named. @throws {Fault} HF_STREAM_REQUEST */
function placeOf(query: URLSearchParams): Place | null {
  const all = query.getAll('offset')
  if (all.length > 1) throw bad('there is more than one offset')
  const [text] = all
  if (text === undefined) return null
  if (text === 'now') return 'now'
  const position = text === '-1' ? startPosition : parseOffset(text)
  if (!position) throw bad('the offset is not one of ours')
  return position
}

function sendNow({ answer }: StreamVisit, info: StreamInfo): void {
  const headers: Headers = {
    'content-type': info.contentType,
    'stream-next-offset': formatOffset(info.tail),
    'stream-up-to-date': 'true',
    'stream-closed': info.isClosed ? 'true' : undefined,
    'cache-control': 'no-store',
  }
  answer.send(200, headers, isJson(info.contentType) ? '[]' : '')
}

/** `cursor`: of a long-poll. */
async function sendSlice(
  desk: StreamDesk,
  visit: StreamVisit,
  slice: Slice,
  from: Position,
  cursor?: string,
): Promise<void> {
  const { info, records } = slice
  const end = records.at(-1)?.end ?? from
  const isAtTail = end.no === info.tail.no
  const etag = etagOf(info, from, end, isAtTail && info.isClosed)
  const headers: Headers = {
    etag,
    // Whose stream it is depends on the key. What lies before the end never changes; the end is asked for each time.
    'cache-control': isAtTail ? 'private, no-cache' : 'private, max-age=60, stale-while-revalidate=300',
    'stream-next-offset': formatOffset(end),
    'stream-up-to-date': isAtTail ? 'true' : undefined,
    'stream-closed': isAtTail && info.isClosed ? 'true' : undefined,
    'stream-cursor': cursor,
  }
  if (hasTag(headerOf(visit, 'if-none-match'), etag)) return visit.answer.send(304, headers)
  const body = fromRecords(records, info.contentType)
  takeRoom(desk, visit, body.length)
  const { response } = visit.answer
  if (response.destroyed) return
  const described = { 'content-type': info.contentType, 'content-length': String(body.length) }
  visit.answer.begin(200, { ...headers, ...described })
  await endPatiently(response, body, desk)
}

/** Until the reader has all of it, or has left. @throws {Fault} HF_STREAM_BUSY */
function takeRoom({ readerPurse }: StreamDesk, { answer }: StreamVisit, bytes: number): void {
  try {
    readerPurse.take(bytes)
  } catch (cause) {
    throw new Fault('HF_STREAM_BUSY', { detail: 'slow readers hold too much', retryAfterMs: 1000, cause })
  }
  answer.response.on('close', () => readerPurse.give(bytes))
}

async function pollStream(desk: StreamDesk, visit: StreamVisit, stream: Readable, from: Position): Promise<void> {
  const { clock, random, options } = desk
  const cursor = (): string => nextCursor(visit.query.get('cursor'), clock.nowMs(), random)
  const untilMs = clock.monotonicMs() + options.longPollMs
  using waiter = desk.waiters.open(stream, visit.answer.response)
  for (let isWoken = false; ; isWoken = true) {
    const slice = await sliceOf(stream, from, options.readBytesMax, isWoken)
    if (slice.records.length > 0) return sendSlice(desk, visit, slice, from, cursor())
    const leftMs = untilMs - clock.monotonicMs()
    if (slice.info.isClosed || leftMs <= 0 || waiter.isStopped) {
      return visit.answer.send(204, {
        'stream-next-offset': formatOffset(from),
        'stream-up-to-date': 'true',
        'stream-closed': slice.info.isClosed ? 'true' : undefined,
        'stream-cursor': cursor(),
        'cache-control': 'no-store',
      })
    }
    await waiter.next(Math.min(leftMs, restMs(slice.info)))
    if (slice.info.ttlSeconds !== null) stream.touch()
  }
}

function etagOf({ id }: StreamInfo, from: Position, end: Position, isEnd: boolean): string {
  return `"${id}:${formatOffset(from)}:${formatOffset(end)}${isEnd ? ':c' : ''}"`
}

function hasTag(asked: string | null, etag: string): boolean {
  return asked?.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*') ?? false
}
