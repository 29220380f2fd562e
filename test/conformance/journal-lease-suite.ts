/**
 * What every journal must do about the lease of an answer: given back, taken over, lost; and cancel and remove, which
 * reach whoever holds it. Part of `journalSuite`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Bench,
  beatMs,
  codesOf,
  newPlace,
  type Noted,
  notes,
  type OpenJournal,
  otherRay,
  passTime,
  silenceMs,
  sweepMs,
} from './journal-bench.ts'

export function leaseTests(open: OpenJournal): void {
  adoptTests(open)
  cancelTests(open)
  removeTests(open)
}

function append({ entry }: Pick<Noted, 'entry'>, ...texts: readonly string[]): void {
  for (const text of texts) entry.append(Buffer.from(text))
}

function adoptTests(open: OpenJournal): void {
  test('an answer that was given back is an orphan, and whoever adopts it gets all that is needed to go on', async () => {
    await using bench = new Bench(open)
    const first = bench.begin({ route: 'messages' }, Buffer.from('the request'))
    first.entry.append(Buffer.from('a'), Buffer.from([1, 2]))
    bench.moment()
    first.entry.append(Buffer.from('b'))
    first.entry.append(Buffer.alloc(0), Buffer.alloc(0))
    first.entry.release()
    bench.moment()
    assert.deepEqual(await bench.journal.orphans(), [first.info.ray])
    const second = await bench.adopt(first.info.ray)
    const { adopted } = second
    assert.deepEqual({ ...adopted.info }, { ...first.info })
    assert.deepEqual([String(adopted.request), adopted.isCancelled], ['the request', false])
    assert.deepEqual(
      adopted.events.map(({ event, aside }) => [String(event), aside === null ? null : [...aside]]),
      [
        ['a', [1, 2]],
        ['b', null],
        ['', []],
      ],
    )
    assert.deepEqual([adopted.entry.epoch, adopted.entry.count], [2, 3])
    append(second, 'c')
    second.entry.seal('complete')
    bench.moment()
    assert.deepEqual([second.kept.at(-1), second.lost], [4, []])
    assert.deepEqual([await bench.texts(first), await bench.outcome(first)], [['a', 'b', '', 'c'], 'complete'])
  })

  test('who has given an answer back can do nothing with it any more, and is told nothing more', async () => {
    await using bench = new Bench(open)
    const first = bench.begin()
    append(first, 'a')
    first.entry.release()
    append(first, 'late')
    bench.moment()
    const second = await bench.adopt(first.info.ray)
    append(first, 'later')
    first.entry.alias('late')
    first.entry.seal('failed')
    first.entry.release()
    bench.moment()
    await bench.journal.cancel(first.info.ray)
    bench.clock.advance(beatMs)
    assert.deepEqual(await bench.texts(second), ['a'])
    assert.deepEqual([await bench.outcome(second), await bench.journal.open('late')], [null, null])
    assert.deepEqual([first.kept.at(-1), first.lost, first.cancels.length, second.cancels.length], [1, [], 0, 1])
    assert.deepEqual(await bench.journal.orphans(), [])
  })

  test('nobody adopts what is held, has ended or is not there', async () => {
    await using bench = new Bench(open)
    const live = bench.begin()
    bench.clock.advance(silenceMs)
    const ended = bench.write(['a'])
    for (const ray of [live.info.ray, ended.info.ray, otherRay])
      assert.equal(await bench.journal.adopt(ray, notes().listener), null)
    assert.deepEqual(await bench.journal.orphans(), [])
    append(live, 'still mine')
    bench.moment()
    assert.deepEqual([await bench.texts(live), live.lost], [['still mine'], []])
  })

  test('a reader sees that nobody has the answer in hand, and that somebody has again', async () => {
    await using bench = new Bench(open)
    const first = bench.begin()
    bench.moment()
    const cursor = await bench.journal.open(first.info.ray)
    assert.equal(cursor?.isOrphan, false)
    first.entry.release()
    bench.moment()
    await cursor.read(0, 1)
    assert.deepEqual([cursor.isOrphan, (await bench.journal.open(first.info.ray))?.isOrphan], [true, true])
    const second = await bench.adopt(first.info.ray)
    await cursor.read(0, 1)
    assert.equal(cursor.isOrphan, false)
    second.entry.seal('complete')
    bench.moment()
    await cursor.read(0, 1)
    assert.equal(cursor.isOrphan, false)
  })

  test('of many who adopt at once one wins', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    entry.release()
    bench.moment()
    const tries = await Promise.all(Array.from({ length: 5 }, () => bench.journal.adopt(info.ray, notes().listener)))
    assert.equal(tries.filter((adopted) => adopted !== null).length, 1)
  })

  test('names orphans oldest first; the epoch grows with each hand', async () => {
    await using bench = new Bench(open)
    const answers = Array.from({ length: 5 }, () => bench.begin())
    for (const { entry } of answers.toReversed()) entry.release()
    bench.moment()
    const rays = answers.map(({ info }) => info.ray)
    assert.deepEqual(await bench.journal.orphans(), rays)
    for (const epoch of [2, 3, 4]) {
      const { entry } = await bench.adopt(rays[2]!)
      assert.equal(entry.epoch, epoch)
      assert.deepEqual(await bench.journal.orphans(), rays.toSpliced(2, 1))
      entry.release()
      bench.moment()
    }
  })

  test('a request that is too large is not kept, its answer is', async () => {
    await using bench = new Bench(open, { requestBytesMax: 100 })
    const [fits, not] = [bench.begin({}, Buffer.alloc(100, 'r')), bench.begin({}, Buffer.alloc(101))]
    for (const { entry } of [fits, not]) entry.release()
    bench.moment()
    assert.equal((await bench.adopt(fits.info.ray)).adopted.request?.length, 100)
    assert.equal((await bench.adopt(not.info.ray)).adopted.request, null)
  })

  test('the writer can recall what it wrote, with the asides', async () => {
    await using bench = new Bench(open)
    const { info, entry } = bench.begin()
    entry.append(Buffer.from('a'), Buffer.from([9]))
    bench.moment()
    entry.append(Buffer.from('b'))
    const events = await bench.journal.recall(info.ray)
    assert.deepEqual(
      events?.map(({ event, aside }) => [String(event), aside?.[0] ?? null]),
      [
        ['a', 9],
        ['b', null],
      ],
    )
    assert.equal(await bench.journal.recall(otherRay), null)
  })

  test('an orphan for which nobody comes has failed in the end, and is forgotten like others', async () => {
    await using bench = new Bench(open, { keepMs: 200_000, keepReadMs: 0 })
    const noted = bench.begin({}, Buffer.from('r'))
    append(noted, 'a')
    noted.entry.release()
    bench.clock.advance(200_000 - sweepMs)
    assert.deepEqual([await bench.outcome(noted), await bench.journal.orphans()], [null, [noted.info.ray]])
    bench.clock.advance(2 * sweepMs)
    assert.deepEqual([await bench.outcome(noted), await bench.texts(noted)], ['failed', ['a']])
    assert.deepEqual([await bench.journal.orphans(), noted.lost], [[], []])
    bench.clock.advance(200_000 + sweepMs)
    assert.equal(await bench.texts(noted), null)
    assert.deepEqual([bench.journal.keptBytes, bench.journal.answerCount], [0, 0])
  })
}

function cancelTests(open: OpenJournal): void {
  test('who holds an answer hears at once, and once, that it is to be cancelled', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin()
    noted.entry.alias('resp_1')
    bench.moment()
    assert.equal(await bench.journal.cancel('resp_1'), true)
    assert.equal(noted.cancels.length, 1)
    assert.equal(await bench.journal.cancel(noted.info.ray), true)
    bench.clock.advance(beatMs)
    assert.equal(noted.cancels.length, 1)
    assert.equal((await bench.journal.open(noted.info.ray))?.isCancelled, true)
    append(noted, 'the last words')
    noted.entry.seal('cancelled')
    bench.moment()
    assert.deepEqual([await bench.texts(noted), await bench.outcome(noted)], [['the last words'], 'cancelled'])
    assert.equal(await bench.journal.cancel(noted.info.ray), false)
  })

  test('an answer that has only just begun can be cancelled', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin()
    assert.equal(await bench.journal.cancel(noted.info.ray), true)
    bench.clock.advance(beatMs)
    assert.equal(noted.cancels.length, 1)
  })

  test('a cancel waits for the successor, who finds it and is not told again', async () => {
    await using bench = new Bench(open)
    const first = bench.begin()
    first.entry.release()
    bench.moment()
    assert.equal(await bench.journal.cancel(first.info.ray), true)
    const second = await bench.adopt(first.info.ray)
    assert.equal(second.adopted.isCancelled, true)
    await bench.journal.cancel(first.info.ray)
    bench.clock.advance(beatMs)
    assert.deepEqual([first.cancels.length, second.cancels.length], [0, 0])
  })
}

function removeTests(open: OpenJournal): void {
  test('a live answer that is removed is gone at once; its writer is told, once', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin({ callKey: 'k' }, Buffer.from('r'))
    noted.entry.alias('resp_1')
    append(noted, 'a')
    bench.moment()
    assert.equal(await bench.journal.remove('resp_1'), true)
    append(noted, 'b')
    bench.clock.advance(beatMs)
    append(noted, 'c')
    noted.entry.seal('complete')
    bench.moment()
    assert.deepEqual(codesOf(noted), ['HF_LEASE_LOST'])
    for (const id of [noted.info.ray, 'resp_1']) assert.equal(await bench.journal.open(id), null)
    assert.deepEqual([await bench.journal.find('ann', 'k'), await bench.journal.orphans()], [[], []])
    assert.equal(await bench.journal.remove(noted.info.ray), false)
  })

  test('removing an answer leaves its neighbours whole', async () => {
    await using bench = new Bench(open)
    const answers = Array.from({ length: 4 }, () => bench.begin())
    for (let round = 0; round < 5; round++) {
      for (const noted of answers) append(noted, `${round}`)
      bench.moment()
    }
    answers[0]?.entry.seal('complete')
    bench.moment()
    assert.equal(await bench.journal.remove(answers[0]!.info.ray), true)
    assert.equal(await bench.journal.remove(answers[2]!.info.ray), true)
    const texts = await Promise.all(answers.map((noted) => bench.texts(noted)))
    const whole = ['0', '1', '2', '3', '4']
    assert.deepEqual(texts, [null, whole, null, whole])
  })
}

/** Two nodes at one place. The clock of one that is not let on stands still: it is stopped, or dead. */
export function sharedTests(open: OpenJournal): void {
  const pair = (): [Bench, Bench] => {
    const place = newPlace()
    return [new Bench(open, {}, place, 'one'), new Bench(open, {}, place, 'two')]
  }
  takeoverTests(pair)
  acrossTests(pair)
}

function takeoverTests(pair: () => [Bench, Bench]): void {
  test('the answers of a node that falls silent are orphans after its lease, and not while it shows signs of life', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const noted = one.begin({}, Buffer.from('r'))
    append(noted, 'a')
    one.moment()
    for (let i = 0; i < 10; i++) {
      passTime([one, two], beatMs)
      assert.deepEqual(await two.journal.orphans(), [])
      assert.equal(await two.journal.adopt(noted.info.ray, notes().listener), null)
    }
    const cursor = await two.journal.open(noted.info.ray)
    assert.equal(cursor?.isOrphan, false)
    passTime([two], silenceMs)
    await cursor.read(0, 1)
    assert.equal(cursor.isOrphan, true)
    assert.deepEqual(await two.journal.orphans(), [noted.info.ray])
    const taken = await two.adopt(noted.info.ray)
    assert.deepEqual([taken.entry.epoch, String(taken.adopted.request)], [2, 'r'])
    assert.deepEqual(
      taken.adopted.events.map(({ event }) => String(event)),
      ['a'],
    )
  })

  test('of two nodes that begin under one sole name at the same time one has it, and the other is told', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const begun = [one, two].map((bench) => bench.begin({}, null, 'sole'))
    for (const bench of [one, two]) bench.moment()
    const [first, second] = begun
    assert.ok(first && second)
    assert.deepEqual([codesOf(first), codesOf(second)], [[], ['HF_LEASE_LOST']])
    for (const bench of [one, two]) assert.equal((await bench.journal.open('sole'))?.info.ray, first.info.ray)
  })

  test('a node that comes back after its lease can neither write nor end the answer, and is told once', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const zombie = one.begin()
    append(zombie, 'a', 'b')
    one.moment()
    passTime([two], silenceMs)
    const heir = await two.adopt(zombie.info.ray)
    append(zombie, 'X')
    one.clock.advance(silenceMs)
    append(zombie, 'Y')
    zombie.entry.alias('zombie')
    zombie.entry.seal('failed')
    one.moment()
    append(heir, 'c')
    two.moment()
    assert.deepEqual([zombie.kept.at(-1), codesOf(zombie)], [2, ['HF_LEASE_LOST']])
    for (const bench of [one, two]) {
      assert.deepEqual([await bench.texts(heir), await bench.outcome(heir)], [['a', 'b', 'c'], null])
      assert.equal(await bench.journal.open('zombie'), null)
    }
    heir.entry.seal('complete')
    two.moment()
    assert.deepEqual([await one.outcome(heir), heir.lost], ['complete', []])
  })

  test('a late giving back does not take the answer from its heir', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const zombie = one.begin()
    one.moment()
    passTime([two], silenceMs)
    const heir = await two.adopt(zombie.info.ray)
    zombie.entry.release()
    one.clock.advance(silenceMs)
    assert.deepEqual(await two.journal.orphans(), [])
    append(heir, 'a')
    two.moment()
    assert.deepEqual([await two.texts(heir), heir.lost], [['a'], []])
  })

  test('a node that gets its own answer back from its heir writes it as the heir of its heir, not as before', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const zombie = one.begin()
    append(zombie, 'a')
    one.moment()
    passTime([two], silenceMs)
    const heir = await two.adopt(zombie.info.ray)
    heir.entry.release()
    two.moment()
    const again = await one.adopt(zombie.info.ray)
    assert.equal(again.entry.epoch, 3)
    append(zombie, 'X')
    append(again, 'b')
    append(zombie, 'Y')
    one.clock.advance(silenceMs)
    assert.deepEqual([await two.texts(again), codesOf(zombie), again.lost], [['a', 'b'], ['HF_LEASE_LOST'], []])
  })

  test('a node that was silent and that nobody replaced goes on', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const noted = one.begin()
    append(noted, 'a')
    one.moment()
    passTime([two], silenceMs)
    append(noted, 'b')
    one.clock.advance(silenceMs)
    passTime([one, two], beatMs)
    assert.deepEqual(await two.journal.orphans(), [])
    noted.entry.seal('complete')
    one.moment()
    assert.deepEqual([await two.texts(noted), noted.lost], [['a', 'b'], []])
  })

  test('of two nodes that adopt one wins', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const { info, entry } = one.begin()
    entry.release()
    one.moment()
    const tries = await Promise.all([one, two].map(({ journal }) => journal.adopt(info.ray, notes().listener)))
    assert.equal(tries.filter((adopted) => adopted !== null).length, 1)
  })

  test('what a buried node had is orphaned at once, and it alone', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const [dead, mine] = [one.begin(), two.begin()]
    append(dead, 'a')
    append(mine, 'b')
    for (const bench of [one, two]) bench.moment()
    await two.journal.bury('nobody')
    assert.deepEqual(await two.journal.orphans(), [])
    await two.journal.bury(one.node)
    assert.deepEqual(await two.journal.orphans(), [dead.info.ray])
    const heir = await two.adopt(dead.info.ray)
    // It was alive after all.
    append(dead, 'X')
    one.moment()
    assert.deepEqual([codesOf(dead), await one.texts(heir)], [['HF_LEASE_LOST'], ['a']])
    const fresh = one.begin()
    append(fresh, 'c')
    passTime([one, two], beatMs)
    assert.deepEqual([await two.texts(fresh), fresh.lost, await two.journal.orphans()], [['c'], [], []])
  })

  test('a node that closes gives its answers back', async () => {
    const [one, two] = pair()
    await using _ = two
    const noted = one.begin()
    append(noted, 'a')
    await one[Symbol.asyncDispose]()
    assert.deepEqual(await two.journal.orphans(), [noted.info.ray])
    assert.equal((await two.adopt(noted.info.ray)).entry.count, 1)
  })

  test('a wall clock that jumps orphans nobody who lives', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const noted = one.begin()
    passTime([one, two], beatMs)
    for (const jumpMs of [3_600_000, -7_200_000]) {
      for (const { clock } of [one, two]) clock.jumpMs(jumpMs)
      assert.deepEqual(await two.journal.orphans(), [])
      passTime([one, two], beatMs)
      assert.deepEqual(await two.journal.orphans(), [])
    }
    passTime([two], silenceMs)
    assert.deepEqual(await two.journal.orphans(), [noted.info.ray])
  })
}

function acrossTests(pair: () => [Bench, Bench]): void {
  test('every node reads every answer, while it grows and after its end', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const noted = one.begin({ callKey: 'k' })
    noted.entry.alias('resp_1')
    append(noted, 'a')
    one.moment()
    const cursor = await two.journal.open('resp_1')
    assert.deepEqual((await cursor?.read(0, 1e9))?.map(String), ['a'])
    append(noted, 'b')
    noted.entry.seal('complete')
    one.moment()
    assert.deepEqual((await cursor?.read(1, 1e9))?.map(String), ['b'])
    assert.equal(cursor?.outcome, 'complete')
    assert.equal((await two.journal.find('ann', 'k'))[0]?.info.ray, noted.info.ray)
  })

  test('a cancel asked for at one node lands within a second at the other', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const [noted, other] = [one.begin(), one.begin()]
    append(noted, 'a')
    one.moment()
    assert.equal(await two.journal.cancel(noted.info.ray), true)
    passTime([one, two], 900)
    assert.deepEqual([noted.cancels.length, other.cancels.length], [1, 0])
    passTime([one, two], 3 * beatMs)
    assert.equal(noted.cancels.length, 1)
  })

  test('an answer removed at one node is lost to its writer at the other', async () => {
    const [one, two] = pair()
    await using _ = one
    await using __ = two
    const noted = one.begin()
    append(noted, 'a')
    one.moment()
    assert.equal(await two.journal.remove(noted.info.ray), true)
    append(noted, 'b')
    one.moment()
    assert.deepEqual([codesOf(noted), await one.texts(noted)], [['HF_LEASE_LOST'], null])
    passTime([one, two], sweepMs)
    assert.deepEqual([one.journal.keptBytes, two.journal.answerCount], [0, 0])
  })
}
