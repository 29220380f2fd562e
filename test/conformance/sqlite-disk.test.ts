// The journal in SQLite when its disk refuses writes, when it is full, and when other processes are in the way.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { JournalOptions } from '../../src/store/journal-options.ts'
import { Bench, codeOf, codesOf, silenceMs } from './journal-bench.ts'
import { fileOf, JournalFolder, reopening } from './sqlite-folder.ts'

const folder = new JournalFolder()
const newBench = (path: string, settings: Partial<JournalOptions> = {}, node = 'one'): Bench =>
  new Bench(reopening(path), settings, path, node)

describe('the sqlite journal, opened again', () => {
  test('has every answer that was kept; those under way wait for somebody to go on with them', async () => {
    const path = folder.newPath()
    const bench = newBench(path)
    const ended = bench.write(['a', 'b'])
    const live = bench.begin({}, Buffer.from('r'))
    live.entry.append(Buffer.from('c')) // no moment has passed
    await bench[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
    assert.deepEqual(live.kept, [1])
    await using again = newBench(path, {}, 'two')
    assert.equal(again.journal.answerCount, 2)
    assert.deepEqual([await again.texts(ended), await again.outcome(ended)], [['a', 'b'], 'complete'])
    const heir = await again.adopt(live.info.ray)
    assert.deepEqual([String(heir.adopted.request), heir.entry.epoch, heir.entry.count], ['r', 2, 1])
    heir.entry.append(Buffer.from('d'))
    const fresh = again.write(['fresh'])
    assert.deepEqual([await again.texts(live), await again.texts(fresh)], [['c', 'd'], ['fresh']])
  })

  test('keeps ended answers by the present settings, not by those of the time when they ended', async () => {
    const path = folder.newPath()
    const bench = newBench(path, { keepMs: 3_600_000 })
    const noted = bench.write(['a'])
    await bench[Symbol.asyncDispose]()
    await using again = newBench(path, { keepMs: 1000, keepReadMs: 0 }, 'two')
    assert.deepEqual(await again.texts(noted), ['a'])
    again.clock.advance(2000)
    assert.equal(await again.texts(noted), null)
  })

  test('takes an empty file for a new journal', async () => {
    const path = folder.newPath()
    writeFileSync(path, '')
    await using bench = newBench(path)
    assert.deepEqual(await bench.texts(bench.write(['a'])), ['a'])
  })
})

/** Makes every write of events fail, as a full disk does, until it is told to stop. */
function refusal(path: string, what = 'INSERT ON piece'): () => void {
  const outside = new DatabaseSync(path)
  outside.exec(`CREATE TRIGGER full BEFORE ${what} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`)
  return () => {
    outside.exec('DROP TRIGGER full')
    outside.close()
  }
}

describe('the sqlite journal, its disk refusing writes', () => {
  test('says so to those whose events were lost, once, and promises nothing', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const [one, other] = [bench.begin(), bench.begin()]
    one.entry.append(Buffer.from('a'))
    bench.moment()
    const recover = refusal(path)
    one.entry.append(Buffer.from('b'))
    bench.moment()
    one.entry.append(Buffer.from('c'))
    bench.moment()
    assert.deepEqual([one.kept, codesOf(one), other.lost.length], [[1], ['HF_JOURNAL_FULL'], 0])
    assert.match(one.lost[0]!.detail, /disk is full/)
    recover()
    bench.clock.advance(1000)
    other.entry.append(Buffer.from('d'))
    bench.moment()
    assert.deepEqual([await bench.texts(other), other.lost], [['d'], []])
  })

  test('refuses new work at once, tries again after a second, and then goes on', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const recover = refusal(path)
    bench.begin().entry.append(Buffer.from('a'))
    bench.moment()
    assert.equal(
      codeOf(() => bench.begin()),
      'HF_JOURNAL_FULL',
    )
    recover()
    bench.clock.advance(1000)
    assert.deepEqual(await bench.texts(bench.write(['b'])), ['b'])
  })

  test('remembers an answer that lost events as failed, with what was kept of it before', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    bench.moment()
    const recover = refusal(path)
    noted.entry.append(Buffer.from('b'))
    noted.entry.seal('complete')
    bench.moment()
    recover()
    bench.clock.advance(2000)
    assert.deepEqual([await bench.texts(noted), await bench.outcome(noted)], [['a'], 'failed'])
    assert.deepEqual(await bench.journal.orphans(), [])
  })

  test('loses no answer that has only to be ended or given back', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const [ending, leaving, losing] = [bench.begin(), bench.begin(), bench.begin()]
    for (const { entry } of [ending, leaving, losing]) entry.append(Buffer.from('a'))
    bench.moment()
    const recover = refusal(path)
    losing.entry.append(Buffer.from('b'))
    ending.entry.seal('complete')
    leaving.entry.release()
    bench.moment()
    recover()
    bench.clock.advance(2000)
    assert.deepEqual([await bench.outcome(ending), ending.lost, leaving.lost], ['complete', [], []])
    assert.deepEqual(await bench.journal.orphans(), [leaving.info.ray])
  })

  test('gives the room of an answer back whose first events were lost', async () => {
    const path = folder.newPath()
    await using bench = newBench(path, { keepMs: 1000 })
    const recover = refusal(path)
    bench.begin().entry.append(Buffer.alloc(5000))
    bench.moment()
    recover()
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })

  test('answers that could not be forgotten go on counting', async () => {
    const path = folder.newPath()
    await using bench = newBench(path, { keepMs: 1000, keepReadMs: 0 })
    bench.write(['x'.repeat(5000)])
    const { keptBytes } = bench.journal
    const recover = refusal(path, 'DELETE ON answer')
    bench.clock.advance(60_000)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [keptBytes, 1])
    recover()
    bench.clock.advance(30_000)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })

  test('a database that may not grow is a full disk: what was promised is there, and it goes on when there is room', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const { database } = fileOf(bench.journal)
    const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count'])
    database.exec(`PRAGMA max_page_count = ${pages + 40}`)
    const answers = Array.from({ length: 5 }, () => bench.begin())
    for (let round = 0; round < 100; round++) {
      for (const { entry } of answers) entry.append(Buffer.from(`${round} `.padEnd(1000, 'x')))
      bench.moment()
    }
    for (const noted of answers) {
      assert.deepEqual(codesOf(noted), ['HF_JOURNAL_FULL'])
      const texts = (await bench.texts(noted)) ?? []
      assert.ok(noted.kept.at(-1)! > 0)
      assert.deepEqual([texts.length, texts.at(-1)?.split(' ')[0]], [noted.kept.at(-1), `${texts.length - 1}`])
    }
    assert.equal(
      codeOf(() => bench.begin()),
      'HF_JOURNAL_FULL',
    )
    database.exec(`PRAGMA max_page_count = ${pages + 4000}`)
    bench.clock.advance(2000)
    assert.deepEqual(await bench.texts(bench.write(['again'])), ['again'])
    for (const noted of answers) assert.equal(await bench.outcome(noted), 'failed')
  })
})

describe('the sqlite journal, another process writing', () => {
  function held(path: string): () => void {
    const outside = new DatabaseSync(path)
    outside.exec('BEGIN IMMEDIATE')
    return () => {
      outside.exec('COMMIT')
      outside.close()
    }
  }

  test('waits its turn without losing anything, and without promising what is not kept', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    bench.moment()
    const letGo = held(path)
    noted.entry.append(Buffer.from('a'))
    bench.clock.advance(1500)
    noted.entry.append(Buffer.from('b'))
    assert.deepEqual([noted.kept, noted.lost], [[], []])
    letGo()
    bench.clock.advance(10)
    assert.deepEqual([noted.kept, await bench.texts(noted)], [[2], ['a', 'b']])
  })

  test('whoever asks meanwhile gets an answer when it is over', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    bench.moment()
    const letGo = held(path)
    const cancelled = bench.journal.cancel(noted.info.ray)
    const fresh = bench.begin()
    const opened = bench.journal.open(fresh.info.ray)
    bench.clock.advance(20)
    letGo()
    for (let i = 0; i < 10; i++) {
      await Promise.resolve()
      bench.clock.advance(5)
    }
    assert.equal(await cancelled, true)
    assert.equal((await opened)?.info.ray, fresh.info.ray)
    assert.equal(noted.cancels.length, 1)
  })

  test('a journal that closes meanwhile says what it could not keep', async () => {
    const path = folder.newPath()
    const bench = newBench(path)
    const noted = bench.begin()
    bench.moment()
    const letGo = held(path)
    noted.entry.append(Buffer.from('a'))
    await bench[Symbol.asyncDispose]()
    letGo()
    assert.deepEqual([noted.kept, codesOf(noted)], [[], ['HF_JOURNAL_FULL']])
    assert.equal(
      codeOf(() => bench.begin()),
      'HF_JOURNAL_FULL',
    )
    await using again = newBench(path, {}, 'two')
    again.clock.advance(silenceMs)
    assert.deepEqual([await again.texts(noted), await again.journal.orphans()], [[], [noted.info.ray]])
  })

  test('gives up after seconds of it, in words, and goes on later', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    bench.moment()
    const letGo = held(path)
    noted.entry.append(Buffer.from('b'))
    bench.clock.advance(6000)
    assert.deepEqual(codesOf(noted), ['HF_JOURNAL_FULL'])
    assert.match(noted.lost[0]!.detail, /locked by another process/)
    letGo()
    bench.clock.advance(2000)
    assert.deepEqual([await bench.texts(noted), await bench.outcome(noted)], [['a'], 'failed'])
    assert.deepEqual(await bench.texts(bench.write(['c'])), ['c'])
  })

  test('an answer whose number is not the expected one is not written on', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    bench.moment()
    const outside = new DatabaseSync(path)
    outside.exec('UPDATE head SET count = count + 1')
    outside.close()
    noted.entry.append(Buffer.from('b'))
    bench.moment()
    assert.deepEqual([noted.kept, codesOf(noted)], [[1], ['HF_LEASE_LOST']])
  })
})
