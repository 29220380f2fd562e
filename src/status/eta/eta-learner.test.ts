// Tests of the estimate: ordered, never negative, calm about nonsense, longer the longer it has lasted, and it learns.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EtaLearner } from './eta-learner.ts'
import { shippedPrior } from './shipped-prior.ts'
import { elapsedMaxMin, type EndedStory, type Story, type StoryUpdate } from './story.ts'

const wednesday = Date.parse('2026-11-25T10:00:00Z')
const plain: Story = { beganMs: wednesday, updates: [], isOneOfSeveral: false, causeClass: null }
const said = (afterMin: number, stage: StoryUpdate['stage'], text = ''): StoryUpdate => ({ afterMin, stage, text })
const lasted = (minutes: number, more: Partial<Story> = {}): EndedStory => ({ ...plain, minutes, ...more })

const anyNumber = fc.oneof(fc.double(), fc.constantFrom(0, -1, Number.NaN, Infinity, -Infinity, 1e300, 1e-300))
const anyUpdate = fc.record({
  afterMin: anyNumber,
  stage: fc.constantFrom('investigating', 'identified', 'monitoring', 'update'),
  text: fc.oneof(fc.string(), fc.constantFrom('A fix has been implemented', 'We expect this to take hours.')),
}) as fc.Arbitrary<StoryUpdate>
const anyStory = fc.record({
  beganMs: anyNumber,
  updates: fc.array(anyUpdate, { maxLength: 5 }),
  isOneOfSeveral: fc.boolean(),
  causeClass: fc.constantFrom(null, 'overload', 'network'),
}) as fc.Arbitrary<Story>

test('whatever it is told, the numbers are finite, not negative and in order', () => {
  const ended = fc.array(fc.tuple(anyStory, anyNumber), { maxLength: 12 })
  const remedy = fc.record({ leftMin: anyNumber, leadMin: anyNumber, chance: anyNumber })
  fc.assert(
    fc.property(ended, anyStory, anyNumber, fc.array(remedy, { maxLength: 3 }), (past, story, elapsed, remedies) => {
      const history = past.map(([each, minutes]) => ({ ...each, minutes }))
      const { lowMin, medianMin, overByMin, highMin } = new EtaLearner(shippedPrior, history).estimate(
        story,
        elapsed,
        remedies,
      )
      assert.ok(lowMin > 0 && highMin <= elapsedMaxMin, `${lowMin} to ${highMin}`)
      assert.ok(lowMin <= medianMin && medianMin <= overByMin && overByMin <= highMin)
    }),
  )
})

test('the longer it has lasted without a word, the longer it will last', () => {
  const learner = new EtaLearner(shippedPrior)
  const hours = fc.tuple(fc.double({ min: 0.5, max: 200, noNaN: true }), fc.double({ min: 1.3, max: 4, noNaN: true }))
  fc.assert(
    fc.property(hours, fc.constantFrom<StoryUpdate[]>([], [said(0, 'investigating')]), ([hour, more], updates) => {
      // Of one weekday, so that nothing but the time has passed.
      const at = (elapsed: number) =>
        learner.estimate({ ...plain, updates, beganMs: wednesday - elapsed * 6e4 }, elapsed)
      assert.ok(at(hour * 60 * more).medianMin > at(hour * 60).medianMin)
    }),
  )
})

test('it never says that the end was in the past: passing time alone moves the end away', () => {
  const learner = new EtaLearner(shippedPrior)
  let end = 0
  for (const elapsed of [0, 15, 30, 60, 120, 240, 480, 960]) {
    const { medianMin } = learner.estimate(plain, elapsed)
    assert.ok(elapsed + medianMin >= end, `after ${elapsed} minutes it ends at ${elapsed + medianMin}, not ${end}`)
    end = elapsed + medianMin
  }
})

test('a fix that was put in place shortens it, and that is told', () => {
  const learner = new EtaLearner(shippedPrior)
  const searching = learner.estimate({ ...plain, updates: [said(0, 'investigating'), said(55, 'update')] }, 60)
  const fixed = learner.estimate({ ...plain, updates: [said(0, 'investigating'), said(55, 'monitoring')] }, 60)
  assert.ok(fixed.medianMin < searching.medianMin * 0.7, `${fixed.medianMin} after ${searching.medianMin}`)
  assert.ok(fixed.reasons.some(({ sign, factor, words }) => sign === 'fixed' && factor < 1 && /fix/.test(words)))
})

test('what will be said later is not known', () => {
  const learner = new EtaLearner(shippedPrior)
  const before = { ...plain, updates: [said(0, 'investigating')] }
  const later = { ...plain, updates: [said(0, 'investigating'), said(61, 'monitoring', 'A fix has been implemented')] }
  assert.deepEqual(learner.estimate(later, 60), learner.estimate(before, 60))
})

test('own incidents that are always over in minutes are soon believed, others only a little', () => {
  const one = new EtaLearner(shippedPrior, [lasted(3)]).estimate(plain, 1)
  const none = new EtaLearner(shippedPrior).estimate(plain, 1)
  const many = new EtaLearner(
    shippedPrior,
    Array.from({ length: 25 }, (_, i) => lasted(2 + (i % 4))),
  ).estimate(plain, 1)
  assert.ok(one.medianMin > none.medianMin * 0.8, `${one.medianMin} of ${none.medianMin}`)
  assert.ok(many.medianMin < 8, `${many.medianMin} min`)
  assert.equal(many.ownCount, 25)
  assert.ok(many.ownFactor < 0.2)
})

test('own incidents that ended sooner say nothing of one that has lasted longer', () => {
  const learner = new EtaLearner(
    shippedPrior,
    Array.from({ length: 25 }, () => lasted(3)),
  )
  const { ownCount, ownFactor } = learner.estimate(plain, 60)
  assert.deepEqual([ownCount, ownFactor], [0, 1])
})

test('own incidents of the same cause count more', () => {
  const history = Array.from({ length: 20 }, (_, i) =>
    lasted(i % 2 ? 5 : 300, { causeClass: i % 2 ? 'overload' : 'network' }),
  )
  const learner = new EtaLearner(shippedPrior, history)
  const [overload, network] = ['overload', 'network'].map((causeClass) => learner.estimate({ ...plain, causeClass }, 0))
  assert.ok((overload?.medianMin ?? 0) < (network?.medianMin ?? 0) * 0.6)
})

test('a range that was too short again and again is widened', () => {
  const typical = (i: number): EndedStory => lasted([20, 45, 60, 75, 150][i % 5] as number)
  const calm = new EtaLearner(
    shippedPrior,
    Array.from({ length: 60 }, (_, i) => typical(i)),
  )
  const wild = new EtaLearner(
    shippedPrior,
    Array.from({ length: 60 }, (_, i) => (i < 30 && i % 4 === 0 ? lasted(9000) : typical(i))),
  )
  assert.ok(wild.estimate(plain, 0).highMin > calm.estimate(plain, 0).highMin)
})

test('a remedy with a known lead time pulls the estimate to its end; one that is long overdue does not', () => {
  const learner = new EtaLearner(shippedPrior)
  const none = learner.estimate(plain, 20)
  const coming = learner.estimate(plain, 20, [{ leftMin: 4, leadMin: 6, chance: 0.8 }])
  const overdue = learner.estimate(plain, 20, [{ leftMin: -40, leadMin: 6, chance: 0.8 }])
  assert.ok(coming.medianMin > 4 && coming.medianMin < 12, `${coming.medianMin} min`)
  assert.ok(coming.highMin > 60, 'it may not help')
  assert.ok(Math.abs(overdue.medianMin / none.medianMin - 1) < 0.01)
})
