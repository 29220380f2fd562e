// An incident goes on whatever comes between: a restart, a clock that is set back, an operator who says it is over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seen } from './case-file.ts'
import { IncidentBook } from './incident-book.ts'
import type { IncidentEvent } from './incident-event.ts'
import { IncidentWatch } from './incident-watch.ts'

const lookMs = 5000
const hourMs = 3_600_000
const isKnown = { cause: 'server-crash', class: 'application', subject: 'a', confidence: 0.9 } as const

class Life {
  readonly book = new IncidentBook()
  events: IncidentEvent[] = []
  nowMs = 10 * hourMs
  #watch = this.#born()
  #count = 0

  /** So many looks at calls, of which this share fails. `isDiagnosed`: by a cause that is known. */
  live(looks: number, { total, failed }: { total: number; failed: number }, isDiagnosed = true): IncidentEvent[] {
    const before = this.events.length
    for (let i = 0; i < looks; i++) {
      this.nowMs += lookMs
      const { nowMs } = this
      const diagnosis: Seen = { ...isKnown, component: 'chat', atMs: nowMs }
      const seen = failed > 0 && isDiagnosed ? [diagnosis, diagnosis] : []
      const tallies = new Map(total > 0 ? [['chat', { total, failed, slow: 0 }]] : [])
      for (const event of this.#watch.look({ nowMs, tallies, seen })) {
        this.events.push(event)
        this.book.apply(event)
      }
    }
    return this.events.slice(before)
  }

  restart(): void {
    this.#watch = this.#born()
    this.#watch.restore(this.book.all, this.nowMs)
  }

  endByOperator(id: string): void {
    const affected = this.book.get(id)?.affected.map((each) => ({ ...each, level: 'operational' }) as const) ?? []
    this.book.apply({ kind: 'updated', id, atMs: this.nowMs, by: 'ann', stage: 'resolved', affected })
    this.#watch.end(id, this.nowMs)
  }

  get stages(): string[] {
    return this.book.all.map(({ stage }) => stage)
  }

  #born(): IncidentWatch {
    return new IncidentWatch(
      () => `i${++this.#count}`,
      (id) => id,
    )
  }
}

const harm = { total: 20, failed: 20 }
const well = { total: 20, failed: 0 }
const silence = { total: 0, failed: 0 }

test('a restart in the middle of harm says nothing new, and its calls go on being counted', () => {
  const life = new Life()
  life.live(12, harm)
  const [before] = life.book.all
  life.restart()
  assert.deepEqual(life.live(1, silence), [], 'that nothing has been counted yet is no recovery')
  life.live(3, harm)
  assert.deepEqual(life.stages, ['identified'])
  life.live(24, well)
  assert.deepEqual(life.stages, ['resolved'])
  assert.ok((life.book.all[0]?.affected[0]?.bad ?? 0) > (before?.affected[0]?.bad ?? 0))
})

test('after a restart silence is no recovery either, for five minutes', () => {
  const life = new Life()
  life.live(12, harm)
  life.restart()
  life.live(48, silence)
  assert.deepEqual(life.stages, ['identified'])
})

test('a restart while it is kept an eye on goes on from there', () => {
  const life = new Life()
  life.live(12, harm)
  while (life.stages[0] !== 'monitoring') life.live(1, well)
  life.restart()
  const later = life.live(30, well)
  assert.deepEqual(
    later.map((event) => event.kind === 'updated' && event.stage),
    ['resolved'],
  )
})

test('a clock that is set back by an hour in the middle of it neither prolongs nor repeats it', () => {
  const life = new Life()
  life.live(12, harm)
  life.nowMs -= hourMs
  life.live(2, harm)
  const later = life.live(24, well)
  assert.deepEqual(
    later.flatMap((event) => (event.kind === 'updated' && event.stage ? [event.stage] : [])),
    ['monitoring', 'resolved'],
  )
  assert.match(JSON.stringify(later.at(-1)), /It lasted 3 minutes/)
})

test('a clock that is set back does not bring back what was over', () => {
  const life = new Life()
  life.live(12, harm)
  life.live(40, well)
  life.nowMs -= hourMs
  assert.deepEqual(life.live(40, well), [])
})

test('what an operator ends while it heals stays ended', () => {
  const life = new Life()
  life.live(12, harm)
  life.live(2, well)
  life.endByOperator('i1')
  assert.deepEqual(life.live(60, well), [])
  assert.deepEqual(life.stages, ['resolved'])
})

for (const isDiagnosed of [true, false])
  test(`what an operator ends too early comes back as the same one (${isDiagnosed ? 'known' : 'unknown'} cause)`, () => {
    const life = new Life()
    life.live(12, harm, isDiagnosed)
    life.endByOperator('i1')
    const [back] = life.live(3, harm, isDiagnosed)
    assert.match(JSON.stringify(back), /It has come back/)
    life.live(60, well)
    assert.deepEqual(life.stages, ['resolved'])
  })

test('two models on one dead server are one incident, also where the cause is found later for one of them', () => {
  const book = new IncidentBook()
  let [count, nowMs] = [0, 0]
  const watch = new IncidentWatch(
    () => `i${++count}`,
    (id) => id,
  )
  const look = (failing: readonly string[], diagnosed: readonly string[]): void => {
    nowMs += lookMs
    const tally = (name: string) => ({ total: 20, failed: failing.includes(name) ? 20 : 0, slow: 0 })
    const tallies = new Map(['a', 'b'].map((name) => [name, tally(name)]))
    const seen = diagnosed.flatMap((component) => [1, 2].map(() => ({ ...isKnown, component, atMs: nowMs })))
    for (const event of watch.look({ nowMs, tallies, seen })) book.apply(event)
  }
  const open = () => book.all.filter(({ stage, mergedInto }) => stage !== 'resolved' && mergedInto === null)
  for (let i = 0; i < 3; i++) look(['a', 'b'], ['a'])
  assert.equal(open().length, 2, 'of the other one nothing is known yet')
  look(['a', 'b'], ['a', 'b'])
  assert.deepEqual(
    open().map(({ affected }) => affected.map(({ component }) => component)),
    [['a', 'b']],
  )
  assert.match(book.get('i2')?.updates.at(-1)?.text ?? '', /part of another incident/)
  look(['a', 'b'], ['a', 'b'])
  assert.equal(book.get('i2')?.mergedInto, 'i1')
  // One of them is well again: it is not shown as harmed until the other one is, too.
  for (let i = 0; i < 6; i++) look(['a'], ['a'])
  assert.deepEqual(
    open().map(({ affected }) => affected.map(({ level }) => level)),
    [['major_outage', 'operational']],
  )
  for (let i = 0; i < 30; i++) look([], [])
  assert.deepEqual(open(), [])
})

test('what comes and goes for half an hour is one incident, and a dozen messages at most', () => {
  const life = new Life()
  for (let i = 0; i < 20; i++) {
    life.live(3, harm)
    life.live(15, well)
  }
  const told = life.events.filter((event) => event.kind === 'updated' && event.text !== undefined)
  assert.equal(life.book.all.length, 1)
  assert.ok(told.length < 12, `${told.length} messages`)
  life.live(75, well)
  assert.deepEqual(life.stages, ['resolved'])
})
