/** Writers, readers and takeovers in any order against a simple model of the journal. Part of `journalSuite`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ray } from '../../src/fault/ray.ts'
import type { Outcome } from '../../src/store/journal.ts'
import { Bench, beatMs, newPlace, type Noted, notes, type OpenJournal, passTime, silenceMs } from './journal-bench.ts'

type Step =
  | { do: 'begin'; node: number }
  | { do: 'append'; which: number; text: string }
  | { do: 'seal'; which: number; outcome: Outcome }
  | { do: 'release'; which: number }
  | { do: 'adopt'; which: number; node: number }
  | { do: 'remove'; which: number; node: number }
  | { do: 'wait'; ms: number }
  /** All but this node live on for longer than a lease; then it comes back. */
  | { do: 'stall'; node: number }

const which = fc.nat(9)
const node = fc.nat(3)
const text = fc.string({ maxLength: 40 })
const outcome = fc.constantFrom<Outcome>('complete', 'failed', 'cancelled')
const weighed = (weight: number, arbitrary: fc.Arbitrary<Step>): fc.WeightedArbitrary<Step> => ({ weight, arbitrary })
const step: fc.Arbitrary<Step> = fc.oneof(
  weighed(3, fc.record({ do: fc.constant('begin'), node })),
  weighed(14, fc.record({ do: fc.constant('append'), which, text })),
  weighed(2, fc.record({ do: fc.constant('seal'), which, outcome })),
  weighed(2, fc.record({ do: fc.constant('release'), which })),
  weighed(3, fc.record({ do: fc.constant('adopt'), which, node })),
  weighed(1, fc.record({ do: fc.constant('remove'), which, node })),
  weighed(6, fc.record({ do: fc.constant('wait'), ms: fc.nat(20) })),
  weighed(1, fc.record({ do: fc.constant('stall'), node })),
)

/** One who holds or once held the lease. */
interface Writer {
  readonly noted: Noted
  readonly answer: Answer
  readonly node: number
  appended: string[]
}

interface Answer {
  readonly ray: Ray
  /** Who holds the lease; null when nobody does. */
  holder: Writer | null
  /** Kept for certain by earlier holders. */
  kept: string[]
  outcome: Outcome | null
  isRemoved: boolean
}

class Model {
  readonly benches: readonly Bench[]
  readonly writers: Writer[] = []
  readonly answers: Answer[] = []

  constructor(benches: readonly Bench[]) {
    this.benches = benches
  }

  async run(each: Step): Promise<void> {
    const at = 'node' in each ? each.node % this.benches.length : 0
    const bench = this.benches[at]!
    if (each.do === 'begin') return this.#begin(bench, at)
    if (each.do === 'wait') return passTime(this.benches, each.ms)
    if (each.do === 'stall') return this.#stall(at)
    if (each.do === 'adopt' || each.do === 'remove') {
      const answer = this.answers[each.which % Math.max(1, this.answers.length)]
      if (answer) await (each.do === 'adopt' ? this.#adopt(bench, at, answer) : this.#remove(bench, answer))
      return
    }
    const writer = this.writers[each.which % Math.max(1, this.writers.length)]
    if (writer) this.#write(writer, each)
  }

  #begin(bench: Bench, at: number): void {
    const noted = bench.begin()
    const answer: Answer = { ray: noted.info.ray, holder: null, kept: [], outcome: null, isRemoved: false }
    answer.holder = { noted, answer, node: at, appended: [] }
    this.writers.push(answer.holder)
    this.answers.push(answer)
  }

  #write(writer: Writer, each: Step & { do: 'append' | 'seal' | 'release' }): void {
    const { answer, noted } = writer
    const holds = answer.holder === writer
    if (each.do === 'append') noted.entry.append(Buffer.from(each.text))
    else if (each.do === 'seal') noted.entry.seal(each.outcome)
    else noted.entry.release()
    if (!holds) return
    if (each.do === 'append') return void writer.appended.push(each.text)
    answer.holder = null
    answer.kept = writer.appended
    if (each.do === 'seal') answer.outcome = each.outcome
    passTime(this.benches, 50) // so that others find what they are to find
  }

  async #adopt(bench: Bench, at: number, answer: Answer): Promise<void> {
    const isOrphan = (await bench.journal.orphans()).includes(answer.ray)
    const { listener, ...rest } = notes()
    const adopted = await bench.journal.adopt(answer.ray, listener)
    assert.equal(adopted !== null, isOrphan)
    if (!adopted) return
    assert.equal(answer.outcome, null)
    const texts = adopted.events.map(({ event }) => String(event))
    const before = answer.holder
    if (before) {
      const promised = before.noted.kept.at(-1) ?? 0
      assert.ok(texts.length >= promised, `${promised} promised, ${texts.length} inherited`)
      assert.deepEqual(texts, before.appended.slice(0, texts.length))
    } else assert.deepEqual(texts, answer.kept)
    const noted = { info: adopted.info, entry: adopted.entry, ...rest }
    answer.holder = { noted, answer, node: at, appended: texts }
    this.writers.push(answer.holder)
  }

  async #remove(bench: Bench, answer: Answer): Promise<void> {
    // A node may not have told the others yet of what it has only just begun.
    const isThere = (await bench.journal.open(answer.ray)) !== null
    assert.equal(await bench.journal.remove(answer.ray), isThere)
    if (!isThere) return
    answer.isRemoved = true
    answer.holder = null
  }

  /** A stalled node may lose any of its answers, but only if another adopts them; then it comes back. */
  #stall(at: number): void {
    const others = this.benches.filter((_, i) => i !== at)
    if (others.length === 0) return
    passTime(others, silenceMs)
  }

  /** Brings all clocks to the same hour. */
  catchUp(): void {
    const latestMs = Math.max(...this.benches.map(({ clock }) => clock.nowMs()))
    for (const { clock } of this.benches) clock.advance(latestMs - clock.nowMs())
    passTime(this.benches, beatMs)
  }

  async check(): Promise<void> {
    for (const writer of this.writers) {
      const { noted, answer, appended } = writer
      const holds = answer.holder === writer
      assert.ok(noted.lost.length <= (holds ? 0 : 1))
      if (holds) assert.equal(noted.entry.count, appended.length)
      if (holds) assert.equal(noted.kept.at(-1) ?? 0, noted.kept.length > 0 ? appended.length : 0)
    }
    for (const bench of this.benches) {
      for (const answer of this.answers) {
        const cursor = await bench.journal.open(answer.ray)
        if (answer.isRemoved) {
          assert.equal(cursor, null)
          continue
        }
        const expected = answer.holder?.appended ?? answer.kept
        assert.deepEqual((await cursor?.read(0, 1e9))?.map(String), expected)
        assert.equal(cursor?.outcome, answer.outcome)
      }
    }
  }
}

export function propertyTests(open: OpenJournal, nodes: readonly string[]): void {
  test('whatever is done in whatever order, what was promised is there, and nothing else', async () => {
    const run = async (steps: readonly Step[]): Promise<void> => {
      const place = newPlace()
      await using stack = new AsyncDisposableStack()
      const model = new Model(nodes.map((name) => stack.use(new Bench(open, {}, place, name))))
      for (const each of steps) {
        await model.run(each)
        if (each.do !== 'stall') continue
        // Some are taken over before the node comes back.
        const answer = model.answers.find(({ holder }) => holder?.node === each.node % nodes.length)
        const node = (each.node + 1) % nodes.length
        if (answer) await model.run({ do: 'adopt', which: model.answers.indexOf(answer), node })
        model.catchUp()
      }
      model.catchUp()
      await model.check()
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), run), { numRuns: 60 })
  })
}
