/** The suite that every store of durable streams passes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import {
  type Append,
  type Appended,
  type Created,
  type NewStream,
  type Position,
  startPosition,
  type StreamInfo,
  type StreamStore,
} from '../../src/store/stream-store.ts'
import type { StreamStoreOptions } from '../../src/store/stream-store-options.ts'

export const defaults: StreamStoreOptions = {
  engine: 'memory',
  sync: 'normal',
  streamBytesMax: 1_000_000,
  totalBytesMax: 10_000_000,
  streamsMax: 1000,
  producersMax: 10,
}

export type OpenStreams = (clock: ManualClock, options: StreamStoreOptions) => StreamStore

/** A store in hand, with a clock that goes on whenever something is waited for. */
export class StreamBench implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly store: StreamStore

  constructor(open: OpenStreams, options: Partial<StreamStoreOptions> = {}) {
    this.store = open(this.clock, { ...defaults, ...options })
  }

  /** What the promise resolves with, after this turn. */
  async done<T>(promise: Promise<T>): Promise<T> {
    this.clock.turn()
    return promise
  }

  create(key: string, more: Partial<NewStream> = {}): Promise<Created> {
    return this.done(this.store.create(key, { ...plain, ...more }))
  }

  append(key: string, text: string | null, more: Partial<Append> = {}): Promise<Appended> {
    const records = text === null ? [] : [Buffer.from(text)]
    const contentType = text === null ? null : 'text/plain'
    return this.done(
      this.store.append(key, { records, contentType, writerSeq: null, producer: null, closes: false, ...more }),
    )
  }

  remove(key: string): ReturnType<StreamStore['remove']> {
    return this.done(this.store.remove(key))
  }

  async text(key: string, from: Position = startPosition, bytesMax = 1e9): Promise<string> {
    const slice = await this.store.read(key, from, bytesMax)
    return typeof slice === 'string' ? slice : slice.records.map(({ data }) => data.toString()).join('')
  }

  async info(key: string): Promise<StreamInfo> {
    const info = await this.store.look(key)
    if (typeof info === 'string') throw new Error(`${key} is ${info}`)
    return info
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]()
  }
}

const plain: NewStream = {
  contentType: 'text/plain',
  ttlSeconds: null,
  expiresAt: null,
  isClosed: false,
  records: [],
  fork: null,
}
const noFork = { at: null, subOffset: 0, prefix: [], sourceId: null }

export function streamSuite(name: string, open: OpenStreams): void {
  describe(`${name}: streams`, () => {
    writing(open)
    refusing(open)
    forking(open)
    expiring(open)
    watching(open)
    noting(open)
  })
}

function writing(open: OpenStreams): void {
  test('what was appended is read in order, from every position', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: [Buffer.from('one ')] })
    const ends: Position[] = [startPosition, (await bench.info('/a')).tail]
    for (const text of ['two ', 'three ', 'four']) {
      const appended = await bench.append('/a', text)
      assert.ok(appended.kind === 'appended')
      ends.push(appended.info.tail)
    }
    assert.deepEqual(await Promise.all(ends.map((from) => bench.text('/a', from))), [
      'one two three four',
      'two three four',
      'three four',
      'four',
      '',
    ])
  })

  test('a read takes as much as it is allowed, and one record at least', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: ['aaaa', 'bb', 'cc'].map((text) => Buffer.from(text)) })
    assert.equal(await bench.text('/a', startPosition, 1), 'aaaa')
    assert.equal(await bench.text('/a', startPosition, 6), 'aaaabb')
    assert.equal(await bench.text('/a', startPosition, 7), 'aaaabb')
  })

  test('a position of another stream, or of one that was there before, is misplaced', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: [Buffer.from('abc')] })
    for (const from of [
      { no: 1, bytes: 2 },
      { no: 2, bytes: 3 },
      { no: 0, bytes: 1 },
      { no: 9, bytes: 9 },
    ])
      assert.equal(await bench.store.read('/a', from, 100), 'misplaced', JSON.stringify(from))
    const { id } = await bench.info('/a')
    await bench.remove('/a')
    await bench.create('/a', { records: [Buffer.from('abcd')] })
    assert.equal(await bench.store.read('/a', { no: 1, bytes: 3 }, 100), 'misplaced')
    assert.notEqual((await bench.info('/a')).id, id)
  })

  test('made again in the same way it is the same, in another it is refused', async () => {
    await using bench = new StreamBench(open)
    assert.equal((await bench.create('/a', { ttlSeconds: 60 })).kind, 'created')
    assert.equal(
      (await bench.create('/a', { ttlSeconds: 60, contentType: 'Text/Plain; charset=utf-8' })).kind,
      'exists',
    )
    for (const other of [
      { ttlSeconds: 61 },
      {},
      { ttlSeconds: 60, isClosed: true },
      { contentType: 'a/b', ttlSeconds: 60 },
    ])
      assert.deepEqual(await bench.create('/a', other), { kind: 'refused', refusal: 'differs' })
  })

  test('keys are listed in order, page by page', async () => {
    await using bench = new StreamBench(open)
    for (const key of ['x/b', 'x/a', 'y/a', 'x/c', 'x']) await bench.create(key)
    assert.deepEqual(await bench.store.list('x/', '', 2), ['x/a', 'x/b'])
    assert.deepEqual(await bench.store.list('x/', 'x/b', 2), ['x/c'])
  })

  test('all appends of one turn are kept, each in its place', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a')
    const texts = Array.from({ length: 50 }, (_, i) => `${i};`)
    const appended = await Promise.all(texts.map((text) => bench.append('/a', text)))
    assert.ok(appended.every(({ kind }) => kind === 'appended'))
    assert.equal(await bench.text('/a'), texts.join(''))
  })
}

function refusing(open: OpenStreams): void {
  const producer = (epoch: number, seq: number, id = 'p') => ({ producer: { id, epoch, seq } })

  test('a producer is heard once for each sequence, without gaps, and not after a later epoch', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a')
    const said = async (text: string, epoch: number, seq: number): Promise<string> => {
      const appended = await bench.append('/a', text, producer(epoch, seq))
      return 'expectedSeq' in appended ? `gap before ${appended.expectedSeq}` : appended.kind
    }
    assert.equal(await said('x', 0, 1), 'gap before 0')
    assert.equal(await said('a', 0, 0), 'appended')
    assert.equal(await said('A', 0, 0), 'duplicate')
    assert.equal(await said('x', 0, 2), 'gap before 1')
    assert.equal(await said('b', 0, 1), 'appended')
    assert.equal(await said('x', 2, 1), 'new-epoch')
    assert.equal(await said('c', 2, 0), 'appended')
    assert.deepEqual(await bench.append('/a', 'x', producer(1, 0)), { kind: 'stale-epoch', epoch: 2 })
    assert.equal(await bench.text('/a'), 'abc')
  })

  test('what was refused is not there, nor has it moved anything', async () => {
    await using bench = new StreamBench(open, { streamBytesMax: 300, producersMax: 2 })
    await bench.create('/a')
    await bench.append('/a', 'a', { ...producer(0, 0), writerSeq: '5' })
    const before = await bench.info('/a')
    const kinds = [
      await bench.append('/a', 'x', { contentType: 'a/b' }),
      await bench.append('/a', 'x', { writerSeq: '5' }),
      await bench.append('/a', 'x'.repeat(300), { writerSeq: '6', ...producer(0, 1) }),
      await bench.append('/b', 'x'),
    ].map(({ kind }) => kind)
    assert.deepEqual(kinds, ['type', 'writer-seq', 'stream-full', 'missing'])
    assert.equal((await bench.append('/a', 'b', producer(0, 0, 'q'))).kind, 'appended')
    assert.equal((await bench.append('/a', 'x', producer(0, 0, 'r'))).kind, 'too-many-producers')
    assert.deepEqual(before.tail, { no: 1, bytes: 1 })
    assert.equal(await bench.text('/a'), 'ab')
    // Neither the sequence of the writer nor that of the producer went on with what was refused.
    assert.equal((await bench.append('/a', 'c', { writerSeq: '6', ...producer(0, 1) })).kind, 'appended')
  })

  test('a producer that was silent for long makes room for another', async () => {
    await using bench = new StreamBench(open, { producersMax: 1 })
    await bench.create('/a')
    await bench.append('/a', 'a', producer(0, 0, 'old'))
    assert.equal((await bench.append('/a', 'x', producer(0, 0, 'new'))).kind, 'too-many-producers')
    bench.clock.advance(8 * 86_400_000)
    assert.equal((await bench.append('/a', 'b', producer(0, 0, 'new'))).kind, 'appended')
  })

  test('a stream ends once; only whoever ended it may say so again', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a')
    const end = { closes: true, ...producer(0, 0) }
    const ended = await bench.append('/a', 'end', end)
    assert.ok(ended.kind === 'appended' && ended.info.isClosed)
    assert.equal((await bench.append('/a', 'END', end)).kind, 'duplicate')
    assert.equal((await bench.append('/a', null, { closes: true })).kind, 'duplicate')
    for (const more of [{}, { closes: true }, producer(0, 1), { closes: true, ...producer(0, 0, 'q') }])
      assert.deepEqual(await bench.append('/a', 'x', more), { kind: 'closed', tail: { no: 1, bytes: 3 } })
    assert.equal(await bench.text('/a'), 'end')
  })

  test('a full store takes nothing more until something is removed', async () => {
    await using bench = new StreamBench(open, { totalBytesMax: 1000, streamsMax: 3 })
    await bench.create('/a', { records: [Buffer.alloc(600)] })
    await bench.create('/b')
    assert.equal((await bench.append('/b', 'x'.repeat(600))).kind, 'store-full')
    assert.equal((await bench.append('/b', null, { closes: true })).kind, 'appended', 'an end needs no room')
    assert.deepEqual(await bench.create('/c', { records: [Buffer.alloc(600)] }), {
      kind: 'refused',
      refusal: 'store-full',
    })
    await bench.create('/c')
    assert.deepEqual(await bench.create('/d'), { kind: 'refused', refusal: 'store-full' })
    await bench.remove('/a')
    assert.equal((await bench.append('/c', 'x'.repeat(600))).kind, 'appended')
  })
}

function forking(open: OpenStreams): void {
  test('a fork has what its source had, and goes its own way', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: ['1', '2', '3'].map((text) => Buffer.from(text)) })
    const at = { no: 2, bytes: 2 }
    const fork = { ...noFork, source: '/a', at }
    assert.equal((await bench.create('/b', { contentType: null, fork })).kind, 'created')
    assert.equal((await bench.create('/b', { contentType: null, fork })).kind, 'exists')
    assert.equal((await bench.create('/c', { fork: { ...noFork, source: '/b' } })).kind, 'created')
    await bench.append('/a', 'a')
    await bench.append('/b', 'b')
    await bench.append('/c', 'c')
    assert.deepEqual(await Promise.all(['/a', '/b', '/c'].map((key) => bench.text(key))), ['123a', '12b', '12c'])
    assert.equal(await bench.text('/c', { no: 1, bytes: 1 }), '2c')
    assert.equal(await bench.text('/c', at), 'c')
    assert.equal(await bench.text('/c', { no: 1, bytes: 1 }, 1), '2')
  })

  test('a fork is refused where there is nothing to fork', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: [Buffer.from('1')] })
    const refusal = async (more: Partial<NewStream>): Promise<unknown> => {
      const created = await bench.create('/b', more)
      return created.kind === 'refused' ? created.refusal : created.kind
    }
    const source = '/a'
    assert.equal(await refusal({ fork: { ...noFork, source: '/x' } }), 'source-missing')
    assert.equal(await refusal({ fork: { ...noFork, source, sourceId: -1 } }), 'source-missing')
    assert.equal(await refusal({ fork: { ...noFork, source, at: { no: 2, bytes: 2 } } }), 'source-position')
    assert.equal(await refusal({ fork: { ...noFork, source }, contentType: 'a/b' }), 'source-type')
  })

  test('what forks need stays when it is removed, and goes with the last of them', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { records: [Buffer.from('1')] })
    await bench.create('/b', { fork: { ...noFork, source: '/a' } })
    await bench.create('/c', { fork: { ...noFork, source: '/b' } })
    assert.equal(await bench.remove('/a'), 'removed')
    assert.equal(await bench.remove('/b'), 'removed')
    assert.deepEqual([await bench.store.look('/a'), await bench.remove('/a')], ['gone', 'gone'])
    assert.equal((await bench.append('/b', 'x')).kind, 'gone')
    assert.deepEqual(await bench.create('/a'), { kind: 'refused', refusal: 'gone' })
    assert.equal(await bench.text('/c'), '1')
    await bench.remove('/c')
    assert.deepEqual(
      await Promise.all(['/a', '/b', '/c'].map((key) => bench.store.look(key))),
      Array(3).fill('missing'),
    )
    assert.equal((await bench.create('/a')).kind, 'created')
  })

  test('forks of forks go no deeper than 32', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/0', { records: [Buffer.from('x')] })
    for (let i = 1; i <= 32; i++) {
      assert.equal((await bench.create(`/${i}`, { fork: { ...noFork, source: `/${i - 1}` } })).kind, 'created')
      await bench.append(`/${i}`, '.')
    }
    assert.equal(await bench.text('/32'), `x${'.'.repeat(32)}`)
    assert.deepEqual(await bench.create('/33', { fork: { ...noFork, source: '/32' } }), {
      kind: 'refused',
      refusal: 'too-deep',
    })
  })
}

function expiring(open: OpenStreams): void {
  test('a time to live begins anew with each touch and each append', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { ttlSeconds: 10 })
    bench.clock.advance(9000)
    bench.store.touch('/a')
    bench.clock.advance(9000)
    assert.equal((await bench.append('/a', 'x')).kind, 'appended')
    bench.clock.advance(9000)
    assert.equal(await bench.text('/a'), 'x')
    bench.clock.advance(1000)
    assert.equal(await bench.store.look('/a'), 'missing')
    assert.equal((await bench.append('/a', 'x')).kind, 'missing')
    assert.equal((await bench.create('/a')).kind, 'created')
    assert.equal(await bench.text('/a'), '')
  })

  test('a fixed time is not put off, and what has expired is forgotten for good', async () => {
    await using bench = new StreamBench(open, { streamsMax: 1 })
    const expiresAt = new Date(bench.clock.nowMs() + 10_000).toISOString()
    await bench.create('/a', { expiresAt })
    bench.clock.advance(9999)
    await bench.append('/a', 'x')
    bench.clock.advance(1)
    assert.equal(await bench.store.look('/a'), 'missing')
    bench.clock.advance(30_000)
    assert.equal((await bench.create('/b')).kind, 'created', 'the room of the other is free again')
  })

  test('what expires while forks need it is gone, and they are not', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a', { ttlSeconds: 1, records: [Buffer.from('1')] })
    await bench.create('/b', { ttlSeconds: 100, fork: { ...noFork, source: '/a' } })
    bench.clock.advance(30_000)
    assert.equal(await bench.store.look('/a'), 'gone')
    assert.equal(await bench.text('/b'), '1')
  })
}

function watching(open: OpenStreams): void {
  test('whoever watches hears of appends, ends and removals, and of nothing after', async () => {
    await using bench = new StreamBench(open)
    await bench.create('/a')
    let count = 0
    const watch = bench.store.watch('/a', () => count++)
    await bench.append('/a', 'x')
    assert.equal(count, 1)
    await bench.append('/a', null, { closes: true })
    assert.equal(count, 2)
    await bench.append('/a', 'refused')
    assert.equal(count, 2)
    await bench.remove('/a')
    assert.equal(count, 3)
    watch[Symbol.dispose]()
    await bench.create('/a')
    assert.equal(count, 3)
  })
}

function noting(open: OpenStreams): void {
  test('a note is written by whoever knows its version, and never has an old one again', async () => {
    await using bench = new StreamBench(open)
    const { notes } = bench.store
    const put = (version: number, value: string | null, dueMs: number | null = null) =>
      bench.done(notes.put('n/1', version, value, dueMs))
    assert.equal(await put(0, 'a'), true)
    assert.equal(await put(0, 'b'), false)
    const first = await notes.get('n/1')
    assert.equal(first?.value, 'a')
    assert.equal(await put(first.version, 'b', 50), true)
    assert.equal(await put(first.version, 'c'), false)
    assert.deepEqual(await notes.due(49, 10), [])
    assert.deepEqual(await notes.due(50, 10), ['n/1'])
    const second = await notes.get('n/1')
    assert.deepEqual(await notes.list('n/', 10), [{ key: 'n/1', version: second?.version }])
    assert.equal(await put(second?.version ?? 0, null), true)
    assert.equal(await notes.get('n/1'), null)
    await put(0, 'again')
    assert.ok(![first.version, second?.version].includes((await notes.get('n/1'))?.version))
  })
}
