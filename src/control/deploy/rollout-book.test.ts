/** The book of rollouts: one at a time, what is over is remembered for a while, and it can be written down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seen } from './rollout.ts'
import { RolloutBook, RolloutError } from './rollout-book.ts'
import { rolloutDefaults, stepsOf } from './rollout-options.ts'

const order = (id: string, to: string) => ({ id, deployment: 'chat', from: 'v1', to, strategy: 'blue-green' }) as const
const options = { ...rolloutDefaults, steps: stepsOf['blue-green'], warmMs: 0 }
const seen = (nowMs: number): Seen => ({
  ...{ nowMs, total: 2, readyNext: 2, readyPresent: 2, callsLeft: 0, isWindowOpen: true, look: null },
  gate: { isPassed: true, words: 'passed' },
})

function finish(book: RolloutBook): void {
  for (let i = 0; i < 20 && book.live('chat'); i++) book.advance('chat', seen(i * 1000), options)
}

test('blue-green gives all calls at once, after the gate', () => {
  const book = new RolloutBook()
  book.begin(order('1', 'v2'), 0)
  finish(book)
  const [view] = book.views('chat')
  assert.equal(view?.phase, 'done')
  assert.deepEqual([...new Set(view?.history.map(({ share }) => share))], [0, 1])
  assert.equal(book.release('chat'), 'v2')
})

test('one at a time, of what is not there already', () => {
  const book = new RolloutBook()
  book.begin(order('1', 'v2'), 0)
  assert.throws(() => book.begin(order('2', 'v3'), 0), RolloutError)
  assert.throws(() => new RolloutBook().begin(order('1', 'v1'), 0), /runs v1 already/)
  assert.throws(() => book.command('other', 'pause', 'ada', 0), /no rollout goes on/)
})

test('it is the same after it was written down, and forgets the oldest', () => {
  const book = new RolloutBook()
  for (let i = 0; i < 30; i++) {
    book.begin(order(`${i}`, `v${i + 2}`), 0)
    finish(book)
  }
  assert.ok(book.views().length <= 21)
  assert.equal(book.views()[0]?.to, 'v31')
  const again = new RolloutBook(JSON.parse(JSON.stringify(book)) as ReturnType<RolloutBook['toJSON']>)
  assert.deepEqual(again.views(), book.views())
})

test('however many were rolled back since, it knows what runs', () => {
  const book = new RolloutBook()
  book.begin(order('0', 'v2'), 0)
  finish(book)
  for (let i = 1; i < 40; i++) {
    book.begin(order(`${i}`, 'v3'), 0)
    book.command('chat', 'rollback', 'ada', 0)
    finish(book)
  }
  assert.equal(book.release('chat'), 'v2')
})

test('what was deployed last runs until the configuration names another release, or has it no more', () => {
  const book = new RolloutBook()
  const releases = ['v1', 'v2', 'v3']
  const follow = (release: string, known = releases): string | null =>
    book.follow('chat', { release, releases: known }, 0)
  assert.equal(follow('v1'), null)
  book.begin(order('1', 'v2'), 0)
  finish(book)
  assert.deepEqual([follow('v1'), book.release('chat')], [null, 'v2'])
  assert.deepEqual([follow('v3'), book.release('chat')], ['the configuration names v3', 'v3'])
  book.begin({ ...order('2', 'v2'), from: 'v3' }, 0)
  assert.equal(follow('v2'), null, 'it leads there')
  assert.equal(book.live('chat')?.phase, 'waiting')
  assert.match(follow('v1') ?? '', /names v1/)
  assert.deepEqual([book.live('chat'), book.views()[0]?.phase, book.release('chat')], [null, 'rolled-back', 'v1'])
  book.begin(order('3', 'v2'), 0)
  assert.match(follow('v1', ['v1']) ?? '', /v2 is in the configuration no more: v1 runs/)
  assert.equal(book.live('chat'), null)
})

test('a release that is taken out of the configuration in the middle of a rollout: the one that has the calls goes on', () => {
  const book = new RolloutBook()
  const follow = (...releases: string[]): string | null => book.follow('chat', { release: 'v1', releases }, 0)
  follow('v1', 'v2', 'v3')
  book.begin(order('1', 'v2'), 0)
  finish(book)
  book.begin({ ...order('2', 'v3'), from: 'v2' }, 0)
  assert.match(follow('v1', 'v2') ?? '', /v3 is in the configuration no more: v2 runs/)
  assert.deepEqual([book.views()[0]?.phase, book.release('chat')], ['rolled-back', 'v2'])
  book.begin({ ...order('3', 'v3'), from: 'v2' }, 0)
  while (book.live('chat')?.share !== 1) book.advance('chat', seen(0), options)
  assert.match(follow('v1', 'v3') ?? '', /v2 is in the configuration no more: v3 runs/)
  assert.deepEqual([book.views()[0]?.phase, book.release('chat')], ['done', 'v3'])
})
