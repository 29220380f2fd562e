/**
 * GET with `live=sse`: what a stream has and what comes, as server-sent events. Each data event is followed by a
 * control event that says where the reader stands. A slow reader is not written to: it gets the next piece when it has
 * taken the last one, so it holds one piece of memory and its own place, and slows nobody.
 */
import type { ServerResponse } from 'node:http'
import type { Position, Slice, StreamInfo } from '../../store/stream-store.ts'
import { formatOffset, nextCursor } from './offset.ts'
import { pieceBytesMax, writePatiently } from './patient-write.ts'
import { type Readable, sliceOf } from './readable.ts'
import { brokenTail, fromRecords, isJson, isText } from './records.ts'
import type { StreamDesk, StreamVisit } from './stream-desk.ts'
import { restMs, type Waiter } from './waiter.ts'

const heartbeat = ': \n\n'

export async function followStream(
  desk: StreamDesk,
  visit: StreamVisit,
  stream: Readable,
  from: Position,
): Promise<void> {
  using waiter = desk.waiters.open(stream, visit.answer.response)
  await new Follower(desk, visit, stream, waiter).run(from)
}

class Follower {
  #desk: StreamDesk
  #visit: StreamVisit
  #stream: Readable
  #waiter: Waiter
  #response: ServerResponse
  #untilMs: number

  constructor(desk: StreamDesk, visit: StreamVisit, stream: Readable, waiter: Waiter) {
    this.#desk = desk
    this.#visit = visit
    this.#stream = stream
    this.#waiter = waiter
    this.#response = visit.answer.response
    const { clock, random, options } = desk
    // Not all at once: readers who came together would come back together for ever.
    this.#untilMs = clock.monotonicMs() + options.sseMs * (0.9 + 0.2 * random.unit())
  }

  async run(from: Position): Promise<void> {
    let at = from
    let slice = await this.#read(at, false)
    this.#begin(slice.info)
    for (let isFirst = true; ; isFirst = false) {
      const { info, records } = wholeText(slice)
      const end = records.at(-1)?.end ?? at
      if (isFirst || records.length > 0 || info.isClosed) {
        const text = `${dataEvent(records, info)}${this.#control(info, end)}`
        if (!(await this.#write(text))) return
        at = end
      }
      const isAtTail = end.no === info.tail.no
      if ((isAtTail && info.isClosed) || this.#isOver) break
      const mustWait = isAtTail || records.length === 0
      if (mustWait) await this.#rest(info)
      if (this.#isOver) break
      slice = await this.#read(at, mustWait)
    }
    this.#response.end()
  }

  get #isOver(): boolean {
    return this.#waiter.isStopped || this.#desk.clock.monotonicMs() >= this.#untilMs
  }

  #read(at: Position, isWoken: boolean): Promise<Slice> {
    return sliceOf(this.#stream, at, pieceBytesMax, isWoken)
  }

  #begin(info: StreamInfo): void {
    this.#visit.answer.begin(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'stream-sse-data-encoding': isText(info.contentType) ? undefined : 'base64',
    })
    this.#response.flushHeaders()
  }

  /** Where the reader stands; every one names a cursor but the last. */
  #control(info: StreamInfo, end: Position): string {
    const { clock, random } = this.#desk
    const isAtTail = end.no === info.tail.no
    const isEnd = isAtTail && info.isClosed
    const control = {
      streamNextOffset: formatOffset(end),
      streamCursor: isEnd ? undefined : nextCursor(this.#visit.query.get('cursor'), clock.nowMs(), random),
      upToDate: isAtTail ? true : undefined,
      streamClosed: isEnd ? true : undefined,
    }
    return `event: control\ndata:${JSON.stringify(control)}\n\n`
  }

  /** Until there is news. Meanwhile the line is kept open, and the stream from expiring. */
  async #rest(info: StreamInfo): Promise<void> {
    const { clock, options } = this.#desk
    const beganMs = clock.monotonicMs()
    const heartbeatMs = Math.min(options.heartbeatMs, restMs(info), this.#untilMs - beganMs)
    await this.#waiter.next(heartbeatMs)
    if (info.ttlSeconds !== null) this.#stream.touch()
    if (!this.#isOver && clock.monotonicMs() - beganMs >= heartbeatMs) await this.#write(heartbeat)
  }

  /** Resolves when the reader has room for more; false when it took nothing for too long, or has left. */
  async #write(text: string): Promise<boolean> {
    const { readerPurse } = this.#desk
    const response = this.#response
    if (response.destroyed) return false
    const bytes = Buffer.byteLength(text)
    try {
      readerPurse.take(bytes)
    } catch {
      // It comes back at its place when there is room again; so do the others whose turn it is not.
      response.end()
      return false
    }
    try {
      return await writePatiently(response, text, this.#desk)
    } finally {
      readerPurse.give(bytes)
    }
  }
}

/** The records of a text up to the last whole character; the rest waits for what completes it, or for the end. */
function wholeText(slice: Slice): Slice {
  const { info, records } = slice
  const last = records.at(-1)
  if (!last || isJson(info.contentType) || !isText(info.contentType)) return slice
  if (info.isClosed && last.end.no === info.tail.no) return slice
  const text = Buffer.concat(records.map(({ data }) => data))
  let length = text.length
  let count = records.length
  for (; count > 0 && brokenTail(text, length) > 0; count--) length -= records[count - 1]?.data.length ?? 0
  const isStuck = count === 0 && last.end.no < info.tail.no
  return count === records.length || isStuck ? slice : { info, records: records.slice(0, count) }
}

/** Texts of what many readers get: woken together, they hold one and the same slice. */
const dataEvents = new WeakMap<Slice['records'], string>()

function dataEvent(records: Slice['records'], info: StreamInfo): string {
  if (records.length === 0) return ''
  const text = dataEvents.get(records) ?? renderData(records, info)
  dataEvents.set(records, text)
  return text
}

function renderData(records: Slice['records'], { contentType }: StreamInfo): string {
  const body = fromRecords(records, contentType)
  const text = isText(contentType) ? body.toString() : body.toString('base64')
  // Every line end of the text begins a new data line, so that no text can forge an event.
  return `event: data\n${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data:${line}\n`)
    .join('')}\n`
}
