/** Durable streams in memory: for tests, and for gateways that need not remember. Dies with its process. */
import type { Clock, Timer } from '../ground/clock.ts'
import { MemoryNotes } from './memory-notes.ts'
import { costBytes, deadlineMs, isSameMaking, judgeAppend, mediaType, type ProducerState } from './stream-rules.ts'
import {
  type Absence,
  type Append,
  type Appended,
  type Created,
  type CreateRefusal,
  type ForkOrigin,
  forkDepthMax,
  type NewStream,
  type Position,
  producerIdleMs,
  type ProducerStamp,
  type Slice,
  startPosition,
  type StreamInfo,
  type StreamStore,
} from './stream-store.ts'
import type { StreamStoreOptions } from './stream-store-options.ts'
import { StreamWatchers } from './stream-watchers.ts'

const sweepPeriodMs = 15_000

interface Kept {
  readonly data: Buffer
  readonly end: Position
}

/** One stream; also what is asked when it is judged (`WriterState`, `Making`). */
class MemoryStream {
  readonly id: number
  readonly key: string
  readonly contentType: string
  readonly ttlSeconds: number | null
  readonly expiresAt: string | null
  readonly inheritsTime: boolean
  readonly source: MemoryStream | null
  readonly forkAt: Position | null
  readonly subOffset: number
  /** Its own; those before `forkAt` are the source's. */
  readonly records: Kept[] = []
  readonly producers = new Map<string, ProducerState & { usedMs: number }>()
  tail: Position
  isClosed = false
  closedBy: ProducerStamp | null = null
  writerSeq: string | null = null
  deadlineMs: number | null
  isGone = false
  forkCount = 0
  costBytes = 0

  constructor(id: number, key: string, asked: NewStream, source: MemoryStream | null, nowMs: number) {
    const { fork, ttlSeconds, expiresAt } = asked
    this.id = id
    this.key = key
    this.contentType = asked.contentType ?? source?.contentType ?? ''
    this.inheritsTime = source !== null && ttlSeconds === null && expiresAt === null
    this.ttlSeconds = this.inheritsTime ? (source?.ttlSeconds ?? null) : ttlSeconds
    this.expiresAt = this.inheritsTime ? (source?.expiresAt ?? null) : expiresAt
    this.source = source
    this.forkAt = source && (fork?.at ?? source.tail)
    this.subOffset = fork?.subOffset ?? 0
    this.tail = this.forkAt ?? startPosition
    this.deadlineMs = deadlineMs(this.ttlSeconds, this.expiresAt, nowMs)
  }

  get sourceKey(): string | null {
    return this.source?.key ?? null
  }

  get depth(): number {
    return this.source ? this.source.depth + 1 : 0
  }

  get info(): StreamInfo {
    const { id, contentType, ttlSeconds, expiresAt, tail, isClosed } = this
    return { id, contentType, ttlSeconds, expiresAt, tail, isClosed }
  }

  add(records: readonly Buffer[]): void {
    for (const data of records) {
      this.tail = { no: this.tail.no + 1, bytes: this.tail.bytes + data.length }
      // A copy: what came from the network may hold on to a much larger buffer.
      this.records.push({ data: Buffer.from(data), end: this.tail })
    }
  }

  /** The record of this number, of its own or of a source. */
  record(no: number): Kept | undefined {
    if (this.forkAt && no < this.forkAt.no) return this.source?.record(no)
    return this.records[no - (this.forkAt?.no ?? 0)]
  }

  has({ no, bytes }: Position): boolean {
    return no === 0 ? bytes === 0 : no <= this.tail.no && this.record(no - 1)?.end.bytes === bytes
  }
}

export class MemoryStreams implements StreamStore {
  readonly engine = 'memory'
  readonly notes = new MemoryNotes()
  #clock: Clock
  #options: StreamStoreOptions
  #streams = new Map<string, MemoryStream>()
  #watchers = new StreamWatchers()
  #nextId: number
  #bytes = 0
  #sweeper: Timer

  constructor(clock: Clock, options: StreamStoreOptions) {
    this.#clock = clock
    this.#options = options
    // So that a stream is not taken for one of an earlier life of this process.
    this.#nextId = clock.nowMs()
    this.#sweeper = clock.every(sweepPeriodMs, () => this.#sweep())
  }

  create(key: string, asked: NewStream): Promise<Created> {
    const found = this.#find(key)
    if (found) {
      if (found.isGone) return refuse('gone')
      return isSameMaking(found, asked) ? Promise.resolve({ kind: 'exists', info: found.info }) : refuse('differs')
    }
    const source = asked.fork ? (this.#find(asked.fork.source) ?? null) : null
    const refusal = asked.fork && judgeFork(source, asked.fork, asked.contentType)
    if (refusal) return refuse(refusal)
    const records = [...(asked.fork?.prefix ?? []), ...asked.records]
    const cost = costBytes(records)
    if (cost > this.#options.streamBytesMax) return refuse('stream-full')
    if (this.#bytes + cost > this.#options.totalBytesMax || this.#streams.size >= this.#options.streamsMax)
      return refuse('store-full')
    const stream = new MemoryStream(this.#nextId++, key, asked, source, this.#clock.nowMs())
    if (source) source.forkCount++
    this.#streams.set(key, stream)
    this.#keep(stream, records, cost)
    stream.isClosed = asked.isClosed
    this.#watchers.wake(key)
    return Promise.resolve({ kind: 'created', info: stream.info })
  }

  append(key: string, append: Append): Promise<Appended> {
    const stream = this.#find(key)
    if (!stream || stream.isGone) return Promise.resolve({ kind: stream ? 'gone' : 'missing' })
    const producer = append.producer ? (stream.producers.get(append.producer.id) ?? null) : null
    const verdict = judgeAppend(stream, producer, append)
    const { epoch = null, seq = null } = append.producer ?? {}
    if (verdict !== 'accept') {
      if (verdict.kind !== 'duplicate') return Promise.resolve(verdict)
      this.touch(key)
      return Promise.resolve({ kind: 'duplicate', info: stream.info, epoch, seq: verdict.seq })
    }
    const cost = costBytes(append.records)
    if (cost > 0 && stream.costBytes + cost > this.#options.streamBytesMax)
      return Promise.resolve({ kind: 'stream-full' })
    if (cost > 0 && this.#bytes + cost > this.#options.totalBytesMax) return Promise.resolve({ kind: 'store-full' })
    if (append.producer && !this.#admit(stream, append.producer)) return Promise.resolve({ kind: 'too-many-producers' })
    this.#keep(stream, append.records, cost)
    if (append.writerSeq !== null) stream.writerSeq = append.writerSeq
    if (append.closes) {
      stream.isClosed = true
      stream.closedBy = append.producer
    }
    this.touch(key)
    this.#watchers.wake(key)
    return Promise.resolve({ kind: 'appended', info: stream.info, epoch, seq })
  }

  look(key: string): Promise<StreamInfo | Absence> {
    const stream = this.#find(key)
    return Promise.resolve(stream ? (stream.isGone ? 'gone' : stream.info) : 'missing')
  }

  read(key: string, from: Position, bytesMax: number): Promise<Slice | Absence | 'misplaced'> {
    const stream = this.#find(key)
    if (!stream || stream.isGone) return Promise.resolve(stream ? 'gone' : 'missing')
    if (!stream.has(from)) return Promise.resolve('misplaced')
    const records: Kept[] = []
    let size = 0
    for (let no = from.no; no < stream.tail.no; no++) {
      const record = stream.record(no) as Kept
      size += record.data.length
      if (records.length > 0 && size > bytesMax) break
      records.push(record)
    }
    return Promise.resolve({ info: stream.info, records })
  }

  touch(key: string): void {
    const stream = this.#streams.get(key)
    if (stream && stream.ttlSeconds !== null) stream.deadlineMs = this.#clock.nowMs() + stream.ttlSeconds * 1000
  }

  remove(key: string): Promise<'removed' | Absence> {
    const stream = this.#find(key)
    if (!stream || stream.isGone) return Promise.resolve(stream ? 'gone' : 'missing')
    this.#forget(stream)
    this.#watchers.wake(key)
    return Promise.resolve('removed')
  }

  list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    const keys = [...this.#streams.keys()].filter((key) => key.startsWith(prefix) && key > after)
    return Promise.resolve(keys.sort().slice(0, countMax))
  }

  watch(key: string, listener: () => void): Disposable {
    return this.#watchers.add(key, listener)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sweeper.cancel()
    return Promise.resolve()
  }

  /** What is there now; an expired one is not, unless forks need it. */
  #find(key: string): MemoryStream | undefined {
    const stream = this.#streams.get(key)
    if (!stream || stream.isGone || stream.deadlineMs === null || this.#clock.nowMs() < stream.deadlineMs) return stream
    this.#forget(stream)
    return this.#streams.get(key)
  }

  #forget(stream: MemoryStream): void {
    if (stream.forkCount > 0) {
      stream.isGone = true
      return
    }
    this.#streams.delete(stream.key)
    this.#bytes -= stream.costBytes
    const { source } = stream
    if (!source) return
    source.forkCount--
    if (source.isGone) this.#forget(source)
  }

  #keep(stream: MemoryStream, records: readonly Buffer[], cost: number): void {
    stream.add(records)
    stream.costBytes += cost
    this.#bytes += cost
  }

  /** False when the stream knows too many producers, and none of them has been silent for long. */
  #admit(stream: MemoryStream, { id, epoch, seq }: ProducerStamp): boolean {
    const nowMs = this.#clock.nowMs()
    if (!stream.producers.has(id) && stream.producers.size >= this.#options.producersMax) {
      for (const [other, { usedMs }] of stream.producers) {
        if (nowMs - usedMs > producerIdleMs) stream.producers.delete(other)
      }
      if (stream.producers.size >= this.#options.producersMax) return false
    }
    stream.producers.set(id, { epoch, seq, usedMs: nowMs })
    return true
  }

  #sweep(): void {
    for (const key of [...this.#streams.keys()]) this.#find(key)
  }
}

function judgeFork(source: MemoryStream | null, fork: ForkOrigin, contentType: string | null): CreateRefusal | null {
  if (!source || (fork.sourceId !== null && fork.sourceId !== source.id)) return 'source-missing'
  if (source.isGone) return 'source-gone'
  if (contentType !== null && mediaType(contentType) !== mediaType(source.contentType)) return 'source-type'
  if (fork.at && !source.has(fork.at)) return 'source-position'
  return source.depth >= forkDepthMax ? 'too-deep' : null
}

function refuse(refusal: CreateRefusal): Promise<Created> {
  return Promise.resolve({ kind: 'refused', refusal })
}
