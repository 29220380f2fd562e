// Both stores of durable streams under the one suite, and what only a file can suffer.
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { Fault } from '../../src/fault/fault.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { MemoryStreams } from '../../src/store/memory-streams.ts'
import { SqliteStreams } from '../../src/store/sqlite-streams.ts'
import { defaults, StreamBench, streamSuite } from './stream-suite.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-streams-'))))
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

let fileCount = 0
const newPath = (): string => join(folder, `streams-${fileCount++}.db`)

streamSuite('memory', (clock, options) => new MemoryStreams(clock, options))
streamSuite('sqlite', (clock, options) => new SqliteStreams(newPath(), clock, options))

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'kept',
    (fault: unknown) => (fault instanceof Fault ? fault.code : String(fault)),
  )

describe('the sqlite store of streams', () => {
  /** Lets more than five seconds pass in two steps, so that a timer of 5 ms runs twice and not a thousand times. */
  function leap(clock: ManualClock): void {
    const elapsedMs = clock.monotonicMs() + 6000
    clock.monotonicMs = () => elapsedMs
    clock.advance(5)
  }

  test('has everything again when it is opened again', async () => {
    const path = newPath()
    const open = (clock: ManualClock): SqliteStreams => new SqliteStreams(path, clock, defaults)
    {
      await using bench = new StreamBench(open)
      await bench.create('/a')
      await bench.append('/a', 'x', { producer: { id: 'p', epoch: 3, seq: 0 }, writerSeq: 'b', closes: true })
    }
    await using bench = new StreamBench(open)
    assert.equal(await bench.text('/a'), 'x')
    assert.equal((await bench.info('/a')).isClosed, true)
    const again = { producer: { id: 'p', epoch: 3, seq: 0 }, closes: true }
    assert.equal((await bench.append('/a', 'x', again)).kind, 'duplicate')
  })

  test('keeps what was on the way when it is closed', async () => {
    const path = newPath()
    const open = (clock: ManualClock): SqliteStreams => new SqliteStreams(path, clock, defaults)
    const bench = new StreamBench(open)
    await bench.create('/a')
    const append = { records: [Buffer.from('x')], contentType: 'text/plain', writerSeq: null, producer: null }
    const appended = bench.store.append('/a', { ...append, closes: false })
    await bench[Symbol.asyncDispose]()
    assert.equal((await appended).kind, 'appended')
    await using again = new StreamBench(open)
    assert.equal(await again.text('/a'), 'x')
  })

  test('two of them on one file see the same, and wake each other’s readers', async () => {
    const path = newPath()
    const open = (clock: ManualClock): SqliteStreams => new SqliteStreams(path, clock, defaults)
    await using one = new StreamBench(open)
    await using other = new StreamBench(open)
    await one.create('/a')
    let wakes = 0
    using _ = other.store.watch('/a', () => wakes++)
    await one.append('/a', 'x')
    assert.equal(wakes, 0)
    other.clock.advance(50)
    assert.equal(wakes, 1)
    assert.equal(await other.text('/a'), 'x')
    await one.create('/b')
    other.clock.advance(50)
    assert.equal(wakes, 1, 'another stream is none of its business')
    assert.equal((await other.append('/a', 'y')).kind, 'appended')
    assert.equal(await one.text('/a'), 'xy')
  })

  test('waits for another process that writes, and refuses when that takes too long', async () => {
    const path = newPath()
    await using bench = new StreamBench((clock) => new SqliteStreams(path, clock, defaults))
    await bench.create('/a')
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const patient = bench.append('/a', 'x')
    bench.clock.advance(100)
    other.exec('COMMIT')
    bench.clock.advance(100)
    assert.equal((await patient).kind, 'appended')
    other.exec('BEGIN IMMEDIATE')
    const refused = codeOf(bench.append('/a', 'never'))
    // Each try blocks for 20 ms: one long step of the clock instead of many short ones.
    bench.clock.advance(5)
    leap(bench.clock)
    assert.equal(await refused, 'HF_STREAM_BUSY')
    other.exec('ROLLBACK')
    other.close()
    assert.equal(await bench.text('/a'), 'x')
  })

  test('what the disk refuses is refused alone, is not there, and is taken once there is room', async () => {
    const path = newPath()
    await using bench = new StreamBench((clock) => new SqliteStreams(path, clock, defaults))
    await bench.create('/a')
    const outside = new DatabaseSync(path)
    outside.exec(
      "CREATE TRIGGER full BEFORE INSERT ON record WHEN length(new.data) > 1000 BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    const append = { contentType: 'text/plain', writerSeq: null, closes: false }
    const say = (text: string, seq: number) =>
      codeOf(
        bench.store.append('/a', { ...append, records: [Buffer.from(text)], producer: { id: 'p', epoch: 0, seq } }),
      )
    const turn = [say('a', 0), say('x'.repeat(2000), 1), say('b', 1)]
    bench.clock.turn()
    assert.deepEqual(await Promise.all(turn), ['kept', 'HF_STREAMS_FULL', 'kept'])
    assert.equal(await bench.text('/a'), 'ab')
    outside.exec('DROP TRIGGER full')
    outside.close()
    const later = say('c'.repeat(2000), 2)
    bench.clock.turn()
    assert.equal(await later, 'kept')
    assert.equal(await bench.text('/a'), `ab${'c'.repeat(2000)}`)
  })

  test('a log of changes that was torn off gives back whole records, from the first on', async () => {
    const path = newPath()
    await using bench = new StreamBench((clock) => new SqliteStreams(path, clock, defaults))
    await bench.create('/a')
    for (let i = 0; i < 50; i++) await bench.append('/a', `${i};`)
    // As a machine leaves it that lost power: the last of the log never reached the disk.
    const torn = newPath()
    copyFileSync(path, torn)
    copyFileSync(`${path}-wal`, `${torn}-wal`)
    truncateSync(`${torn}-wal`, statSync(`${torn}-wal`).size - 9000)
    await using after = new StreamBench((clock) => new SqliteStreams(torn, clock, defaults))
    const { tail } = await after.info('/a')
    assert.ok(tail.no > 30 && tail.no < 50, `${tail.no} records`)
    assert.equal(await after.text('/a'), Array.from({ length: tail.no }, (_, i) => `${i};`).join(''))
    assert.equal((await after.append('/a', 'on')).kind, 'appended')
  })

  test('a file cut in half is refused, or told to be damaged, and gives back nothing else', async () => {
    const path = newPath()
    const open = (clock: ManualClock): SqliteStreams => new SqliteStreams(path, clock, defaults)
    {
      await using bench = new StreamBench(open)
      for (let i = 0; i < 20; i++) await bench.create(`/${i}`, { records: [Buffer.from(`stream ${i} `.repeat(1000))] })
    }
    truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096)
    let bench: StreamBench
    try {
      bench = new StreamBench(open)
    } catch (thrown) {
      return assert.match(String(thrown), /cannot be used: .*malformed/)
    }
    await using _ = bench
    for (let i = 0; i < 20; i++) {
      const read = await bench.text(`/${i}`).catch((fault: unknown) => String(fault))
      if (read !== `stream ${i} `.repeat(1000)) assert.match(read, /damaged/)
    }
  })

  test('a file that is no database is refused by name, and left as it is', () => {
    const path = newPath()
    writeFileSync(path, 'this is not a database, but a letter to a friend'.repeat(100))
    assert.throws(
      () => new SqliteStreams(path, new ManualClock(), defaults),
      /streams-\d+\.db cannot be used: .*Move the file away/,
    )
  })
})
