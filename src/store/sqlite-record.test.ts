// The record's file in trouble: full, busy, damaged, of another version, too large, too old; and two who write it.
import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { type FactKind, factKinds } from '../observe/fact.ts'
import type { FactRow } from '../observe/fact-row.ts'
import { factWords } from '../observe/fact-words.ts'
import { SqliteRecord } from './sqlite-record.ts'
import { RecordQuery } from './sqlite-record-query.ts'
import { RecordSweep, type SweepLimits } from './sqlite-record-sweep.ts'

const hourMs = 3_600_000

interface Stage extends Disposable {
  readonly path: string
  readonly clock: ManualClock
  readonly lines: string[]
  readonly open: (node?: string) => SqliteRecord
  /** Details of facts that are kept, in order of time. */
  readonly kept: () => string[]
}

function openStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-record-'))
  const path = join(folder, 'record.db')
  const clock = new ManualClock()
  const lines: string[] = []
  const opened: SqliteRecord[] = []
  return {
    path,
    clock,
    lines,
    open: (node = 'worker-0/1') => {
      const record = new SqliteRecord(path, clock, node, { warn: (_, message) => void lines.push(message) })
      opened.push(record)
      return record
    },
    kept: () => {
      using reader = new RecordQuery(path)
      const { entries } = reader.latest({}, 1000)
      return entries.map(({ fact }) => (fact.kind === 'journal' ? fact.detail : fact.kind)).toReversed()
    },
    [Symbol.dispose]: () => {
      for (const record of opened) record[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

function row(atMs: number, detail: string, more: Partial<FactRow> = {}): FactRow {
  const body = JSON.stringify({ state: 'error', detail })
  return { atMs, kind: 'journal', rank: 2, ray: null, upstream: null, code: null, body, ...more }
}

test('what is noted is written half a second later, or when there is much of it', () => {
  using stage = openStage()
  const { clock, kept } = stage
  const record = stage.open()
  record.put(row(clock.nowMs(), 'a'))
  assert.deepEqual(kept(), [])
  clock.advance(500)
  assert.deepEqual(kept(), ['a'])
  for (let i = 0; i < 300; i++) record.put(row(clock.nowMs(), 'x'.repeat(300)))
  clock.advance(10)
  assert.equal(kept().length, 301)
})

test('two processes write one file, within the same milliseconds, and nothing is lost or out of order', () => {
  using stage = openStage()
  const { clock, kept } = stage
  const [one, other] = [stage.open('worker-0/1'), stage.open('worker-1/2')]
  for (let i = 0; i < 200; i++) {
    one.put(row(clock.nowMs(), `one ${i}`))
    other.put(row(clock.nowMs(), `other ${i}`))
    if (i % 50 === 0) clock.advance(1)
  }
  clock.advance(500)
  const found = kept()
  assert.equal(found.length, 400)
  for (const who of ['one', 'other'])
    assert.deepEqual(
      found.filter((each) => each.startsWith(who)),
      Array.from({ length: 200 }, (_, i) => `${who} ${i}`),
    )
  using reader = new RecordQuery(stage.path)
  const nodes = new Set(reader.latest({}, 1000).entries.map(({ fact }) => fact.node))
  assert.deepEqual([...nodes].toSorted(), ['worker-0/1', 'worker-1/2'])
})

test('more in one millisecond than it has places takes those of the next', () => {
  using stage = openStage()
  const record = stage.open()
  const atMs = stage.clock.nowMs()
  for (let i = 0; i < 5000; i++) record.put(row(atMs, `${i}`))
  stage.clock.advance(500)
  assert.equal(record.lostCount, 0)
  assert.deepEqual(stage.kept().slice(-2), ['4998', '4999'])
})

test('a file that another process holds is tried again, and nobody waits for it', () => {
  using stage = openStage()
  const { clock, kept } = stage
  const record = stage.open()
  const other = new DatabaseSync(stage.path)
  other.exec('BEGIN IMMEDIATE')
  record.put(row(clock.nowMs(), 'a'))
  clock.advance(3000)
  assert.deepEqual(kept(), [])
  other.exec('COMMIT')
  other.close()
  clock.advance(500)
  assert.deepEqual(kept(), ['a'])
  assert.equal(record.lostCount, 0)
})

test('while the disk is full facts wait, as many as may, the others are counted, and it is said once', () => {
  using stage = openStage()
  const { clock, kept, lines } = stage
  const record = stage.open()
  const pages = Number(record.file.database.prepare('PRAGMA page_count').get()?.['page_count'])
  record.file.database.exec(`PRAGMA max_page_count = ${pages}`)
  const count = 5000
  for (let i = 0; i < count; i++) {
    record.put(row(clock.nowMs(), `${i}`.padEnd(1000, 'x')))
    if (i % 1000 === 0) clock.advance(6000)
  }
  assert.deepEqual(lines, ['the record cannot be written'])
  assert.ok(record.lostCount > 0 && record.lostCount < count / 2, `${record.lostCount} lost`)
  assert.ok(kept().length < 10)
  record.file.database.exec('PRAGMA max_page_count = 1000000')
  record.put(row(clock.nowMs(), 'back'))
  clock.advance(12_000)
  const lostCount = record.lostCount
  record.put(row(clock.nowMs(), 'later'))
  clock.advance(6000)
  const all = record.file.database.prepare('SELECT body FROM fact ORDER BY id').all()
  assert.equal(all.length, count + 2 - lostCount)
  assert.match(String(all[0]?.['body']), /"0x/)
  assert.equal(kept().at(-1), 'later')
  assert.equal(lines.length, 2)
})

test('what cannot be written does not pile up', () => {
  using stage = openStage()
  const { clock } = stage
  const record = stage.open()
  const other = new DatabaseSync(stage.path)
  other.exec('BEGIN IMMEDIATE')
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20_000; i++) record.put(row(clock.nowMs(), 'x'.repeat(1000)))
  const mib = (process.memoryUsage().heapUsed - before) / 2 ** 20
  assert.ok(record.lostCount > 10_000, `${record.lostCount} lost`)
  assert.ok(mib < 60, `${mib} MiB`)
  other.exec('COMMIT')
  other.close()
  clock.advance(500)
  assert.equal(stage.kept().length, 1000)
})

test('a file that is none, or of a later version, is laid aside, and the gateway starts', () => {
  for (const spoil of [
    (path: string) => writeFileSync(path, 'this is no database, however long one reads it. '.repeat(100)),
    (path: string) => {
      const database = new DatabaseSync(path)
      database.exec('PRAGMA user_version = 99; CREATE TABLE fact (other)')
      database.close()
    },
  ]) {
    using stage = openStage()
    spoil(stage.path)
    const record = stage.open()
    record.put(row(stage.clock.nowMs(), 'a'))
    stage.clock.advance(500)
    assert.deepEqual(stage.kept(), ['a'])
    assert.ok(existsSync(`${stage.path}.damaged`))
  }
})

test('a file that is damaged while it is written is laid aside once, by whoever notices first', () => {
  using stage = openStage()
  const { clock, kept } = stage
  const [one, other] = [stage.open('worker-0/1'), stage.open('worker-1/2')]
  one.put(row(clock.nowMs(), 'before'))
  clock.advance(500)
  one.file.database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const { size } = statSync(stage.path)
  const file = openSync(stage.path, 'r+')
  writeSync(file, Buffer.alloc(size - 4096, 0xff), 0, size - 4096, 4096)
  closeSync(file)
  for (let i = 0; i < 4; i++) {
    one.put(row(clock.nowMs(), `one ${i}`))
    other.put(row(clock.nowMs(), `other ${i}`))
    clock.advance(6000)
  }
  const found = kept()
  assert.ok(found.includes('one 3') && found.includes('other 3'), found.join(', '))
  assert.ok(existsSync(`${stage.path}.damaged`))
})

test('a file that cannot be opened at first is written as soon as it can', () => {
  using stage = openStage()
  const { clock, lines } = stage
  mkdirSync(stage.path)
  const record = stage.open()
  using _ = keep(stage, {})
  for (let i = 0; i < 3; i++) {
    record.put(row(clock.nowMs(), `lost ${i}`))
    clock.advance(6000)
  }
  assert.deepEqual([record.lostCount, lines], [3, ['the record cannot be written']])
  rmdirSync(stage.path)
  record.put(row(clock.nowMs(), 'kept'))
  clock.advance(6000)
  assert.deepEqual(stage.kept(), ['kept'])
  assert.equal(lines.at(-1), 'the record is written again')
})

test('a file that somebody deletes is made anew', () => {
  using stage = openStage()
  const record = stage.open()
  record.put(row(stage.clock.nowMs(), 'a'))
  stage.clock.advance(500)
  for (const suffix of ['', '-wal', '-shm']) rmSync(stage.path + suffix, { force: true })
  record.put(row(stage.clock.nowMs(), 'b'))
  stage.clock.advance(500)
  assert.deepEqual(stage.kept(), ['b'])
})

function keep(stage: Stage, limits: Partial<SweepLimits>): RecordSweep {
  const all = { keepMs: 24 * hourMs, keepUneventfulMs: hourMs, totalBytesMax: 2 ** 30, ...limits }
  return new RecordSweep(stage.path, stage.clock, all)
}

test('facts are forgotten when they are old, and calls to which nothing happened long before', () => {
  using stage = openStage()
  const { clock, kept } = stage
  const record = stage.open()
  using _ = keep(stage, {})
  record.put(row(clock.nowMs(), 'dull', { rank: 0 }))
  record.put(row(clock.nowMs(), 'call', { rank: 1 }))
  record.put(row(clock.nowMs(), 'house'))
  clock.advance(hourMs - 60_000)
  assert.deepEqual(kept(), ['dull', 'call', 'house'])
  clock.advance(120_000)
  assert.deepEqual(kept(), ['call', 'house'])
  for (let hour = 0; hour < 24; hour++) clock.advance(hourMs)
  assert.deepEqual(kept(), [])
})

test('a full file makes room: the dull first, then calls, then the rest, and it stays within its size', () => {
  using stage = openStage()
  const { clock } = stage
  const record = stage.open()
  const totalBytesMax = 2 ** 20
  using sweep = keep(stage, { totalBytesMax, keepUneventfulMs: 24 * hourMs })
  const body = JSON.stringify({ state: 'error', detail: 'x'.repeat(400) })
  record.put(row(clock.nowMs(), 'first'))
  for (let second = 0; second < 600; second++) {
    for (let i = 0; i < 10; i++) record.put(row(clock.nowMs(), '', { rank: 0, kind: 'call', body }))
    record.put(row(clock.nowMs(), '', { rank: 1, kind: 'call', body, ray: `r${second}` }))
    clock.advance(1000)
  }
  clock.advance(30_000)
  assert.ok(sweep.usedBytes <= totalBytesMax, `${sweep.usedBytes}`)
  using reader = new RecordQuery(stage.path)
  assert.equal(reader.latest({ kinds: ['journal'] }, 1).entries.length, 1, 'of the house nothing is forgotten')
  const database = new DatabaseSync(stage.path)
  const { dull, eventful } = database
    .prepare('SELECT sum(rank = 0) AS dull, sum(rank = 1) AS eventful FROM fact')
    .get() as { dull: number; eventful: number }
  database.close()
  assert.equal(eventful, 600, 'nor of the calls, while there are dull ones')
  assert.ok(dull > 0 && dull < 2000, `${dull}`)
})

test('a flood of one fault makes room among itself: what is rare stays', () => {
  using stage = openStage()
  const { clock } = stage
  const record = stage.open()
  const totalBytesMax = 2 ** 20
  using sweep = keep(stage, { totalBytesMax })
  const body = JSON.stringify({ detail: 'x'.repeat(400), attempts: [], seams: [] })
  const call = (code: string | null, count: number): void => {
    for (let i = 0; i < count; i++) record.put(row(clock.nowMs(), '', { rank: 1, kind: 'call', body, code }))
    clock.advance(1000)
  }
  call('HF_INTERNAL', 3)
  call(null, 3)
  for (let second = 0; second < 400; second++) call('HF_OVERLOADED', 20)
  clock.advance(30_000)
  assert.ok(sweep.usedBytes <= totalBytesMax, `${sweep.usedBytes}`)
  using reader = new RecordQuery(stage.path)
  const countOf = (code: string): number => reader.latest({ kinds: ['call'], code }, 1000).entries.length
  assert.deepEqual([countOf('HF_INTERNAL'), countOf('HF_OVERLOADED')], [3, 1000])
  const newest = reader.latest({ kinds: ['call'], code: 'HF_OVERLOADED' }, 1).entries[0]?.fact.atMs ?? 0
  assert.ok(clock.nowMs() - newest < 40_000, 'the newest of the flood are there')
})

test('rows of a shape that is not known here stop nobody who reads', () => {
  using stage = openStage()
  const record = stage.open()
  const ray = '01m8hdt95kbfrs00zatjyn-local'
  const bodies = ['{}', '[]', 'null', '7', 'x', '{"attempts":7,"seams":[]}', '{"attempts":[7],"seams":[]}']
  for (const body of [...bodies, '{"attempts":[{}],"seams":7}', '{"attempts":[{}],"seams":[7]}'])
    for (const kind of Object.keys(factKinds) as FactKind[])
      record.put(row(stage.clock.nowMs(), '', { kind, body, ray, code: 'HF_INTERNAL', upstream: 'u' }))
  stage.clock.advance(1000)
  using reader = new RecordQuery(stage.path)
  for (const { fact } of reader.latest({}, 1000).entries) assert.notEqual(factWords(fact), '')
  assert.doesNotThrow(() => [reader.lastFailure(), reader.counts(0, Number.MAX_SAFE_INTEGER), reader.byRay(ray)])
})

test('a gateway that died leaves a record that can be read, and never wrote to', () => {
  using stage = openStage()
  const record = stage.open()
  record.put(row(stage.clock.nowMs(), 'a'))
  stage.clock.advance(500)
  const reader = new RecordQuery(stage.path)
  assert.equal(reader.latest({}, 10).entries.length, 1)
  record[Symbol.dispose]()
  reader[Symbol.dispose]()
  assert.deepEqual(stage.kept(), ['a'])
  assert.throws(() => new RecordQuery(`${stage.path}.none`))
})
