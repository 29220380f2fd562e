// Both engines of the journal under the one suite, and what only a file can suffer: death of its writer, damage, a
// full disk.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import type { Ray } from '../../src/fault/ray.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { journalSchema, type JournalOptions } from '../../src/store/journal.ts'
import { MemoryJournal } from '../../src/store/memory-journal.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { Bench, codeOf, journalSuite, type OpenJournal } from './journal-suite.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-journal-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

let fileCount = 0
const newPath = (): string => join(folder, `journal-${fileCount++}.db`)
const defaults = journalSchema.parse({})

journalSuite('memory', (clock, options) => new MemoryJournal(clock, options))
journalSuite('sqlite', (clock, options) => new SqliteJournal(newPath(), clock, options))
journalSuite(
  'sqlite (full sync, no window)',
  (clock, options) => new SqliteJournal(newPath(), clock, { ...options, sync: 'full', commitWindowMs: 0 }),
)

/** Opens one and the same file each time, as a gateway does that starts again. */
function reopening(path = newPath()): OpenJournal {
  return (clock, options) => new SqliteJournal(path, clock, options)
}

describe('the sqlite journal, opened again', () => {
  test('has every answer that was kept, ended or not', async () => {
    const open = reopening()
    const bench = new Bench(open)
    const ended = bench.write(['a', 'b'])
    const live = bench.begin()
    live.entry.append(Buffer.from('c'))
    bench.moment()
    await bench[Symbol.asyncDispose]()
    await using again = new Bench(open)
    assert.deepEqual([again.texts(ended), again.journal.read(ended.info.ray)?.outcome], [['a', 'b'], 'complete'])
    assert.deepEqual([again.texts(live), again.journal.read(live.info.ray)?.outcome], [['c'], null])
    assert.equal(again.journal.answerCount, 2)
  })

  test('keeps at its end what was on the way', async () => {
    const open = reopening()
    const bench = new Bench(open)
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    await bench[Symbol.asyncDispose]() // no moment has passed
    assert.deepEqual(noted.kept, [1])
    await using again = new Bench(open)
    assert.deepEqual(again.texts(noted), ['a'])
  })

  test('does not mix what it writes with what it found', async () => {
    const open = reopening()
    const bench = new Bench(open)
    const old = Array.from({ length: 3 }, (_, i) => bench.begin({ ray: ray(i) }))
    for (const { entry } of old) entry.append(Buffer.from('old'))
    bench.moment()
    await bench[Symbol.asyncDispose]()
    await using again = new Bench(open)
    const fresh = Array.from({ length: 3 }, (_, i) => again.begin({ ray: ray(10 + i) }))
    for (const { entry } of fresh) entry.append(Buffer.from('fresh'))
    again.moment()
    for (const noted of old) assert.deepEqual(again.texts(noted), ['old'])
    for (const noted of fresh) assert.deepEqual(again.texts(noted), ['fresh'])
  })

  test('forgets what lost its writer as it forgets what ended', async () => {
    const open = reopening()
    const bench = new Bench(open)
    const live = bench.begin()
    live.entry.append(Buffer.from('c'))
    bench.moment()
    await bench[Symbol.asyncDispose]()
    await using again = new Bench(open, { keepMs: 100_000 })
    again.clock.advance(90_000)
    assert.deepEqual(again.texts(live), ['c'])
    again.clock.advance(60_000)
    assert.equal(again.texts(live), null)
    assert.deepEqual([again.journal.keptBytes, again.journal.answerCount], [0, 0])
  })

  test('can be closed twice', async () => {
    const bench = new Bench(reopening())
    await bench[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })
})

function ray(n: number): Ray {
  return `06c8m0dfk2h3vd4zq7k1${String(n).padStart(2, '0')}-test` as Ray
}

/** A writer in a process of its own: says after each promise of the journal how far each of its answers is kept. */
const writer = `
  import { writeSync } from 'node:fs'
  import { systemClock } from '${new URL('../../src/ground/clock.ts', import.meta.url).href}'
  import { SqliteJournal } from '${new URL('../../src/store/sqlite-journal.ts', import.meta.url).href}'
  const { path, options, rays } = JSON.parse(process.argv[1])
  const journal = new SqliteJournal(path, systemClock, options)
  const entries = rays.map((ray, answer) => journal.begin(
    { ray, route: 'chat', model: 'tiny', caller: '', beganMs: Date.now() },
    (count) => writeSync(1, answer + ' ' + count + '\\n'),
    (cause) => { throw cause },
  ))
  let number = 0
  setInterval(() => {
    for (const [answer, entry] of entries.entries()) {
      for (let i = 0; i <= answer; i++) {
        entry.append(Buffer.from(answer + '.' + entry.count + ' '.repeat(number++ % 700)))
      }
    }
  }, 1)
`

/**
 * Lets a writer work until it has promised `promisesMin` times, kills it, and tells how far each answer was promised.
 */
async function writeAndDie(
  path: string,
  options: JournalOptions,
  rays: readonly Ray[],
  promisesMin: number,
): Promise<number[]> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', writer, JSON.stringify({ path, options, rays })],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const gone = once(child, 'exit')
  let told = ''
  child.stderr.on('data', (bytes) => (told += bytes))
  const promised = rays.map(() => 0)
  let promises = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [answer = 0, count = 0] = line.split(' ').map(Number)
    promised[answer] = Math.max(promised[answer] ?? 0, count)
    // Goes on reading after the kill: what the writer had said by then counts.
    if (++promises === promisesMin) child.kill('SIGKILL')
  }
  const [, signal] = (await gone) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL', told)
  return promised
}

describe('the sqlite journal, its writer killed', () => {
  for (const sync of ['normal', 'full'] as const) {
    test(`has every event that was promised, in order and whole (sync: ${sync})`, async () => {
      const path = newPath()
      const rays = [ray(0), ray(1), ray(2)]
      for (const promisesMin of [1, 40, 150]) {
        rmSync(path, { force: true })
        for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
        const promised = await writeAndDie(path, { ...defaults, sync }, rays, promisesMin)
        assert.ok(Math.max(...promised) > 0)
        await using bench = new Bench(reopening(path))
        for (const [answer, count] of promised.entries()) {
          const found = bench.journal.read(ray(answer))
          const texts = found?.events.map((event) => String(event).trimEnd()) ?? []
          assert.ok(texts.length >= count, `answer ${answer}: ${count} promised, ${texts.length} there`)
          assert.deepEqual(
            texts,
            texts.map((_, i) => `${answer}.${i}`),
          )
          if (count > 0) assert.equal(found?.outcome, null)
        }
        const fresh = bench.write(['it goes on'])
        assert.deepEqual(bench.texts(fresh), ['it goes on'])
      }
    })
  }
})

describe('the sqlite journal, damaged', () => {
  async function filled(path: string): Promise<ReturnType<Bench['write']>[]> {
    const bench = new Bench(reopening(path))
    const answers = Array.from({ length: 20 }, (_, i) => bench.write([`answer ${i} `.repeat(500)]))
    await bench[Symbol.asyncDispose]()
    return answers
  }

  test('refuses a file that is something else, and says what is wrong', () => {
    const path = newPath()
    writeFileSync(path, 'dear diary, '.repeat(1000))
    assert.throws(() => new SqliteJournal(path, new ManualClock(), defaults), /not a database/)
    assert.equal(readFileSync(path, 'utf8').startsWith('dear diary'), true, 'it was not overwritten')
  })

  test('opens a file with a torn log of changes, without what was torn off', async () => {
    const path = newPath()
    const promised = await writeAndDie(path, defaults, [ray(0)], 60)
    assert.ok(promised[0]! > 0)
    const wal = `${path}-wal`
    const size = readFileSync(wal).length
    truncateSync(wal, size - 1000)
    await using bench = new Bench(reopening(path))
    const texts = bench.journal.read(ray(0))?.events.map((event) => String(event).trimEnd()) ?? []
    assert.deepEqual(
      texts,
      texts.map((_, i) => `0.${i}`),
      'a prefix, without a hole',
    )
  })

  test('a file cut in half is refused, or gives back nothing but what was written', async () => {
    const path = newPath()
    const answers = await filled(path)
    truncateSync(path, Math.floor(readFileSync(path).length / 2 / 4096) * 4096)
    let bench: Bench
    try {
      bench = new Bench(reopening(path))
    } catch (thrown) {
      return assert.match(String(thrown), /malformed|corrupt|not a database/)
    }
    await using _ = bench
    for (const [i, noted] of answers.entries()) {
      let texts: string[] | null
      try {
        texts = bench.texts(noted)
      } catch (thrown) {
        assert.match(String(thrown), /malformed|corrupt/)
        continue
      }
      if (texts?.length) assert.deepEqual(texts, [`answer ${i} `.repeat(500)])
    }
  })

  test('takes an empty file for a new journal', async () => {
    const path = newPath()
    writeFileSync(path, '')
    await using bench = new Bench(reopening(path))
    assert.deepEqual(bench.texts(bench.write(['a'])), ['a'])
  })
})

describe('the sqlite journal, its disk refusing writes', () => {
  /** Makes every write of events fail, as a full disk does, until it is told to stop. */
  function refusal(path: string): () => void {
    const outside = new DatabaseSync(path)
    outside.exec(
      "CREATE TRIGGER full BEFORE INSERT ON piece BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    return () => {
      outside.exec('DROP TRIGGER full')
      outside.close()
    }
  }

  test('says so to those whose events were lost, once, and promises nothing', async () => {
    const path = newPath()
    await using bench = new Bench(reopening(path))
    const [one, other] = [bench.begin(), bench.begin()]
    one.entry.append(Buffer.from('a'))
    bench.moment()
    const recover = refusal(path)
    one.entry.append(Buffer.from('b'))
    bench.moment()
    one.entry.append(Buffer.from('c'))
    bench.moment()
    assert.deepEqual([one.kept, one.lost.length, other.lost.length], [[1], 1, 0])
    assert.match(String(one.lost[0]), /full/)
    recover()
  })

  test('refuses new work at once, tries again after a second, and then goes on', async () => {
    const path = newPath()
    await using bench = new Bench(reopening(path))
    const recover = refusal(path)
    bench.begin().entry.append(Buffer.from('a'))
    bench.moment()
    assert.equal(
      codeOf(() => bench.begin()),
      'HF_JOURNAL_FULL',
    )
    recover()
    bench.clock.advance(1000)
    assert.deepEqual(bench.texts(bench.write(['b'])), ['b'])
  })

  test('remembers an answer that lost events as failed, with what was kept of it before', async () => {
    const path = newPath()
    await using bench = new Bench(reopening(path))
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    bench.moment()
    const recover = refusal(path)
    noted.entry.append(Buffer.from('b'))
    bench.moment()
    recover()
    bench.clock.advance(1000)
    bench.write(['other'])
    assert.deepEqual([bench.texts(noted), bench.journal.read(noted.info.ray)?.outcome], [['a'], 'failed'])
  })

  test('gives the room of an answer back whose first events were lost', async () => {
    const path = newPath()
    await using bench = new Bench(reopening(path), { keepMs: 1000 })
    const recover = refusal(path)
    bench.begin().entry.append(Buffer.alloc(5000))
    bench.moment()
    recover()
    bench.clock.advance(1000)
    bench.write(['other'])
    bench.clock.advance(60_000)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })
})
