/** Histograms: counts, the calls that stand for them, and the limit to their labels. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Distribution } from './distribution.ts'
import { histogramNumbers, withWitnesses } from './histogram-numbers.ts'
import type { MetricNumbers } from './openmetrics.ts'

const witness = (ray: string, atMs = 1): { ray: string; traceId: string; spanId: string; atMs: number } => ({
  ray,
  traceId: '',
  spanId: '',
  atMs,
})

test('each value falls into the first bucket that holds it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
      const bounds = [0.5, 1, 5, 10]
      const distribution = new Distribution([], bounds)
      for (const value of values) distribution.observe(value, witness('r'))
      const [series] = distribution.series
      const counts = [...bounds, Number.POSITIVE_INFINITY].map((_, i) => series?.counts[i] ?? 0)
      const wanted = [...bounds, Number.POSITIVE_INFINITY].map(
        (bound, i) => values.filter((value) => value <= bound && (i === 0 || value > (bounds[i - 1] as number))).length,
      )
      assert.deepEqual(counts, wanted)
    }),
  )
})

test('a bucket is stood for by the call that came last', () => {
  const distribution = new Distribution(['route'], [1])
  distribution.observe(0.2, witness('a'), 'chat')
  distribution.observe(0.3, witness('b', 2), 'chat')
  distribution.observe(7, witness('c', 3), 'chat')
  const [series] = distribution.series
  assert.deepEqual([series?.exemplar(0)?.ray, series?.exemplar(0)?.value, series?.exemplar(1)?.ray], ['b', 0.3, 'c'])
})

test('labels beyond the limit are counted together, and nothing is lost', () => {
  const distribution = new Distribution(['model'], [1], 10)
  for (let i = 0; i < 1000; i++) distribution.observe(0.5, witness('r'), `model-${i}`)
  assert.ok(distribution.series.length <= 11, `${distribution.series.length} series`)
  const counted = distribution.series.reduce((sum, { counts }) => sum + (counts[0] ?? 0), 0)
  assert.equal(counted, 1000)
  assert.equal(distribution.series.at(-1)?.labels['model'], 'other')
})

test('numbers of several processes keep the latest exemplar of each bucket', () => {
  const told = [1, 2].map((atMs): MetricNumbers => {
    const distribution = new Distribution(['route'], [1])
    distribution.observe(0.2, witness(`ray-${atMs}`, atMs), 'chat')
    return { name: 'x', help: '', type: 'histogram', values: histogramNumbers('x', distribution) }
  })
  const [first, second] = told as [MetricNumbers, MetricNumbers]
  const merged = { ...first, values: first.values.map((sample) => ({ ...sample, witness: null })) }
  for (const all of [
    [[first], [second]],
    [[second], [first]],
  ])
    assert.equal(withWitnesses(merged, all).values[0]?.witness?.ray, 'ray-2')
})
