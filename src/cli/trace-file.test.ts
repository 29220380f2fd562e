/** Loads as files have them, and as the ledger does. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { loadsOf } from './forecast.ts'
import { parseTrace } from './trace-file.ts'

test('loads by the minute are read by their column, and gaps are gaps', () => {
  assert.deepEqual([...parseTrace('minute,requests,gap\n0,5,0\n1,0,1\n2,7,0\n', 'x', 1)], [5, Number.NaN, 7])
  assert.deepEqual([...parseTrace('minute,requests\n0,5\n1,\n', 'x', 1)], [5, Number.NaN])
})

test('rates are made loads of the bin', () => {
  assert.deepEqual([...parseTrace('t_s,req_per_s\n0,2\n600,3', 'x', 10)], [1200, 1800])
})

test('requests with their times are counted', () => {
  const text = 'time,model\n2024-11-19 00:00:01,a\n2024-11-19 00:02:59,b\n2024-11-19 00:02:01,b\n'
  assert.deepEqual([...parseTrace(text, 'x', 1)], [1, 0, 2])
})

test('what is no load is refused, with its line', () => {
  assert.throws(() => parseTrace('minute,requests\n0,5\n1,many', 'loads.csv', 1), /loads.csv, line 3: "many"/)
  assert.throws(() => parseTrace('a,b\n0,5', 'loads.csv', 1), /none of requests/)
})

test('minutes of an outage or maintenance, and those nobody watched, are gaps', () => {
  const loads = loadsOf([
    { minuteMs: 60_000, calls: 4, level: 'operational' },
    { minuteMs: 120_000, calls: 1, level: 'major_outage' },
    { minuteMs: 240_000, calls: 2, level: 'under_maintenance' },
    { minuteMs: 300_000, calls: 6, level: 'degraded_performance' },
  ])
  assert.deepEqual([...loads], [4, Number.NaN, Number.NaN, Number.NaN, 6])
  assert.equal(loadsOf([]).length, 0)
})
