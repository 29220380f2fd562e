/** What every journal must do for readers: cursors, names, calls found again. Part of `journalSuite`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bench, type OpenJournal, otherRay, codesOf } from './journal-bench.ts'

const strings = (events: readonly Buffer[] | null | undefined): string[] | null => events?.map(String) ?? null

export function cursorTests(open: OpenJournal): void {
  readTests(open)
  nameTests(open)
  callTests(open)
}

function readTests(open: OpenJournal): void {
  test('a cursor reads from any number on, and nothing beyond the end', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    for (let i = 0; i < 30; i++) {
      entry.append(Buffer.from(`e${i}`))
      if (i % 4 === 0) bench.moment()
    }
    bench.moment()
    const cursor = await bench.journal.open(info.ray)
    for (const from of [0, 1, 4, 5, 17, 29, 12, 3]) {
      const expected = Array.from({ length: 30 - from }, (_, i) => `e${from + i}`)
      assert.deepEqual(strings(await cursor?.read(from, 1e9)), expected, `from ${from}`)
    }
    for (const from of [30, 31, 1_000_000]) assert.deepEqual(await cursor?.read(from, 1e9), [])
  })

  test('a cursor gives as many events as fit, and one that fits nowhere alone', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    const sizes = [10, 0, 20, 500, 5, 5, 5, 0, 0]
    for (const [i, size] of sizes.entries()) {
      entry.append(Buffer.alloc(size, `${i}`))
      if (i % 2 === 1) bench.moment()
    }
    bench.moment()
    const cursor = await bench.journal.open(info.ray)
    const pages: number[][] = []
    for (let from = 0; from < sizes.length; ) {
      const page: readonly Buffer[] = (await cursor?.read(from, 30)) ?? []
      assert.ok(page.length > 0 && pages.length < 20)
      pages.push(page.map(({ length }) => length))
      from += page.length
    }
    assert.deepEqual(pages, [[10, 0, 20], [500], [5, 5, 5, 0, 0]])
  })

  test('a cursor follows an answer that grows, over its end', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    entry.append(Buffer.from('a'))
    bench.moment()
    const cursor = await bench.journal.open(info.ray)
    assert.deepEqual([cursor?.count, cursor?.outcome], [1, null])
    assert.deepEqual(strings(await cursor?.read(0, 1e9)), ['a'])
    assert.deepEqual(strings(await cursor?.read(1, 1e9)), [])
    entry.append(Buffer.from('b'))
    entry.append(Buffer.from('c'))
    bench.moment()
    assert.deepEqual(strings(await cursor?.read(1, 1e9)), ['b', 'c'])
    assert.deepEqual([cursor?.count, cursor?.outcome], [3, null])
    entry.append(Buffer.from('d'))
    entry.seal('complete')
    bench.moment()
    assert.deepEqual(strings(await cursor?.read(3, 1e9)), ['d'])
    assert.deepEqual([cursor?.count, cursor?.outcome], [4, 'complete'])
    assert.deepEqual(strings(await cursor?.read(2, 1e9)), ['c', 'd'])
  })

  test('what a cursor knows does not change between its readings', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    bench.moment()
    const cursor = await bench.journal.open(info.ray)
    entry.append(Buffer.from('a'))
    entry.seal('failed')
    await bench.journal.cancel(info.ray)
    bench.moment()
    assert.deepEqual([cursor?.count, cursor?.outcome, cursor?.isCancelled], [0, null, false])
    await cursor?.read(0, 1)
    assert.deepEqual([cursor?.count, cursor?.outcome], [1, 'failed'])
  })

  test('a cursor on a forgotten answer reads null', async () => {
    await using bench = new Bench(open)
    const ended = bench.write(['a'])
    const live = bench.begin()
    live.entry.append(Buffer.from('b'))
    bench.moment()
    const cursors = await Promise.all([ended, live].map(({ info }) => bench.journal.open(info.ray)))
    for (const { info } of [ended, live]) await bench.journal.remove(info.ray)
    for (const cursor of cursors) {
      assert.ok(cursor)
      assert.equal(await cursor.read(0, 1e9), null)
    }
  })

  test('many cursors on one answer do not disturb each other', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    const cursors = await Promise.all(Array.from({ length: 5 }, () => bench.journal.open(info.ray)))
    const seen = cursors.map((): string[] => [])
    for (let round = 0; round < 20; round++) {
      entry.append(Buffer.from(`e${round}`))
      bench.moment()
      for (const [i, cursor] of cursors.entries()) {
        if (round % (i + 1) !== 0 && round !== 19) continue
        seen[i]?.push(...(strings(await cursor?.read(seen[i]?.length ?? 0, 1e9)) ?? []))
      }
    }
    for (const texts of seen)
      assert.deepEqual(
        texts,
        Array.from({ length: 20 }, (_, i) => `e${i}`),
      )
  })
}

function nameTests(open: OpenJournal): void {
  test('knows nothing of ids that it was not given', async () => {
    await using bench = new Bench(open)
    bench.write(['a'])
    for (const id of [otherRay, '', 'chatcmpl-1']) {
      assert.equal(await bench.journal.open(id), null)
      assert.deepEqual([await bench.journal.cancel(id), await bench.journal.remove(id)], [false, false])
    }
    assert.deepEqual(await bench.journal.find('ann', 'k'), [])
  })

  test('finds an answer by each of its names, live and ended', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    entry.append(Buffer.from('a'))
    entry.alias('chatcmpl-1')
    bench.moment()
    entry.alias('chatcmpl-2')
    bench.moment()
    for (const id of ['chatcmpl-1', 'chatcmpl-2']) assert.equal((await bench.journal.open(id))?.info.ray, info.ray)
    entry.seal('complete')
    entry.alias('chatcmpl-3')
    bench.moment()
    assert.equal((await bench.journal.open('chatcmpl-1'))?.outcome, 'complete')
    assert.equal(await bench.journal.open('chatcmpl-3'), null)
  })

  test('a name that two answers were given is that of the newer; its own ray nobody can take from an answer', async () => {
    await using bench = new Bench(open)
    const old = bench.write(['old'])
    const [first, second] = [bench.begin(), bench.begin()]
    for (const { entry } of [first, second]) {
      entry.alias('same')
      entry.alias(old.info.ray)
      bench.moment()
    }
    assert.equal((await bench.journal.open('same'))?.info.ray, second.info.ray)
    assert.deepEqual(await bench.texts(old), ['old'])
    // Forgetting the older one does not take the name from the newer.
    await bench.journal.remove(first.info.ray)
    assert.equal((await bench.journal.open('same'))?.info.ray, second.info.ray)
    await bench.journal.remove('same')
    assert.equal(await bench.journal.open('same'), null)
    assert.equal(await bench.journal.open(second.info.ray), null)
  })

  test('of those with one sole name only the first is begun, until that has failed or is gone', async () => {
    await using bench = new Bench(open)
    const first = bench.begin({}, null, 'sole')
    const second = bench.begin({}, Buffer.from('r'), 'sole')
    second.entry.append(Buffer.from('never'))
    bench.moment()
    assert.deepEqual([codesOf(first), codesOf(second), second.kept], [[], ['HF_LEASE_LOST'], []])
    assert.equal(await bench.journal.open(second.info.ray), null)
    first.entry.append(Buffer.from('a'))
    first.entry.seal('complete')
    bench.moment()
    const third = bench.begin({}, null, 'sole')
    bench.moment()
    assert.deepEqual(codesOf(third), ['HF_LEASE_LOST'])
    assert.deepEqual(await bench.texts(first), ['a'])
    assert.equal((await bench.journal.open('sole'))?.info.ray, first.info.ray)
    assert.equal(bench.journal.answerCount, 1)

    await bench.journal.remove(first.info.ray)
    for (const outcome of ['failed', 'cancelled'] as const) {
      const { info, entry, ...noted } = bench.begin({}, null, 'sole')
      bench.moment()
      assert.deepEqual([(await bench.journal.open('sole'))?.info.ray, codesOf(noted)], [info.ray, []])
      entry.seal(outcome)
      bench.moment()
    }
  })

  test('a sole name is free again where its bearer ended before the time that counts, and is not forgotten', async () => {
    await using bench = new Bench(open)
    const first = bench.begin({}, null, 'sole')
    first.entry.append(Buffer.from('a'))
    bench.clock.advance(1000)
    const live = bench.begin({}, null, 'sole', bench.clock.nowMs() + 1)
    bench.moment()
    assert.deepEqual(codesOf(live), ['HF_LEASE_LOST'])
    first.entry.seal('complete')
    bench.moment()
    const endedMs = bench.clock.nowMs()
    bench.clock.advance(1000)
    const joined = bench.begin({}, null, 'sole', endedMs - 100)
    bench.moment()
    assert.deepEqual(codesOf(joined), ['HF_LEASE_LOST'])
    const next = bench.begin({}, null, 'sole', endedMs + 100)
    bench.moment()
    assert.deepEqual([codesOf(next), (await bench.journal.open('sole'))?.info.ray], [[], next.info.ray])
    assert.deepEqual(await bench.texts(first), ['a'])
  })

  test('takes a bounded number of names, of bounded length', async () => {
    await using bench = new Bench(open)
    const { entry } = bench.begin()
    for (let i = 0; i < 1000; i++) entry.alias(`name-${i}`)
    entry.alias('x'.repeat(100_000))
    bench.moment()
    const found = await Promise.all(Array.from({ length: 1000 }, (_, i) => bench.journal.open(`name-${i}`)))
    const count = found.filter((cursor) => cursor !== null).length
    assert.ok(count >= 8 && count < 100, `${count} names`)
    assert.equal(await bench.journal.open('x'.repeat(100_000)), null)
  })
}

function callTests(open: OpenJournal): void {
  test('finds the answers to a repeated call, newest first, of this caller alone', async () => {
    await using bench = new Bench(open)
    const first = bench.write(['1'], 'failed', { callKey: 'k' })
    const second = bench.begin({ callKey: 'k' })
    bench.write(['3'], 'complete', { callKey: 'k', caller: 'bob' })
    bench.write(['4'], 'complete', { callKey: 'other' })
    bench.write(['5'])
    const found = await bench.journal.find('ann', 'k')
    assert.deepEqual(
      found.map(({ info, outcome }) => [info.ray, outcome]),
      [
        [second.info.ray, null],
        [first.info.ray, 'failed'],
      ],
    )
    second.entry.append(Buffer.from('2'))
    bench.moment()
    assert.deepEqual(strings(await found[0]?.read(0, 1e9)), ['2'])
    await bench.journal.remove(second.info.ray)
    assert.equal((await bench.journal.find('ann', 'k')).length, 1)
  })

  test('finds an answer from the moment it has begun', async () => {
    await using bench = new Bench(open)
    const { info } = bench.begin({ callKey: 'k' })
    assert.equal((await bench.journal.find('ann', 'k'))[0]?.info.ray, info.ray)
    assert.equal((await bench.journal.open(info.ray))?.count, 0)
  })

  test('finds sixteen at most, the newest', async () => {
    await using bench = new Bench(open)
    const answers = Array.from({ length: 20 }, (_, i) => bench.write([`${i}`], 'complete', { callKey: 'k' }))
    const found = await bench.journal.find('ann', 'k')
    assert.deepEqual(
      found.map(({ info }) => info.ray),
      answers
        .slice(-16)
        .toReversed()
        .map(({ info }) => info.ray),
    )
  })
}
