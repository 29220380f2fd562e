/** Sums of metrics, read off a page. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricOf } from './metrics-page.ts'

const page = `# HELP etas_total Times told.
# TYPE etas_total counter
etas_total{tier="a",held="yes"} 3
etas_total{tier="b",held="yes"} 4
etas_total{tier="a",held="no"} 1
etas_total_other 100
handles 12
`

test('series of one name are summed, all or those with a label, and no other name is taken for it', () => {
  assert.equal(metricOf(page, 'etas_total'), 8)
  assert.equal(metricOf(page, 'etas_total', 'held="yes"'), 7)
  assert.equal(metricOf(page, 'handles'), 12)
  assert.equal(metricOf(page, 'missing'), 0)
})
