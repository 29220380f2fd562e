/** The look back on forecasts, and its drawing. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { bandPlot } from './band-plot.ts'
import { review } from './review.ts'

const order = { binMin: 10, horizonBins: [1, 6], judgedBins: 144, shownBins: 50 }

test('a steady load is forecast, judged, and drawn into the future', () => {
  const made = review(new Float64Array(300).fill(50), order)
  const [first] = made.horizons
  assert.ok(Math.abs((first?.forecast?.value ?? 0) - 50) < 1)
  assert.ok((first?.wape ?? 1) < 0.02)
  assert.equal(first?.count, 144)
  assert.equal(made.points.length, 56)
  assert.ok(Number.isNaN(made.points.at(-1)?.load))
  assert.ok((made.points.at(-1)?.value ?? 0) > 0)
  assert.match(bandPlot(made.points, { columns: 40, rows: 6 }), /●/)
})

test('without any load there is nothing to judge by, and nothing is drawn but an empty frame', () => {
  const made = review(new Float64Array(40).fill(Number.NaN), order)
  assert.equal(made.horizons[0]?.forecast, undefined)
  assert.equal(made.horizons[0]?.wape, null)
  assert.doesNotMatch(bandPlot(made.points, { columns: 40, rows: 6 }), /[●─]/)
})
