/** How long every journal keeps answers: three clocks and the room. Part of `journalSuite`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bench, type OpenJournal, sweepMs } from './journal-bench.ts'

export function retentionTests(open: OpenJournal): void {
  clockTests(open)
  roomTests(open)
}

function clockTests(open: OpenJournal): void {
  test('forgets an answer its time after it ended, not after it began', async () => {
    await using bench = new Bench(open, { keepMs: 600_000, keepReadMs: 0 })
    const live = bench.begin()
    live.entry.append(Buffer.from('a'))
    bench.clock.advance(700_000)
    assert.deepEqual(await bench.texts(live), ['a'])
    live.entry.seal('complete')
    bench.clock.advance(600_000 - sweepMs)
    assert.deepEqual(await bench.texts(live), ['a'])
    bench.clock.advance(2 * sweepMs)
    assert.equal(await bench.texts(live), null)
  })

  test('keeps an answer under its reader: the time counts from the last reading', async () => {
    await using bench = new Bench(open, { keepMs: 100_000, keepReadMs: 200_000 })
    const [read, unread] = [bench.write(['a']), bench.write(['b'])]
    const cursor = await bench.journal.open(read.info.ray)
    for (let i = 0; i < 4; i++) {
      bench.clock.advance(90_000)
      assert.equal((await cursor?.read(0, 1e9))?.length, 1)
    }
    assert.equal(await bench.texts(unread), null)
    bench.clock.advance(200_000 + sweepMs)
    assert.equal(await cursor?.read(0, 1e9), null)
  })

  test('a reading shortens nothing', async () => {
    await using bench = new Bench(open, { keepMs: 500_000, keepReadMs: 1000 })
    const noted = bench.write(['a'])
    bench.clock.advance(400_000)
    assert.deepEqual(await bench.texts(noted), ['a'])
    bench.clock.advance(90_000)
    assert.deepEqual(await bench.texts(noted), ['a'])
  })

  test('keeps no answer longer than the longest time, read or not, counted from its beginning', async () => {
    await using bench = new Bench(open, { keepMs: 400_000, keepReadMs: 400_000, keepMaxMs: 500_000 })
    const slow = bench.begin()
    bench.clock.advance(300_000)
    slow.entry.seal('complete')
    bench.moment()
    bench.clock.advance(100_000)
    assert.deepEqual(await bench.texts(slow), [])
    bench.clock.advance(100_000 + sweepMs)
    assert.equal(await bench.texts(slow), null)
  })

  test('keeps a stored answer for the longest time, however long ago it ended', async () => {
    await using bench = new Bench(open, { keepMs: 1000, keepReadMs: 0, keepMaxMs: 500_000 })
    const stored = bench.write(['s'], 'complete', { isStored: true })
    const passing = bench.write(['p'])
    bench.clock.advance(400_000)
    assert.deepEqual(await bench.texts(stored), ['s'])
    assert.equal(await bench.texts(passing), null)
    bench.clock.advance(100_000 + sweepMs)
    assert.equal(await bench.texts(stored), null)
  })

  test('tells apart the bytes that no forgetting gives back', async () => {
    await using bench = new Bench(open)
    bench.write(['x'.repeat(10_000)])
    const { liveBytes: none } = bench.journal
    const live = bench.begin({}, Buffer.alloc(1000))
    live.entry.append(Buffer.from('y'.repeat(5000)))
    bench.moment()
    const { liveBytes, keptBytes } = bench.journal
    live.entry.seal('complete')
    bench.moment()
    assert.equal(none, 0)
    assert.ok(liveBytes >= 6000 && liveBytes <= keptBytes - 10_000, `${liveBytes} of ${keptBytes} bytes`)
    assert.equal(bench.journal.liveBytes, 0)
  })

  test('a live answer outlives the longest time', async () => {
    await using bench = new Bench(open, { keepMs: 1000, keepReadMs: 0, keepMaxMs: 100_000 })
    const live = bench.begin()
    live.entry.append(Buffer.from('a'))
    bench.clock.advance(300_000)
    live.entry.append(Buffer.from('b'))
    bench.moment()
    assert.deepEqual(await bench.texts(live), ['a', 'b'])
    live.entry.seal('complete')
    bench.clock.advance(sweepMs)
    assert.equal(await bench.texts(live), null)
  })

  test('keeps nothing when it is told so', async () => {
    await using bench = new Bench(open, { keepMs: 0, keepReadMs: 0 })
    const noted = bench.write(['a'])
    bench.clock.advance(sweepMs)
    assert.equal(await bench.texts(noted), null)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })
}

function roomTests(open: OpenJournal): void {
  test('gives the room of what it forgot back, to the last byte', async () => {
    await using bench = new Bench(open, { keepMs: 1000 })
    for (let i = 0; i < 20; i++) bench.write(['abc', 'd'.repeat(i * 100)], 'complete', { callKey: 'k' })
    assert.equal(bench.journal.answerCount, 20)
    assert.ok(bench.journal.keptBytes >= 20 * 3 + 19_000)
    bench.clock.advance(sweepMs)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })

  test('gives the room of what was removed back, to the last byte', async () => {
    await using bench = new Bench(open)
    const ended = bench.write(['abc'])
    const live = bench.begin({}, Buffer.alloc(500))
    live.entry.append(Buffer.from('abc'), Buffer.alloc(100))
    bench.moment()
    for (const { info } of [ended, live]) assert.equal(await bench.journal.remove(info.ray), true)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
    const late = bench.begin()
    late.entry.append(Buffer.from('abc'))
    assert.equal(await bench.journal.remove(late.info.ray), true)
    bench.clock.advance(sweepMs)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })

  test('a live answer is never forgotten, whatever it takes', async () => {
    await using bench = new Bench(open, { keepMs: 0, totalBytesMax: 50_000, answerBytesMax: 20_000 })
    const live = bench.begin()
    live.entry.append(Buffer.from('first'))
    for (let i = 0; i < 30; i++) bench.write(['x'.repeat(9000)])
    bench.clock.advance(sweepMs)
    live.entry.append(Buffer.from('second'))
    bench.moment()
    assert.deepEqual(await bench.texts(live), ['first', 'second'])
  })

  test('makes room by the oldest ended answers first', async () => {
    await using bench = new Bench(open, { totalBytesMax: 100_000, answerBytesMax: 50_000 })
    const answers = Array.from({ length: 30 }, () => bench.write(['x'.repeat(9000)]))
    assert.ok(bench.journal.keptBytes <= 100_000)
    const isThere = await Promise.all(answers.map(async (noted) => (await bench.texts(noted)) !== null))
    assert.ok(isThere.at(-1) && isThere.at(-2), 'the newest are there')
    assert.deepEqual(
      isThere.toSorted((a, b) => Number(a) - Number(b)),
      isThere,
      'an older one is there and a newer is not',
    )
  })
}
