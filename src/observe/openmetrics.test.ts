/** OpenMetrics: who gets it, and how it looks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMetricsText, wantsOpenMetrics } from './openmetrics.ts'

test('it is given to those who would rather have it', () => {
  const prometheus = 'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4'
  assert.equal(wantsOpenMetrics(`${prometheus},text/plain;version=0.0.4;q=0.3,*/*;q=0.2`), true)
  assert.equal(wantsOpenMetrics('application/openmetrics-text'), true)
  for (const accept of ['', '*/*', 'text/plain', 'text/html', 'text/plain, application/openmetrics-text;q=0.5', ',;q='])
    assert.equal(wantsOpenMetrics(accept), false, accept)
})

test('counters have their suffix once, histograms their exemplars, and no label breaks out', () => {
  const witness = { ray: 'r-1', traceId: '', spanId: '', value: 0.25, atMs: 1500 }
  const text = openMetricsText([
    { name: 'a_total', help: 'A.', type: 'counter', values: [{ value: 2, labels: { model: 'x"\\\n} 1' } }] },
    { name: 'b', help: 'B\nb.', type: 'gauge', values: [{ value: Number.POSITIVE_INFINITY, labels: {} }] },
    {
      name: 'c_seconds',
      help: 'C.',
      type: 'histogram',
      values: [{ value: 1, labels: { le: '1.0' }, metricName: 'c_seconds_bucket', witness }],
    },
  ])
  assert.deepEqual(text.split('\n'), [
    '# TYPE a counter',
    '# HELP a A.',
    'a_total{model="x\\"\\\\\\n} 1"} 2',
    '# TYPE b gauge',
    '# HELP b B\\nb.',
    'b +Inf',
    '# TYPE c_seconds histogram',
    '# HELP c_seconds C.',
    'c_seconds_bucket{le="1.0"} 1 # {ray="r-1"} 0.25 1.500',
    '# EOF',
    '',
  ])
})
