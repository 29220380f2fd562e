/**
 * What every journal must do, whatever its engine: `journalSuite(name, open)` is one engine's whole examination.
 * An engine may keep events at once or a moment later; the suite lets that moment pass and looks at what was promised.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../src/fault/fault.ts'
import { type Ray, RaySource } from '../../src/fault/ray.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import {
  type AnswerInfo,
  type Journal,
  type JournalEntry,
  type JournalOptions,
  journalSchema,
  type Outcome,
} from '../../src/store/journal.ts'

/** Opens a fresh, empty journal; `name` tells the ones of one test apart. */
export type OpenJournal = (clock: ManualClock, options: JournalOptions, name: string) => Journal

/** Longer than any engine may hold events back. */
const momentMs = 50
/** Long enough for every engine to have looked for what is past its time. */
const sweepMs = 60_000

/** One that no bench gives out. */
const otherRay = '06c8m0dfk2h3vd4zq7k1hb-ams' as Ray

/** One answer with a record of what the journal said about it. */
export interface Noted {
  readonly info: AnswerInfo
  readonly entry: JournalEntry
  readonly kept: number[]
  readonly lost: unknown[]
}

/** A journal on a clock of its own, with a shorthand for beginning answers. */
export class Bench implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly journal: Journal
  #rays = new RaySource(this.clock, seededRandom(5), { node: 1, site: 'test' })

  constructor(open: OpenJournal, settings: Partial<JournalOptions> = {}, name = 'one') {
    this.journal = open(this.clock, { ...journalSchema.parse({}), ...settings }, name)
  }

  begin(more: Partial<AnswerInfo> = {}): Noted {
    const info = {
      ray: this.#rays.next(),
      route: 'chat',
      model: 'tiny',
      caller: 'ann',
      beganMs: this.clock.nowMs(),
      ...more,
    }
    const kept: number[] = []
    const lost: unknown[] = []
    const entry = this.journal.begin(
      info,
      (count) => kept.push(count),
      (cause) => lost.push(cause),
    )
    return { info, entry, kept, lost }
  }

  /** A whole answer, kept and ended. */
  write(events: readonly string[], outcome: Outcome = 'complete'): Noted {
    const noted = this.begin()
    for (const event of events) noted.entry.append(Buffer.from(event))
    noted.entry.seal(outcome)
    this.moment()
    return noted
  }

  /** Lets the time pass in which every engine has kept what it was given. */
  moment(): void {
    this.clock.advance(momentMs)
  }

  texts({ info }: Noted): string[] | null {
    return this.journal.read(info.ray)?.events.map(String) ?? null
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.journal[Symbol.asyncDispose]())
  }
}

export function codeOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (thrown) {
    assert.ok(thrown instanceof Fault, String(thrown))
    return thrown.code
  }
}

export function journalSuite(name: string, open: OpenJournal): void {
  describe(`${name} journal`, () => {
    orderTests(open)
    sealTests(open)
    retentionTests(open)
    limitTests(open)
    propertyTests(open)
  })
}

function orderTests(open: OpenJournal): void {
  test('gives events back in order, byte for byte, with all that is known of the answer', async () => {
    await using bench = new Bench(open)
    const noted = bench.begin({ route: 'messages', model: 'größte/модель', caller: '' })
    const events = [
      Buffer.from('data: {"a":1}\n\n'),
      Buffer.alloc(0),
      Buffer.from([0, 255, 13, 10, 0]),
      Buffer.alloc(100_000, 7),
    ]
    for (const event of events) noted.entry.append(event)
    bench.moment()
    const answer = bench.journal.read(noted.info.ray)
    assert.ok(answer)
    assert.deepEqual(
      { ...noted.info },
      { ray: answer.ray, route: answer.route, model: answer.model, caller: answer.caller, beganMs: answer.beganMs },
    )
    assert.equal(answer.outcome, null)
    assert.deepEqual(
      answer.events.map((event) => Buffer.from(event)),
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
    assert.equal(entry.count, 5)
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

  test('can be read as far as it has promised, at the very moment of the promise', async () => {
    await using bench = new Bench(open)
    const { journal } = bench
    const info: AnswerInfo = { ...bench.begin().info, ray: otherRay }
    const seen: { promised: number; there: number }[] = []
    const note = (promised: number): void =>
      void seen.push({ promised, there: journal.read(info.ray)?.events.length ?? 0 })
    const entry = journal.begin(info, note, () => {})
    for (let i = 0; i < 4; i++) {
      entry.append(Buffer.from('x'))
      bench.moment()
    }
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
        bench.texts(noted),
        expected.map((round) => `${i}.${round}`),
      )
    }
  })

  test('knows nothing of rays that it was not given', async () => {
    await using bench = new Bench(open)
    assert.equal(bench.journal.read(otherRay), null)
  })
}

function sealTests(open: OpenJournal): void {
  for (const outcome of ['complete', 'failed', 'cancelled'] as const) {
    test(`remembers that an answer is ${outcome}`, async () => {
      await using bench = new Bench(open)
      const noted = bench.write(['a', 'b'], outcome)
      assert.equal(bench.journal.read(noted.info.ray)?.outcome, outcome)
      assert.deepEqual(bench.texts(noted), ['a', 'b'])
    })
  }

  test('the first end stands, and nothing is added behind it', async () => {
    await using bench = new Bench(open)
    const { entry, info } = bench.write(['a'], 'failed')
    entry.append(Buffer.from('late'))
    entry.seal('complete')
    bench.moment()
    assert.equal(entry.count, 1)
    assert.deepEqual(
      [bench.journal.read(info.ray)?.outcome, bench.journal.read(info.ray)?.events.length],
      ['failed', 1],
    )
  })

  test('events appended right before the end are promised too', async () => {
    await using bench = new Bench(open)
    assert.equal(bench.write(['a', 'b', 'c']).kept.at(-1), 3)
  })

  test('an answer without an event can end as well', async () => {
    await using bench = new Bench(open)
    const noted = bench.write([], 'failed')
    assert.deepEqual([bench.texts(noted), bench.journal.read(noted.info.ray)?.outcome], [[], 'failed'])
  })
}

function retentionTests(open: OpenJournal): void {
  test('forgets an answer its time after it ended, not after it began', async () => {
    await using bench = new Bench(open, { keepMs: 600_000 })
    const live = bench.begin()
    live.entry.append(Buffer.from('a'))
    bench.clock.advance(700_000)
    assert.deepEqual(bench.texts(live), ['a'])
    live.entry.seal('complete')
    bench.clock.advance(600_000 - sweepMs)
    assert.deepEqual(bench.texts(live), ['a'])
    bench.clock.advance(2 * sweepMs)
    bench.write([]) // an engine may look only when it is used
    assert.equal(bench.texts(live), null)
  })

  test('gives the room of what it forgot back, to the last byte', async () => {
    await using bench = new Bench(open, { keepMs: 1000 })
    for (let i = 0; i < 20; i++) bench.write(['abc', 'd'.repeat(i * 100)])
    assert.equal(bench.journal.answerCount, 20)
    assert.ok(bench.journal.keptBytes >= 20 * 3 + 19_000)
    bench.clock.advance(sweepMs)
    bench.begin() // an engine may look only when it is used; what one that has just begun holds is the same anywhere
    await using fresh = new Bench(open, {}, 'fresh')
    fresh.begin()
    const held = ({ journal }: Bench): number[] => [journal.keptBytes, journal.answerCount]
    assert.deepEqual(held(bench), held(fresh))
  })

  test('a live answer is never forgotten, whatever it takes', async () => {
    await using bench = new Bench(open, { keepMs: 0, totalBytesMax: 50_000, answerBytesMax: 20_000 })
    const live = bench.begin()
    live.entry.append(Buffer.from('first'))
    for (let i = 0; i < 30; i++) bench.write(['x'.repeat(9000)])
    bench.clock.advance(sweepMs)
    live.entry.append(Buffer.from('second'))
    bench.moment()
    assert.deepEqual(bench.texts(live), ['first', 'second'])
  })

  test('makes room by the oldest ended answers first', async () => {
    await using bench = new Bench(open, { totalBytesMax: 100_000, answerBytesMax: 50_000 })
    const answers = Array.from({ length: 30 }, () => bench.write(['x'.repeat(9000)]))
    const isThere = answers.map((noted) => bench.texts(noted) !== null)
    assert.ok(bench.journal.keptBytes <= 100_000)
    assert.ok(isThere.at(-1) && isThere.at(-2), 'the newest are there')
    assert.deepEqual(
      isThere.toSorted((a, b) => Number(a) - Number(b)),
      isThere,
      'an older one is there and a newer is not',
    )
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
    assert.deepEqual(
      bench.texts(noted)?.map(({ length }) => length),
      [5000, 1],
    )
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
    assert.deepEqual(bench.texts(other), ['o', 'p'])
    assert.equal(bench.texts(live)?.[0]?.length, 30_000)
    live.entry.seal('complete')
    bench.moment()
    other.entry.append(Buffer.alloc(20_000))
    bench.moment()
    assert.equal(bench.texts(other)?.length, 3)
    assert.equal(bench.texts(live), null)
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

type Step =
  | { do: 'begin' }
  | { do: 'append'; which: number; text: string }
  | { do: 'seal'; which: number; outcome: Outcome }
  | { do: 'wait'; ms: number }

const which = fc.nat(9)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('append' as const), which, text: fc.string({ maxLength: 40 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('seal' as const),
      which,
      outcome: fc.constantFrom('complete', 'failed', 'cancelled'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(20) }) },
)

function propertyTests(open: OpenJournal): void {
  test('whatever is written in whatever order, what was promised is there, and all of it in the end', async () => {
    let runCount = 0
    const run = async (steps: readonly Step[]): Promise<void> => {
      await using bench = new Bench(open, {}, `property-${runCount++}`)
      const answers: (Noted & { texts: string[]; outcome: Outcome | null })[] = []
      for (const each of steps) {
        const answer = 'which' in each ? answers[each.which % Math.max(1, answers.length)] : undefined
        if (each.do === 'begin') answers.push({ ...bench.begin(), texts: [], outcome: null })
        else if (each.do === 'wait') bench.clock.advance(each.ms)
        else if (answer && each.do === 'append') {
          answer.entry.append(Buffer.from(each.text))
          if (!answer.outcome) answer.texts.push(each.text)
        } else if (answer && each.do === 'seal') {
          answer.entry.seal(each.outcome)
          answer.outcome ??= each.outcome
        }
        for (const { kept, texts } of answers) assert.ok((kept.at(-1) ?? 0) <= texts.length)
      }
      bench.moment()
      for (const { info, kept, texts, outcome, lost, entry } of answers) {
        assert.equal(entry.count, texts.length)
        assert.equal(kept.at(-1) ?? 0, texts.length)
        assert.deepEqual(lost, [])
        const answer = bench.journal.read(info.ray)
        if (texts.length > 0 || outcome)
          assert.deepEqual([answer?.events.map(String), answer?.outcome], [texts, outcome])
      }
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), run), { numRuns: 60 })
  })
}
