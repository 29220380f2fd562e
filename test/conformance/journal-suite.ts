/**
 * What every journal must do, whatever its engine: `journalSuite(name, open)` is one engine's whole examination.
 * An engine may keep events at once or a moment later; the suite lets that moment pass and looks at what was promised.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnswerInfo } from '../../src/store/journal.ts'
import { Bench, codeOf, notes, type OpenJournal, otherRay } from './journal-bench.ts'
import { cursorTests } from './journal-cursor-suite.ts'
import { leaseTests, sharedTests } from './journal-lease-suite.ts'
import { propertyTests } from './journal-property-suite.ts'
import { retentionTests } from './journal-retention-suite.ts'

/** `isShared`: several nodes may have the answers of one place open at the same time. */
export function journalSuite(name: string, open: OpenJournal, { isShared }: { isShared: boolean }): void {
  describe(`${name} journal`, () => {
    orderTests(open)
    sealTests(open)
    cursorTests(open)
    leaseTests(open)
    if (isShared) sharedTests(open)
    retentionTests(open)
    limitTests(open)
    propertyTests(open, isShared ? ['a', 'b'] : ['a'])
  })
}

function orderTests(open: OpenJournal): void {
  test('gives events back in order, byte for byte, with all that is known of the answer', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin({
      ...{ route: 'messages', model: 'größte/модель', caller: '', isStream: false, isStored: true },
      callKey: 'key ✓',
    })
    const events = [
      Buffer.from('data: {"a":1}\n\n'),
      Buffer.alloc(0),
      Buffer.from([0, 255, 13, 10, 0]),
      Buffer.alloc(100_000, 7),
    ]
    for (const event of events) noted.entry.append(event)
    bench.moment()
    const cursor = await bench.journal.open(noted.info.ray)
    assert.ok(cursor)
    assert.deepEqual({ ...cursor.info }, { ...noted.info })
    assert.deepEqual([cursor.outcome, cursor.count, cursor.isCancelled], [null, 4, false])
    const read = await cursor.read(0, 1e9)
    assert.deepEqual(
      read?.map((event) => Buffer.from(event)),
      events,
    )
  })

  test('numbers events from 0, one by one', async () => {
    await using bench = new Bench(open)
    const { entry } = bench.begin()
    for (let i = 0; i < 5; i++) {
      assert.equal(entry.count, i)
      entry.append(Buffer.from(`e${i}`))
    }
    assert.deepEqual([entry.count, entry.epoch], [5, 1])
  })

  test('promises every event once it is kept, counting up and never beyond what was appended', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin()
    for (let i = 1; i <= 20; i++) {
      noted.entry.append(Buffer.from(`e${i}`))
      if (i % 3 === 0) bench.moment()
      assert.ok((noted.kept.at(-1) ?? 0) <= i)
    }
    bench.moment()
    assert.equal(noted.kept.at(-1), 20)
    assert.deepEqual(
      noted.kept.toSorted((a, b) => a - b),
      noted.kept,
    )
    assert.deepEqual(noted.lost, [])
  })

  test('can be read as far as it has promised, from the very moment of the promise', async () => {
    await using bench = new Bench(open)
    const { journal } = bench
    const info: AnswerInfo = { ...bench.begin().info, ray: otherRay }
    const looks: Promise<{ promised: number; there: number }>[] = []
    const look = async (promised: number): Promise<{ promised: number; there: number }> => {
      const cursor = await journal.open(info.ray)
      return { promised, there: (await cursor?.read(0, 1e9))?.length ?? 0 }
    }
    const entry = journal.begin(info, null, { ...notes().listener, onKept: (count) => void looks.push(look(count)) })
    for (let i = 0; i < 4; i++) {
      entry.append(Buffer.from('x'))
      bench.moment()
    }
    const seen = await Promise.all(looks)
    assert.equal(seen.at(-1)?.promised, 4)
    for (const { promised, there } of seen) assert.ok(there >= promised, `${promised} promised, ${there} there`)
  })

  test('keeps answers that are written at the same time apart', async () => {
    await using bench = new Bench(open)
    const answers = Array.from({ length: 8 }, () => bench.begin())
    for (let round = 0; round < 10; round++) {
      for (const [i, { entry }] of answers.entries())
        if ((round + i) % 3 !== 0) entry.append(Buffer.from(`${i}.${round}`))
      if (round % 4 === 0) bench.moment()
    }
    bench.moment()
    for (const [i, noted] of answers.entries()) {
      const expected = Array.from({ length: 10 }, (_, round) => round).filter((round) => (round + i) % 3 !== 0)
      assert.deepEqual(
        await bench.texts(noted),
        expected.map((round) => `${i}.${round}`),
      )
    }
  })
}

function sealTests(open: OpenJournal): void {
  for (const outcome of ['complete', 'failed', 'cancelled'] as const) {
    test(`remembers that an answer is ${outcome}`, async () => {
      await using bench = new Bench(open)
      const noted = bench.write(['a', 'b'], outcome)
      assert.equal(await bench.outcome(noted), outcome)
      assert.deepEqual(await bench.texts(noted), ['a', 'b'])
    })
  }

  test('the first end stands, and nothing is added behind it', async () => {
    await using bench = new Bench(open)
    const noted = bench.write(['a'], 'failed')
    noted.entry.append(Buffer.from('late'))
    noted.entry.seal('complete')
    noted.entry.release()
    bench.moment()
    assert.equal(noted.entry.count, 1)
    assert.deepEqual([await bench.outcome(noted), await bench.texts(noted)], ['failed', ['a']])
    assert.deepEqual([await bench.journal.orphans(), noted.lost], [[], []])
  })

  test('events appended right before the end are promised too', async () => {
    await using bench = new Bench(open)
    assert.equal(bench.write(['a', 'b', 'c']).kept.at(-1), 3)
  })

  test('an answer without an event can end as well', async () => {
    await using bench = new Bench(open)
    const noted = bench.write([], 'failed')
    assert.deepEqual([await bench.texts(noted), await bench.outcome(noted)], [[], 'failed'])
  })

  test('forgets the request and the asides at the end: an ended answer costs no more than one without them', async () => {
    await using bench = new Bench(open)
    await using plain = new Bench(open)
    const noted = bench.begin({}, Buffer.alloc(5000))
    noted.entry.append(Buffer.from('a'), Buffer.alloc(3000))
    bench.moment()
    assert.ok(bench.journal.keptBytes > 8000)
    noted.entry.seal('complete')
    bench.moment()
    plain.write(['a'])
    assert.equal(bench.journal.keptBytes, plain.journal.keptBytes)
    assert.deepEqual(await bench.texts(noted), ['a'])
    assert.equal(await bench.journal.recall(noted.info.ray), null)
  })
}

function limitTests(open: OpenJournal): void {
  test('refuses an event that makes an answer too large, and keeps the answer as it was', async () => {
    await using bench = new Bench(open, { answerBytesMax: 10_000 })
    const noted = bench.begin()
    noted.entry.append(Buffer.alloc(5000, 'a'))
    assert.equal(
      codeOf(() => noted.entry.append(Buffer.alloc(5001))),
      'HF_UPSTREAM_TOO_LARGE',
    )
    assert.equal(noted.entry.count, 1)
    noted.entry.append(Buffer.from('b'))
    noted.entry.seal('failed')
    bench.moment()
    const texts = await bench.texts(noted)
    assert.deepEqual(
      texts?.map(({ length }) => length),
      [5000, 1],
    )
  })

  test('takes the last word of an answer that is too large, or of a journal that is full', async () => {
    await using bench = new Bench(open, { totalBytesMax: 20_000, answerBytesMax: 10_000 })
    const large = bench.begin()
    large.entry.append(Buffer.alloc(8000, 'a'))
    const lastWord = 'x'.repeat(3000)
    large.entry.seal('failed', Buffer.from(lastWord))
    bench.moment()
    assert.deepEqual([(await bench.texts(large))?.[1], await bench.outcome(large)], [lastWord, 'failed'])
    assert.equal(large.kept.at(-1), 2)
    const live = bench.begin()
    while (codeOf(() => live.entry.append(Buffer.alloc(500))) === null) assert.ok(live.entry.count < 50)
    while (codeOf(() => live.entry.append(Buffer.alloc(1))) === null) assert.ok(live.entry.count < 2000)
    live.entry.seal('failed', Buffer.from('no more room'))
    live.entry.seal('failed', Buffer.from('late'))
    bench.moment()
    assert.deepEqual([(await bench.texts(live))?.at(-1), live.kept.at(-1)], ['no more room', live.entry.count])
    await bench.journal.remove(live.info.ray)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })

  test('is full when live answers alone fill it, refuses new work, and recovers when one ends', async () => {
    await using bench = new Bench(open, { totalBytesMax: 40_000, answerBytesMax: 40_000 })
    const live = bench.begin()
    const other = bench.begin()
    live.entry.append(Buffer.alloc(30_000, 'l'))
    other.entry.append(Buffer.from('o'))
    bench.moment()
    assert.equal(
      codeOf(() => other.entry.append(Buffer.alloc(20_000))),
      'HF_JOURNAL_FULL',
    )
    assert.equal(other.entry.count, 1)
    // Nothing was broken by the refusal: what fits still goes in, and what was there is there.
    other.entry.append(Buffer.from('p'))
    bench.moment()
    assert.deepEqual(await bench.texts(other), ['o', 'p'])
    assert.equal((await bench.texts(live))?.[0]?.length, 30_000)
    live.entry.seal('complete')
    bench.moment()
    other.entry.append(Buffer.alloc(20_000))
    bench.moment()
    assert.equal((await bench.texts(other))?.length, 3)
    assert.equal(await bench.texts(live), null)
  })

  test('begins no answer when there is no room for its first byte', async () => {
    await using bench = new Bench(open, { totalBytesMax: 20_000, answerBytesMax: 20_000 })
    const live = bench.begin()
    let appended = 0
    while (codeOf(() => live.entry.append(Buffer.alloc(500))) === null) assert.ok(++appended < 50)
    while (codeOf(() => live.entry.append(Buffer.alloc(1))) === null) assert.ok(++appended < 2000)
    assert.equal(
      codeOf(() => bench.begin()),
      'HF_JOURNAL_FULL',
    )
    live.entry.seal('complete')
    bench.moment()
    assert.equal(
      codeOf(() => bench.begin()),
      null,
    )
  })

  test('never holds more than it may', async () => {
    await using bench = new Bench(open, { totalBytesMax: 60_000, answerBytesMax: 30_000 })
    for (let i = 0; i < 200; i++) {
      const { entry } = bench.begin()
      codeOf(() => entry.append(Buffer.alloc((i * 997) % 20_000)))
      entry.seal('complete')
      bench.moment()
      assert.ok(bench.journal.keptBytes <= 60_000, `${bench.journal.keptBytes} bytes after ${i} answers`)
    }
  })
}
