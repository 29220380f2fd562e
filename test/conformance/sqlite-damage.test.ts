// The journal in SQLite and a file that is not as it was left: torn, cut, scribbled on, or something else altogether.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../src/fault/fault.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { journalSchema } from '../../src/store/journal-options.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { Bench, type Noted, notes } from './journal-bench.ts'
import { JournalFolder, reopening } from './sqlite-folder.ts'

const folder = new JournalFolder()
const defaults = journalSchema.parse({})

interface Warning {
  readonly facts: Record<string, unknown>
  readonly message: string
}

function openLogged(path: string, node = 'again'): { bench: Bench; warnings: Warning[] } {
  const warnings: Warning[] = []
  const log = { warn: (facts: object, message: string) => void warnings.push({ facts: { ...facts }, message }) }
  return { bench: new Bench(reopening(path, log), {}, path, node), warnings }
}

interface Written extends Noted {
  readonly texts: readonly string[]
  readonly isEnded: boolean
}

/** Twenty ended answers and three that were under way, their events interleaved, and the file closed. */
async function filled(path: string): Promise<Written[]> {
  const bench = new Bench(reopening(path))
  const answers = Array.from({ length: 23 }, (_, i) => ({
    ...bench.begin({ callKey: 'k' }, Buffer.from(`request ${i}`)),
    texts: Array.from({ length: 5 }, (_, n) => `answer ${i} event ${n} `.repeat(20 + i)),
    isEnded: i < 20,
  }))
  for (let n = 0; n < 5; n++) {
    for (const { entry, texts } of answers) entry.append(Buffer.from(texts[n] ?? ''))
    bench.moment()
  }
  for (const { entry, isEnded } of answers) if (isEnded) entry.seal('complete')
  bench.moment()
  await bench[Symbol.asyncDispose]()
  return answers
}

/** Each answer is a beginning of what was written, and looks whole only if it is. Gives how many are whole. */
async function checkAll(bench: Bench, answers: readonly Written[]): Promise<number> {
  const orphans = await bench.journal.orphans()
  let whole = 0
  for (const { info, texts, isEnded } of answers) {
    const cursor = await bench.journal.open(info.ray)
    if (!cursor) continue
    const found = (await cursor.read(0, 1e9))?.map(String) ?? []
    assert.deepEqual(found, texts.slice(0, found.length))
    const isWhole = found.length === texts.length
    if (isWhole) whole++
    if (!isWhole) assert.equal(cursor.outcome, 'failed')
    else if (!isEnded && cursor.outcome === null) assert.ok(orphans.includes(info.ray))
  }
  return whole
}

const besides = (path: string): string[] =>
  readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.damaged-`))

describe('the sqlite journal, its file something else', () => {
  test('refuses it, says what is wrong and what to do, and leaves it as it is', () => {
    const path = folder.newPath()
    writeFileSync(path, 'dear diary, '.repeat(1000))
    for (let i = 0; i < 2; i++)
      assert.throws(
        () => new SqliteJournal(path, new ManualClock(), defaults, 'one'),
        /cannot be used: .*not a database.*Move it away/,
      )
    assert.equal(readFileSync(path, 'utf8'), 'dear diary, '.repeat(1000))
  })

  test('refuses the database of another program', () => {
    const path = folder.newPath()
    const other = new DatabaseSync(path)
    other.exec('CREATE TABLE song (title TEXT)')
    other.close()
    assert.throws(() => new SqliteJournal(path, new ManualClock(), defaults, 'one'), /another kind or version/)
  })
})

describe('the sqlite journal, damaged', () => {
  test('a whole file is opened as it is, without a word', async () => {
    const path = folder.newPath()
    const answers = await filled(path)
    const { bench, warnings } = openLogged(path)
    await using _ = bench
    assert.equal(await checkAll(bench, answers), answers.length)
    assert.deepEqual([warnings, besides(path)], [[], []])
  })

  test('of a file that was cut off, what can be read is saved, and the rest is put aside and said', async () => {
    for (const share of [0.9, 0.6, 0.3]) {
      const path = folder.newPath()
      const answers = await filled(path)
      const size = Math.floor((readFileSync(path).length * share) / 4096) * 4096
      truncateSync(path, size)
      const { bench, warnings } = openLogged(path)
      const whole = await checkAll(bench, answers)
      if (share > 0.8) assert.ok(whole > 0, 'something was saved')
      assert.match(warnings[0]?.message ?? '', /damaged/)
      const [damaged] = besides(path)
      assert.ok(damaged && warnings[0]?.facts['damaged'])
      assert.equal(readFileSync(`${dirname(path)}/${damaged}`).length, size, 'the damaged file is kept as it was')
      assert.deepEqual(await bench.texts(bench.write(['it goes on'])), ['it goes on'])
      await bench[Symbol.asyncDispose]()
      const { bench: again, warnings: none } = openLogged(path, 'third')
      await using _ = again
      assert.equal(await checkAll(again, answers), whole)
      assert.deepEqual(none, [])
    }
  })

  test('wherever it is scribbled on, what is given back is what was written, and looks whole only if it is', async () => {
    const original = folder.newPath()
    const answers = await filled(original)
    const bytes = readFileSync(original)
    const run = async (at: number, length: number, value: number): Promise<void> => {
      const path = folder.newPath()
      const scribbled = Buffer.from(bytes)
      const from = 4096 + Math.floor(at * (bytes.length - 4096))
      scribbled.fill(value, from, Math.min(from + length, bytes.length))
      writeFileSync(path, scribbled)
      for (let start = 0; start < 3; start++) {
        const { bench } = openLogged(path, `start-${start}`)
        await using _ = bench
        try {
          await checkAll(bench, answers)
          bench.write(['it goes on'])
          return
        } catch (thrown) {
          // Met while it was read: a fault in words, and the next start mends it.
          if (!(thrown instanceof Fault)) throw thrown
          assert.match(thrown.detail, /journal/)
        }
      }
      assert.fail('it was not mended by starting again')
    }
    const unit = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
    await fc.assert(fc.asyncProperty(unit, fc.integer({ min: 1, max: 6000 }), fc.nat(255), run), { numRuns: 40 })
  })

  test('a damaged event that is met by a reader is a fault, and the next start cuts the answer there', async () => {
    const path = folder.newPath()
    const answers = await filled(path)
    const outside = new DatabaseSync(path)
    const [victim] = answers
    outside.exec(`UPDATE piece SET data = zeroblob(length(data)) WHERE answer = 1 AND first_seq = 3`)
    outside.close()
    const { bench, warnings } = openLogged(path)
    const cursor = await bench.journal.open(victim!.info.ray)
    assert.equal((await cursor?.read(0, 500))?.length, 1, 'what lies before it can be read')
    await assert.rejects(async () => cursor?.read(3, 1e9), { code: 'HF_INTERNAL' })
    assert.ok(warnings.length > 0)
    await bench[Symbol.asyncDispose]()
    const { bench: again, warnings: mended } = openLogged(path, 'third')
    await using _ = again
    // The pages fit together, so only the events themselves tell.
    assert.equal(await checkAll(again, answers), answers.length - 1)
    assert.deepEqual([(await again.texts(victim!))?.length, await again.outcome(victim!)], [3, 'failed'])
    assert.deepEqual([mended[0]?.facts['cutShort'], existsSync(`${path}.suspect`)], [1, false])
  })

  test('nobody adopts an answer that cannot be read: it has failed', async () => {
    const path = folder.newPath()
    const answers = await filled(path)
    const { info } = answers.at(-1)!
    const outside = new DatabaseSync(path)
    outside.exec(`UPDATE piece SET data = zeroblob(length(data)) WHERE answer = ${answers.length} AND first_seq = 3`)
    outside.close()
    const { bench } = openLogged(path)
    await using _ = bench
    assert.ok((await bench.journal.orphans()).includes(info.ray))
    const { listener, lost } = notes()
    await assert.rejects(bench.journal.adopt(info.ray, listener), { code: 'HF_INTERNAL' })
    bench.moment()
    assert.equal(await bench.outcome({ info }), 'failed')
    assert.deepEqual([(await bench.journal.orphans()).length, lost], [2, []])
  })

  test('a process that died while it saved leaves nothing behind that the next one could not finish', async () => {
    const path = folder.newPath()
    const answers = await filled(path)
    // Died before all was saved: the file is still there, and what was begun is thrown away.
    writeFileSync(`${path}.saving`, 'half')
    const { bench } = openLogged(path)
    assert.equal(await checkAll(bench, answers), answers.length)
    await bench[Symbol.asyncDispose]()
    // Died between two names: all is saved, but not yet in its place.
    renameSync(path, `${path}.saved`)
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    const { bench: again } = openLogged(path, 'third')
    await using _ = again
    assert.equal(await checkAll(again, answers), answers.length)
    assert.deepEqual([existsSync(`${path}.saved`), existsSync(`${path}.saving`)], [false, false])
  })
})
