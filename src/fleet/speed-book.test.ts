// Tests of what workers hand on of servers' speeds: the newest counts, the old is forgotten, nonsense is left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readSpeedBook } from './read-speed-book.ts'
import { SpeedBook, type SpeedEntry } from './speed-book.ts'

const nowMs = Date.UTC(2026, 0, 1)
const dayMs = 86_400_000

function entry(atMs: number, intercept = 50, model = 'm'): SpeedEntry {
  return { url: 'http://gpu1:8000/v1', model, firstToken: { intercept, slope: 0.1, count: 20, atMs } }
}

test('the newest of two workers counts, and only what is new is passed on', () => {
  const book = new SpeedBook()
  assert.equal(book.add([entry(nowMs)], nowMs).length, 1)
  assert.deepEqual(book.add([entry(nowMs - 1000, 900)], nowMs), [], 'an older one')
  assert.deepEqual(book.add([entry(nowMs + 500)], nowMs + 500), [], 'the same again, a moment later')
  assert.equal(book.add([entry(nowMs + 1000, 60)], nowMs + 1000).length, 1, 'another line')
  assert.equal(book.add([entry(nowMs + 20_000, 60)], nowMs + 20_000).length, 1, 'the same, confirmed much later')
  assert.equal(book.entries[0]?.firstToken?.intercept, 60)
})

test('kinds of one model are kept side by side', () => {
  const book = new SpeedBook()
  const { firstToken } = entry(nowMs)
  book.add([entry(nowMs)], nowMs)
  book.add([{ url: 'http://gpu1:8000/v1', model: 'm', gap: firstToken }], nowMs)
  assert.deepEqual(book.entries, [
    { url: 'http://gpu1:8000/v1', model: 'm', firstToken, gap: firstToken, whole: undefined },
  ])
})

test('what is a day old is forgotten, and what comes from the future is not believed', () => {
  const book = new SpeedBook()
  book.add(
    [entry(nowMs - dayMs - 1, 1, 'old'), entry(nowMs + 60_000, 1, 'future'), entry(nowMs - dayMs / 2, 1, 'm')],
    nowMs,
  )
  assert.deepEqual(
    book.entries.map(({ model }) => model),
    ['m'],
  )
  const later = readSpeedBook(book.toString(), nowMs + dayMs)
  assert.deepEqual(later.entries, [])
})

test('it reads what it has written', () => {
  const book = new SpeedBook()
  book.add([entry(nowMs), entry(nowMs, 70, 'n')], nowMs)
  assert.equal(readSpeedBook(book.toString(), nowMs).toString(), book.toString())
})

test('of a file that somebody has been at, what makes sense is taken', () => {
  const good = entry(nowMs)
  const { firstToken } = good
  const bad = [
    null,
    7,
    {},
    { ...good, url: 5 },
    { ...good, model: 'x'.repeat(300) },
    { ...good, firstToken: { ...firstToken, slope: -1 } },
    { ...good, firstToken: { ...firstToken, intercept: 1e300 } },
    { ...good, firstToken: { ...firstToken, count: 0 } },
    { ...good, firstToken: { ...firstToken, atMs: 'soon' } },
  ]
  const book = readSpeedBook(JSON.stringify({ entries: [...bad, good] }), nowMs)
  assert.deepEqual(
    book.entries.map(({ model }) => model),
    ['m'],
  )
  for (const text of ['', '[]', '{"entries":3}', '{"entries":[', 'null'])
    assert.throws(() => readSpeedBook(text, nowMs))
})

test('whatever comes, it never grows beyond its limit', () => {
  const book = new SpeedBook()
  for (let i = 0; i < 5000; i++) book.add([entry(nowMs, 1, `m${i}`)], nowMs)
  assert.equal(book.entries.length, 2000)
  assert.equal(book.entries.at(-1)?.model, 'm4999')
})

test('what is confirmed within seconds is no news, but an older word does not take its place', () => {
  const book = new SpeedBook()
  book.add([entry(nowMs - 2, 218)], nowMs)
  assert.deepEqual(book.add([entry(nowMs, 218)], nowMs), [])
  assert.deepEqual(book.add([entry(nowMs - 1, 0)], nowMs), [])
  assert.equal(book.entries[0]?.firstToken?.intercept, 218)
})

test('in whatever order two workers are heard, the same is known', () => {
  const moments = fc.array(fc.record({ ageMs: fc.nat(10_000), intercept: fc.nat(1000) }), { maxLength: 20 })
  fc.assert(
    fc.property(moments, (list) => {
      const unique = [...new Map(list.map((each) => [each.ageMs, each])).values()]
      const entries = unique.map(({ ageMs, intercept }) => entry(nowMs - ageMs, intercept))
      const [ahead, behind] = [new SpeedBook(), new SpeedBook()]
      for (const each of entries) ahead.add([each], nowMs)
      behind.add(entries.toReversed(), nowMs)
      const known = ({ entries: [only] }: SpeedBook): number | undefined => only?.firstToken?.intercept
      assert.equal(known(ahead), known(behind))
    }),
  )
})
