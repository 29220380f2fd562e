/** What happens to streams within one transaction of SQLite. */
import type { Clock } from '../ground/clock.ts'
import type { RecordRow, SqliteStreamTables, StreamRow } from './sqlite-stream-tables.ts'
import { costBytes, deadlineMs, isSameMaking, judgeAppend, mediaType, type ProducerState } from './stream-rules.ts'
import {
  type Absence,
  type Append,
  type Appended,
  type Created,
  type CreateRefusal,
  forkDepthMax,
  type ForkOrigin,
  type NewStream,
  type Position,
  producerIdleMs,
  type ProducerStamp,
  startPosition,
} from './stream-store.ts'
import type { StreamStoreOptions } from './stream-store-options.ts'

/** A judgement needs an answer before anything is written: a method either writes all of it, or nothing. */
export class SqliteStreamWriter {
  /** What this transaction has changed. */
  changedKeys = new Set<string>()
  #tables: SqliteStreamTables
  #clock: Clock
  #options: StreamStoreOptions
  #streamCount = 0
  #bytes = 0
  #isTotalStale = false

  constructor(tables: SqliteStreamTables, clock: Clock, options: StreamStoreOptions) {
    this.#tables = tables
    this.#clock = clock
    this.#options = options
  }

  begin(): void {
    const total = this.#tables.get('total')
    this.#streamCount = total?.['streams'] as number
    this.#bytes = total?.['bytes'] as number
    this.#isTotalStale = false
    this.changedKeys = new Set()
  }

  end(): void {
    if (this.#isTotalStale) this.#tables.run('putTotal', this.#streamCount, this.#bytes)
  }

  create(key: string, asked: NewStream): Created {
    const found = this.#find(key)
    if (found === 'gone') return refuse('gone')
    if (found !== 'missing') return isSameMaking(found, asked) ? { kind: 'exists', info: found } : refuse('differs')
    const { fork } = asked
    const source = fork ? this.#source(fork, asked.contentType) : null
    if (typeof source === 'string') return refuse(source)
    const records = [...(fork?.prefix ?? []), ...asked.records]
    const cost = costBytes(records)
    if (cost > this.#options.streamBytesMax) return refuse('stream-full')
    if (this.#bytes + cost > this.#options.totalBytesMax || this.#streamCount >= this.#options.streamsMax)
      return refuse('store-full')
    const id = this.#insert(key, asked, source)
    if (source) this.#tables.run('countFork', 1, source.id)
    const row = this.#tables.byId(id) as StreamRow
    const tail = this.#addRecords(row, records)
    this.#tables.run('write', tail.no, tail.bytes, cost, Number(asked.isClosed), null, null, id)
    this.#count(1, cost)
    this.changedKeys.add(key)
    return { kind: 'created', info: { ...row, tail, isClosed: asked.isClosed } }
  }

  append(key: string, append: Append): Appended {
    const row = this.#find(key)
    if (typeof row === 'string') return { kind: row }
    const { producer, records, closes } = append
    const known = producer && this.#producer(row.id, producer.id)
    const verdict = judgeAppend(row, known, append)
    const { epoch = null, seq = null } = producer ?? {}
    if (verdict !== 'accept') {
      if (verdict.kind !== 'duplicate') return verdict
      this.#renew(row)
      return { kind: 'duplicate', info: row, epoch, seq: verdict.seq }
    }
    const cost = costBytes(records)
    if (cost > 0 && row.cost + cost > this.#options.streamBytesMax) return { kind: 'stream-full' }
    if (cost > 0 && this.#bytes + cost > this.#options.totalBytesMax) return { kind: 'store-full' }
    if (producer && !this.#admit(row.id, producer, known !== null)) return { kind: 'too-many-producers' }
    const tail = this.#addRecords(row, records)
    const closedBy = closes && producer ? JSON.stringify(producer) : null
    const writerSeq = append.writerSeq ?? row.writerSeq
    this.#tables.run('write', tail.no, tail.bytes, row.cost + cost, Number(closes), closedBy, writerSeq, row.id)
    this.#renew(row)
    this.#count(0, cost)
    this.changedKeys.add(key)
    return { kind: 'appended', info: { ...row, tail, isClosed: closes }, epoch, seq }
  }

  remove(key: string): 'removed' | Absence {
    const row = this.#find(key)
    if (typeof row === 'string') return row
    this.#forget(row)
    return 'removed'
  }

  /** Forgets it if it has expired. */
  expire(key: string): void {
    this.#find(key)
  }

  touch(key: string): void {
    const row = this.#find(key)
    if (typeof row !== 'string') this.#renew(row)
  }

  hasPosition(row: StreamRow, { no, bytes }: Position): boolean {
    if (no === 0) return bytes === 0
    if (no >= row.tail.no) return no === row.tail.no && bytes === row.tail.bytes
    const owner = this.#ownerOf(row, no - 1)
    return this.#tables.get('recordEnd', owner.id, no - 1)?.['end'] === bytes
  }

  /** Records of a stream from a number on, those before a fork from its sources. */
  *records(row: StreamRow, from: number): Iterable<RecordRow> {
    for (let no = from; no < row.tail.no; ) {
      const { id, to } = this.#ownerOf(row, no)
      yield* this.#tables.records(id, no, to)
      no = to
    }
  }

  /** Whose the record is, and up to where the following ones are, as far as `row` has a share in them. */
  #ownerOf(row: StreamRow, no: number): { id: number; to: number } {
    let owner = row
    let to = row.tail.no
    while (owner.forkAt && no < owner.forkAt.no) {
      to = Math.min(to, owner.forkAt.no)
      const source = this.#tables.byId(owner.sourceId ?? 0)
      if (!source) throw new Error(`the source of stream ${owner.id} is not there`)
      owner = source
    }
    return { id: owner.id, to }
  }

  /** What is there now; an expired one is forgotten, or gone while forks need it. */
  #find(key: string): StreamRow | Absence {
    const row = this.#tables.byKey(key)
    if (!row) return 'missing'
    if (row.isGone) return 'gone'
    if (row.deadlineMs === null || this.#clock.nowMs() < row.deadlineMs) return row
    return this.#forget(row)
  }

  #forget(row: StreamRow): Absence {
    this.changedKeys.add(row.key)
    if (row.forks > 0) {
      this.#tables.run('markGone', row.id)
      return 'gone'
    }
    this.#tables.forget(row.id)
    this.#count(-1, -row.cost)
    if (row.sourceId !== null) {
      this.#tables.run('countFork', -1, row.sourceId)
      const source = this.#tables.byId(row.sourceId)
      if (source?.isGone && source.forks === 0) this.#forget(source)
    }
    return 'missing'
  }

  #source(fork: ForkOrigin, contentType: string | null): StreamRow | CreateRefusal {
    const source = this.#find(fork.source)
    if (source === 'gone') return 'source-gone'
    if (source === 'missing' || (fork.sourceId !== null && fork.sourceId !== source.id)) return 'source-missing'
    if (contentType !== null && mediaType(contentType) !== mediaType(source.contentType)) return 'source-type'
    if (fork.at && !this.hasPosition(source, fork.at)) return 'source-position'
    return source.depth >= forkDepthMax ? 'too-deep' : source
  }

  #insert(key: string, asked: NewStream, source: StreamRow | null): number {
    const inheritsTime = source !== null && asked.ttlSeconds === null && asked.expiresAt === null
    const { ttlSeconds, expiresAt } = inheritsTime ? source : asked
    const at = source && (asked.fork?.at ?? source.tail)
    const { no, bytes } = at ?? startPosition
    return this.#tables.run(
      'create',
      ...[key, asked.contentType ?? source?.contentType ?? '', ttlSeconds, expiresAt, Number(inheritsTime)],
      ...[deadlineMs(ttlSeconds, expiresAt, this.#clock.nowMs()), no, bytes],
      ...[source?.id ?? null, source?.key ?? null, at?.no ?? null, at?.bytes ?? null, asked.fork?.subOffset ?? 0],
      source ? source.depth + 1 : 0,
    )
  }

  #addRecords({ id, tail }: StreamRow, records: readonly Buffer[]): Position {
    let { no, bytes } = tail
    for (const data of records) {
      bytes += data.length
      this.#tables.addRecord(id, no++, bytes, data)
    }
    return { no, bytes }
  }

  #renew({ id, ttlSeconds }: StreamRow): void {
    if (ttlSeconds !== null) this.#tables.run('touch', this.#clock.nowMs() + ttlSeconds * 1000, id)
  }

  #count(streams: number, bytes: number): void {
    this.#streamCount += streams
    this.#bytes += bytes
    if (streams !== 0 || bytes !== 0) this.#isTotalStale = true
  }

  #producer(streamId: number, name: string): ProducerState | null {
    const row = this.#tables.get('producer', streamId, name)
    return row ? { epoch: row['epoch'] as number, seq: row['seq'] as number } : null
  }

  /** False when the stream knows too many producers, and none of them has been silent for long. */
  #admit(streamId: number, { id, epoch, seq }: ProducerStamp, isKnown: boolean): boolean {
    const nowMs = this.#clock.nowMs()
    const isFull = (): boolean =>
      (this.#tables.get('producers', streamId)?.['count'] as number) >= this.#options.producersMax
    if (!isKnown && isFull()) {
      this.#tables.run('dropProducers', streamId, nowMs - producerIdleMs)
      if (isFull()) return false
    }
    this.#tables.run('putProducer', streamId, id, epoch, seq, nowMs)
    return true
  }
}

function refuse(refusal: CreateRefusal): Created {
  return { kind: 'refused', refusal }
}
