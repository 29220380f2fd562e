// Tests of the fit: what was put into made-up incidents is found in them, and nothing where there is nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { EtaLearner } from './eta-learner.ts'
import { ageWeight, fitPrior } from './fit-prior.ts'
import { hats, knotsMin } from './hats.ts'
import { medianRidge } from './median-ridge.ts'
import { quantilesOf } from './points.ts'
import { readSigns, signNames } from './signs.ts'
import type { EndedStory, StoryUpdate } from './story.ts'

const random = seededRandom(7)
const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
const wednesday = Date.parse('2026-11-25T10:00:00Z')

/** Log-normal around an hour; those that come with others last three times as long. */
function drawn(count: number): EndedStory[] {
  return Array.from({ length: count }, (_, i) => ({
    beganMs: wednesday + i * 7 * 86_400_000,
    updates: [{ afterMin: 0, stage: 'investigating', text: '' }] satisfies StoryUpdate[],
    isOneOfSeveral: i % 3 === 0,
    causeClass: null,
    minutes: Math.exp(Math.log(i % 3 === 0 ? 180 : 60) + normal()),
  }))
}

test('a sign that makes it three times as long is found, and what is not there is not', () => {
  const prior = fitPrior(drawn(600).map((story) => ({ story, weight: 1 })))
  const { several, partial, fixed } = prior.effects
  assert.ok(several > 0.5 && several < 1.3, `${several} for ${Math.log(3)}`)
  assert.deepEqual(
    [partial, fixed].map((each) => Math.abs(each) < 1e-9),
    [true, true],
  )
})

test('nine in ten new ones of the same kind end within the range, and by the P90', () => {
  const learner = new EtaLearner(fitPrior(drawn(300).map((story) => ({ story, weight: 1 }))))
  const fresh = drawn(1000).map((story) => ({ ...learner.estimate(story, 0), minutes: story.minutes }))
  const held = fresh.filter(({ minutes, lowMin, highMin }) => minutes >= lowMin && minutes <= highMin).length
  const over = fresh.filter(({ minutes, overByMin }) => minutes <= overByMin).length
  assert.ok(held > 870 && held < 1000, `${held} of 1000 in the range`)
  assert.ok(over > 870 && over < 980, `${over} of 1000 by then`)
})

test('no incidents give no opinion, and no NaN', () => {
  const { curve, effects } = fitPrior([])
  assert.ok(curve.every(Number.isFinite))
  assert.ok(signNames.every((name) => effects[name] === 0))
})

test('a median is not moved by one that lasted a week', () => {
  const rows = [1, 2, 3, 4, 1000].map((y) => ({ x: Float64Array.of(1), y, weight: 1 }))
  const [middle] = medianRidge(rows, Float64Array.of(0))
  assert.ok((middle as number) > 2 && (middle as number) < 4, `${middle}`)
})

test('hats sum to 1 and are 1 at their knots', () => {
  for (const [i, knot] of knotsMin.entries()) assert.ok(Math.abs((hats(knot)[i] as number) - 1) < 1e-9)
  for (const minutes of [0, 3, 33, 333, 3333]) {
    assert.ok(Math.abs(hats(minutes).reduce((sum, each) => sum + each, 0) - 1) < 1e-9)
  }
})

test('quantiles of weighted points, and of none', () => {
  const points = [3, 1, 2].map((value) => ({ value, weight: 1 }))
  assert.deepEqual(quantilesOf(points, [0, 0.5, 1]), [1, 2, 3])
  assert.ok(Number.isNaN(quantilesOf([], [0.5])[0]))
})

test('signs: a fix in words counts like the stage, hostile and endless texts do no harm', () => {
  const at = (text: string, afterMin = 5) =>
    readSigns(
      { beganMs: wednesday, updates: [{ afterMin, stage: 'update', text }], isOneOfSeveral: false, causeClass: null },
      30,
    )
  assert.equal(at('We’ve deployed a fix.')[signNames.indexOf('fixed')], 1)
  assert.equal(at('We are investigating and monitoring.')[signNames.indexOf('fixed')], 0)
  assert.equal(at('Recovery is expected within 20 minutes.')[signNames.indexOf('minutes')], 1)
  assert.ok([...at(`${'has been '.repeat(200_000)}\u202e<script>`)].every(Number.isFinite))
})

test('old incidents fade', () => {
  assert.equal(ageWeight(0), 1)
  assert.equal(ageWeight(-5), 1)
  assert.equal(ageWeight(700 * 86_400_000), 0.5)
})
