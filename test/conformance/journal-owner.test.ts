// One journal file has one writer, and its account of what it keeps stays true when the disk refuses to forget.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { journalSchema } from '../../src/store/journal.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { Bench } from './journal-suite.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-owner-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

const defaults = journalSchema.parse({})

test('a journal that is open elsewhere is refused in words, and its owner is not disturbed', async () => {
  const path = join(folder, 'shared.db')
  const bench = new Bench((clock, options) => new SqliteJournal(path, clock, options))
  const live = bench.begin()
  live.entry.append(Buffer.from('a'))
  bench.moment()
  assert.throws(
    () => new SqliteJournal(path, new ManualClock(), defaults),
    /shared\.db belongs to another running gateway/,
  )
  live.entry.append(Buffer.from('b'))
  live.entry.seal('complete')
  bench.moment()
  assert.deepEqual([bench.texts(live), live.lost], [['a', 'b'], []])
  await bench[Symbol.asyncDispose]()
  await using again = new Bench((clock, options) => new SqliteJournal(path, clock, options))
  assert.deepEqual(again.texts(live), ['a', 'b'], 'once it is closed another may open it')
})

test('a file that is no journal is named, with what to do', () => {
  const path = join(folder, 'diary.db')
  writeFileSync(path, 'dear diary, '.repeat(1000))
  for (let i = 0; i < 2; i++)
    assert.throws(
      () => new SqliteJournal(path, new ManualClock(), defaults),
      /diary\.db cannot be used: .*not a database.*Move it away/,
    )
})

test('answers that could not be forgotten go on counting', async () => {
  const path = join(folder, 'full.db')
  await using bench = new Bench((clock, options) => new SqliteJournal(path, clock, options), { keepMs: 1000 })
  const noted = bench.write(['x'.repeat(5000)])
  const outside = new DatabaseSync(path)
  outside.exec("CREATE TRIGGER full BEFORE DELETE ON piece BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
  for (let i = 0; i < 5; i++) bench.clock.advance(15_000)
  assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [5000, 1])
  assert.ok(bench.texts(noted))
  outside.exec('DROP TRIGGER full')
  outside.close()
  bench.clock.advance(15_000)
  assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
})
