// The journal in SQLite and real processes: killed, stopped and let go on, and several at one file.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ray } from '../../src/fault/ray.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { type JournalOptions, journalSchema } from '../../src/store/journal-options.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { Bench, codesOf, notes, silenceMs } from './journal-bench.ts'
import { JournalFolder, reopening } from './sqlite-folder.ts'
import type { WriterOrders } from './sqlite-writer-process.ts'

const folder = new JournalFolder()
const defaults = journalSchema.parse({})
const hasty: JournalOptions = { ...defaults, leaseMs: 400 }
const program = join(import.meta.dirname, 'sqlite-writer-process.ts')

const ray = (n: number): Ray => `06c8m0dfk2h3vd4zq7k1${String(n).padStart(2, '0')}-test` as Ray

/** A writer in a process of its own, and what it says it was promised. */
class WriterProcess implements AsyncDisposable {
  /** How far each answer was promised to be kept. */
  readonly kept: number[]
  readonly lost: string[] = []
  readonly cancelled: number[] = []
  lines = 0
  #child: ChildProcess
  #exit: Promise<unknown>
  #ended: Promise<void>
  #words = ''

  constructor(orders: WriterOrders) {
    this.kept = orders.rays.map(() => 0)
    this.#child = spawn(process.execPath, [program, JSON.stringify(orders)], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#exit = once(this.#child, 'exit')
    this.#child.stderr?.on('data', (bytes) => (this.#words += bytes))
    this.#ended = this.#listen()
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get promises(): number {
    return this.kept.reduce((sum, count) => sum + count, 0)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Kills it and hears out what it had said by then. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exit
    await this.#ended
    assert.equal(this.#child.signalCode, 'SIGKILL', this.#words)
  }

  /** Waits for something that comes about by itself, for seconds at most. */
  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; i < 2000; i++) {
      if (await isSo()) return
      if (this.#child.exitCode !== null) break
      await sleep(5)
    }
    assert.fail(`waited in vain for: ${what}. ${this.#words}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL')
    await this.#exit
  }

  async #listen(): Promise<void> {
    if (!this.#child.stdout) return
    for await (const line of createInterface({ input: this.#child.stdout })) {
      this.lines++
      const [word, answer = '', more = ''] = line.split(' ')
      if (word === 'kept') this.kept[Number(answer)] = Number(more)
      if (word === 'lost') this.lost.push(`${answer} ${more}`)
      if (word === 'cancel') this.cancelled.push(Number(answer))
    }
  }
}

const textsOf = (events: readonly Buffer[]): string[] => events.map((event) => String(event).trimEnd())
const expectedTexts = (answer: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${answer}.${i}`)

describe('the sqlite journal, its writer killed', () => {
  for (const sync of ['normal', 'full'] as const) {
    test(`has every event that was promised, in order and whole, and a successor goes on (sync: ${sync})`, async () => {
      for (const promisesMin of [1, 150, 900]) {
        const path = folder.newPath()
        await using writer = new WriterProcess({
          ...{ path, options: { ...defaults, sync }, node: 'dead' },
          rays: [ray(0), ray(1), ray(2)],
        })
        await writer.until('promises', () => writer.promises >= promisesMin)
        await writer.kill()
        await using bench = new Bench(reopening(path), {}, path, 'heir')
        assert.deepEqual(writer.lost, [])
        bench.clock.advance(silenceMs)
        assert.deepEqual(await bench.journal.orphans(), [ray(0), ray(1), ray(2)])
        for (const [answer, promised] of writer.kept.entries()) {
          const heir = await bench.adopt(ray(answer))
          const { length } = heir.adopted.events
          assert.ok(length >= promised, `answer ${answer}: ${promised} promised, ${length} there`)
          assert.equal(String(heir.adopted.request), `request ${answer}`)
          heir.entry.append(Buffer.from(`${answer}.${length}`))
          heir.entry.seal('complete')
          bench.moment()
          const texts = ((await bench.texts(heir)) ?? []).map((text) => text.trimEnd())
          assert.deepEqual(texts, expectedTexts(answer, length + 1))
        }
      }
    })
  }

  test('its answers are orphans at once when its death is known, and within its lease when it is not', async () => {
    const path = folder.newPath()
    await using journal = new SqliteJournal(path, systemClock, hasty, 'heir')
    await using known = new WriterProcess({ path, options: hasty, node: 'known', rays: [ray(0)] })
    await using unknown = new WriterProcess({ path, options: hasty, node: 'unknown', rays: [ray(1)] })
    await known.until('promises', () => known.promises > 20 && unknown.promises > 20)
    assert.deepEqual(await journal.orphans(), [])
    await known.kill()
    await journal.bury('known')
    assert.deepEqual(await journal.orphans(), [ray(0)])
    await unknown.kill()
    const killedMs = performance.now()
    for (let i = 0; i < 400 && (await journal.orphans()).length < 2; i++) await sleep(10)
    assert.deepEqual((await journal.orphans()).toSorted(), [ray(0), ray(1)])
    assert.ok(performance.now() - killedMs < 3000, 'within a few leases, however busy the machine')
  })

  test('a log of changes that was torn off is read as far as it goes', async () => {
    const path = folder.newPath()
    const copy = folder.newPath()
    await using writer = new WriterProcess({ path, options: defaults, node: 'dead', rays: [ray(0)] })
    await writer.until('promises', () => writer.promises >= 60)
    await writer.kill()
    copyFileSync(path, copy)
    copyFileSync(`${path}-wal`, `${copy}-wal`)
    truncateSync(`${copy}-wal`, readFileSync(`${copy}-wal`).length - 5000)
    await using bench = new Bench(reopening(copy), {}, copy, 'heir')
    const texts = (await bench.texts({ info: { ...bench.begin().info, ray: ray(0) } })) ?? []
    assert.ok(texts.length > 0)
    assert.deepEqual(
      texts.map((text) => text.trimEnd()),
      expectedTexts(0, texts.length),
    )
  })
})

describe('the sqlite journal, several processes at one file', () => {
  test('all are promised and none loses anything while they write at the same time', async () => {
    const path = folder.newPath()
    await using one = new WriterProcess({ path, options: defaults, node: 'one', rays: [ray(0), ray(1)] })
    await using two = new WriterProcess({ path, options: defaults, node: 'two', rays: [ray(2), ray(3)] })
    await using journal = new SqliteJournal(path, systemClock, defaults, 'three')
    const { listener, ...mine } = notes()
    const info = { ...{ ray: ray(9), route: 'chat', model: 'tiny', caller: '', beganMs: 0 }, isStream: true }
    const entry = journal.begin({ ...info, isStored: false, callKey: null }, null, listener)
    await one.until('promises of all', () => {
      entry.append(Buffer.from(`0.${entry.count}`))
      return one.promises > 1500 && two.promises > 1500 && (mine.kept.at(-1) ?? 0) > 50
    })
    // Readers in a third process see both grow without a hole.
    const cursor = await journal.open(ray(3))
    const seen: Buffer[] = []
    for (let i = 0; i < 20; i++) {
      seen.push(...((await cursor?.read(seen.length, 1e6)) ?? []))
      await sleep(5)
    }
    assert.deepEqual(textsOf(seen), expectedTexts(1, seen.length))
    for (const writer of [one, two]) await writer.kill()
    assert.deepEqual([one.lost, two.lost, codesOf(mine)], [[], [], []])
    for (const [i, promised] of [...one.kept, ...two.kept].entries()) {
      const texts = textsOf((await (await journal.open(ray(i)))?.read(0, 1e9)) ?? [])
      assert.ok(texts.length >= promised)
      assert.deepEqual(texts, expectedTexts(i % 2, texts.length))
    }
  })

  test('a cancel asked for in one process lands in the other within a second', async () => {
    const path = folder.newPath()
    await using writer = new WriterProcess({ path, options: defaults, node: 'one', rays: [ray(0), ray(1)] })
    await using journal = new SqliteJournal(path, systemClock, defaults, 'two')
    await writer.until('promises', () => writer.promises > 20)
    const askedMs = performance.now()
    assert.equal(await journal.cancel(ray(1)), true)
    await writer.until('the cancel', () => writer.cancelled.length > 0)
    const tookMs = performance.now() - askedMs
    assert.deepEqual(writer.cancelled, [1])
    assert.ok(tookMs < 1000, `${tookMs} ms`)
  })

  test('a process that was stopped for longer than its lease wakes up to find its answers taken', async () => {
    const path = folder.newPath()
    await using journal = new SqliteJournal(path, systemClock, hasty, 'heir')
    await using writer = new WriterProcess({ path, options: hasty, node: 'zombie', rays: [ray(0), ray(1)] })
    await writer.until('promises', () => writer.promises > 50)
    await stopUnlocked(writer, path)
    await writer.until('orphans', async () => (await journal.orphans()).length === 2)
    const heirs = []
    for (const answer of [0, 1]) {
      const { listener, ...rest } = notes()
      const adopted = await journal.adopt(ray(answer), listener)
      assert.ok(adopted && adopted.events.length >= writer.kept[answer]!)
      adopted.entry.append(Buffer.from('of the heir'))
      heirs.push({ adopted, ...rest })
    }
    const linesBefore = writer.lines
    writer.signal('SIGCONT')
    await writer.until('the loss', () => writer.lost.length === 2)
    for (const { adopted } of heirs) adopted.entry.append(Buffer.from('of the heir'))
    await writer.until('signs of life', () => writer.lines > linesBefore + 6)
    assert.deepEqual(writer.lost.toSorted(), ['0 HF_LEASE_LOST', '1 HF_LEASE_LOST'])
    for (const [answer, { adopted, lost }] of heirs.entries()) {
      const { length } = adopted.events
      const texts = textsOf((await (await journal.open(ray(answer)))?.read(0, 1e9)) ?? [])
      assert.deepEqual(texts, [...expectedTexts(answer, length), 'of the heir', 'of the heir'])
      assert.ok(writer.kept[answer]! <= length, 'it was promised nothing that the heir does not have')
      assert.deepEqual(lost, [])
    }
  })

  test('one that starts while others write finds all of it, and touches none of it', async () => {
    const path = folder.newPath()
    await using writer = new WriterProcess({ path, options: defaults, node: 'one', rays: [ray(0)] })
    await writer.until('promises', () => writer.promises > 20)
    for (let start = 0; start < 5; start++) {
      const promised = writer.promises
      await using journal = new SqliteJournal(path, systemClock, defaults, `start-${start}`)
      const cursor = await journal.open(ray(0))
      assert.ok(cursor && cursor.count >= promised)
      assert.deepEqual([await journal.orphans(), cursor.isOrphan], [[], false])
    }
    const promised = writer.promises
    await writer.until('more promises', () => writer.promises > promised + 20)
    assert.deepEqual([writer.lost, existsSync(`${path}.suspect`)], [[], false])
  })
})

/** Stopped in the middle of a transaction it would hold the lock of all others: then it is stopped a little later. */
async function stopUnlocked(writer: WriterProcess, path: string): Promise<void> {
  using database = new DatabaseSync(path)
  for (let tries = 0; tries < 50; tries++) {
    writer.signal('SIGSTOP')
    try {
      database.exec('BEGIN IMMEDIATE; ROLLBACK')
      return
    } catch {
      writer.signal('SIGCONT')
      const { promises } = writer
      await writer.until('more promises', () => writer.promises > promises)
    }
  }
  assert.fail('it is never outside of a transaction')
}
