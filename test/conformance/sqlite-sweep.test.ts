// What the journal in SQLite leaves in its file: nothing that has been forgotten, and not much more than what is kept.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import { Bench, type Noted, passTime, silenceMs } from './journal-bench.ts'
import { fileOf, JournalFolder, reopening } from './sqlite-folder.ts'

const folder = new JournalFolder()
const newBench = (path: string, settings: Partial<JournalOptions> = {}, node = 'one'): Bench =>
  new Bench(reopening(path), settings, path, node)

/** One number that the database says. */
function ask(bench: Bench, sql: string): number {
  return Number(Object.values(fileOf(bench.journal).database.prepare(sql).get() ?? {})[0])
}

const sweepPeriodMs = 16_000
const small = { totalBytesMax: 2 * 2 ** 20, keepMs: 1000, keepReadMs: 0 }

/** Answers of 100 KB that come and go, so many bytes of them in all. */
function rush(bench: Bench, bytes: number): void {
  for (let written = 0; written < bytes; written += 100_000) {
    bench.write(Array.from({ length: 10 }, () => 'x'.repeat(10_000)))
    bench.clock.advance(2000)
  }
  bench.clock.advance(2 * sweepPeriodMs)
}

test('what was forgotten leaves the file, and no answer and no event is left of it', async () => {
  await using bench = newBench(folder.newPath(), small)
  for (let i = 0; i < 50; i++) {
    const { entry } = bench.begin({ callKey: 'k' }, Buffer.alloc(100))
    entry.alias(`name-${i}`)
    entry.append(Buffer.from('a'), Buffer.from('aside'))
    bench.moment()
    entry.append(Buffer.from('b'))
    entry.seal('complete')
    bench.moment()
  }
  bench.clock.advance(2 * sweepPeriodMs)
  for (const table of ['answer', 'head', 'alias', 'aside', 'packed'])
    assert.equal(ask(bench, `SELECT count(*) FROM ${table}`), 0, table)
  assert.equal(ask(bench, 'SELECT sum(length(data)) FROM piece'), 0)
})

test('asides leave the file soon after the end of their answer, its events stay', async () => {
  await using bench = newBench(folder.newPath())
  const { entry, ...noted } = bench.begin()
  entry.append(Buffer.from('a'), Buffer.from('aside'))
  entry.seal('complete')
  bench.moment()
  bench.clock.advance(sweepPeriodMs)
  assert.equal(ask(bench, 'SELECT count(*) FROM aside'), 0)
  assert.deepEqual(await bench.texts(noted), ['a'])
})

test('an answer that is kept long does not hold up all that came after it', async () => {
  const path = folder.newPath()
  await using bench = newBench(path, small)
  const texts = Array.from({ length: 60 }, (_, i) => `event ${i} `.repeat(100))
  const stored = bench.begin({ isStored: true })
  for (const text of texts) {
    stored.entry.append(Buffer.from(text))
    bench.moment()
  }
  stored.entry.seal('complete')
  bench.moment()
  const cursor = await bench.journal.open(stored.info.ray)
  assert.equal((await cursor?.read(10, 1))?.length, 1)
  rush(bench, 10 * 2 ** 20)
  assert.ok(statSync(path).size < 6 * 2 ** 20, `${statSync(path).size} bytes`)
  assert.ok(ask(bench, 'SELECT count(*) FROM piece') < 200)
  assert.deepEqual(await bench.texts(stored), texts)
  // One who was reading meanwhile goes on, from wherever.
  for (const from of [0, 10, 59]) assert.deepEqual((await cursor?.read(from, 1e9))?.map(String), texts.slice(from))
  assert.equal(await bench.outcome(stored), 'complete')
})

test('neither does one that is still under way; it goes on, and a successor gets all of it', async () => {
  const path = folder.newPath()
  await using bench = newBench(path, small)
  const live = bench.begin({}, Buffer.from('r'))
  const texts: string[] = []
  const append = (noted: Pick<Noted, 'entry'>, count: number): void => {
    for (let i = 0; i < count; i++) {
      const text = `event ${texts.length} `.repeat(50)
      noted.entry.append(Buffer.from(text), texts.length % 3 === 0 ? Buffer.from(`aside ${texts.length}`) : undefined)
      texts.push(text)
      if (i % 2 === 0) bench.moment()
    }
    bench.moment()
  }
  for (let round = 0; round < 3; round++) {
    append(live, 20)
    rush(bench, 4 * 2 ** 20)
  }
  append(live, 5)
  assert.ok(ask(bench, 'SELECT count(*) FROM packed') > 0, 'the case is there')
  assert.ok(statSync(path).size < 6 * 2 ** 20, `${statSync(path).size} bytes`)
  assert.deepEqual(await bench.texts(live), texts)
  live.entry.release()
  bench.moment()
  const heir = await bench.adopt(live.info.ray)
  assert.deepEqual(
    heir.adopted.events.map(({ event, aside }) => [String(event), aside && String(aside)]),
    texts.map((text, i) => [text, i % 3 === 0 ? `aside ${i}` : null]),
  )
  append(heir, 3)
  heir.entry.seal('complete')
  bench.moment()
  assert.deepEqual(await bench.texts(live), texts)
  bench.clock.advance(2 * sweepPeriodMs)
  assert.equal(await bench.texts(live), null)
  assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
})

test('the disk gets back what a rush has taken', async () => {
  const path = folder.newPath()
  await using bench = newBench(path, { totalBytesMax: 64 * 2 ** 20, keepMs: 60_000, keepReadMs: 0 })
  for (let i = 0; i < 40; i++) bench.write(['x'.repeat(2 ** 20)])
  fileOf(bench.journal).database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  assert.ok(statSync(path).size > 40 * 2 ** 20)
  bench.clock.advance(120_000)
  assert.ok(statSync(path).size < 12 * 2 ** 20, `${statSync(path).size} bytes`)
})

test('a short disk gets back all that is free, and no answer goes for it', async () => {
  await using bench = newBench(folder.newPath(), { totalBytesMax: 64 * 2 ** 20, keepMs: 3_600_000 })
  const gone = Array.from({ length: 30 }, () => bench.write(['x'.repeat(200_000)]))
  const kept = bench.write(['kept'])
  for (const { info } of gone) await bench.journal.remove(info.ray)
  bench.clock.advance(2 * sweepPeriodMs)
  assert.ok(ask(bench, 'PRAGMA freelist_count') > 500, 'some is held back for what comes next')
  bench.journal.compact()
  bench.clock.advance(2000)
  assert.equal(ask(bench, 'PRAGMA freelist_count'), 0)
  assert.deepEqual(await bench.texts(kept), ['kept'])
})

test('a full journal makes room in time: nobody who writes has to wait for it', async () => {
  await using bench = newBench(folder.newPath(), { totalBytesMax: 2 * 2 ** 20 })
  for (let i = 0; i < 100; i++) {
    bench.write(['x'.repeat(40_000)])
    bench.clock.advance(1000)
    assert.ok(bench.journal.keptBytes <= 2 * 2 ** 20 * (15 / 16) + 45_000, `${bench.journal.keptBytes}`)
  }
})

test('a node that died and holds nothing any more is forgotten', async () => {
  const path = folder.newPath()
  await using one = newBench(path, {}, 'one')
  await using two = newBench(path, {}, 'two')
  const { info } = one.begin()
  one.moment()
  assert.equal(ask(two, 'SELECT count(*) FROM node'), 1)
  passTime([two], silenceMs)
  const heir = await two.adopt(info.ray)
  passTime([two], 2 * sweepPeriodMs)
  assert.equal(ask(two, 'SELECT count(*) FROM node'), 1, 'only the heir is left')
  assert.deepEqual(heir.lost, [])
})

test('a node that holds nothing does not write signs of life', async () => {
  const path = folder.newPath()
  await using bench = newBench(path)
  bench.write(['a'])
  bench.clock.advance(1000)
  await using watcher = newBench(path, {}, 'watcher')
  const before = ask(watcher, 'PRAGMA data_version')
  bench.clock.advance(10_000)
  assert.equal(ask(watcher, 'PRAGMA data_version'), before)
})
