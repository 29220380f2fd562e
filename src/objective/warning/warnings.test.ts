/** Each early warning: what it must fire on, and what it must not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { Bins, type Series } from './bins.ts'
import { certificateExpiry } from './certificate-expiry.ts'
import { diskRoom } from './disk-room.ts'
import type { Finding } from './finding.ts'
import { latencyDrift } from './latency-drift.ts'
import { memorySlope } from './memory-slope.ts'
import { queueGrowth } from './queue-growth.ts'
import { quotaExhaustion } from './quota-exhaustion.ts'
import { saturationTrend } from './saturation-trend.ts'

const minuteMs = 60_000
const dayMs = 86_400_000

/** `count` bins; chance is drawn by `seed`. */
function series(count: number, valueAt: (i: number, chance: number) => number, binMs = minuteMs, seed = 1): Series {
  const random = seededRandom(seed)
  const x = Array.from({ length: count }, (_, i) => i * binMs)
  return { x, y: x.map((_, i) => valueAt(i, random.unit())) }
}

const flat = (count: number, value = 5): number[] => Array.from({ length: count }, () => value)
const severity = (finding: Finding | null): string | null => finding?.severity ?? null

/** How many of a hundred series of pure chance it fires on. */
function falseAlarms(find: (seed: number) => Finding | null): number {
  return Array.from({ length: 100 }, (_, seed) => find(seed + 1)).filter((finding) => finding !== null).length
}

test('a pool that fills up is told of before it is full', () => {
  const filling = saturationTrend(series(20, (i, chance) => 0.4 + i * 0.02 + 0.02 * chance))
  assert.match(filling?.words ?? '', /will be full in \d+ min/)
  assert.match(saturationTrend(series(20, () => 1))?.words ?? '', /has been full for 10 min/)
})

test('a pool that is busy but steady, or far from full, or was full for a moment, is not', () => {
  assert.equal(saturationTrend(series(30, (_, chance) => 0.8 + 0.1 * chance)), null)
  assert.equal(saturationTrend(series(30, (i) => i * 0.01)), null)
  assert.equal(saturationTrend(series(30, (i) => (i > 24 && i < 28 ? 1 : 0.5))), null)
  assert.equal(saturationTrend(series(5, () => 1)), null)
  const noise = (seed: number) => saturationTrend(series(30, (_, chance) => 0.6 + 0.3 * chance, minuteMs, seed))
  assert.ok(falseAlarms(noise) <= 2)
})

test('a line that grows is told of; one that comes and goes, or is short, is not', () => {
  assert.equal(severity(queueGrowth(series(15, (i, chance) => 2 * i + 3 * chance))), 'warning')
  assert.equal(queueGrowth(series(15, (i) => i * 0.5)), null)
  assert.equal(queueGrowth(series(15, (i) => 40 - i)), null)
  assert.ok(falseAlarms((seed) => queueGrowth(series(15, (_, chance) => 60 * chance, minuteMs, seed))) <= 2)
})

test('first tokens that get later are told of, by a step and by a drift', () => {
  const step = series(30, (i, chance) => Math.log((i > 26 ? 900 : 500) + 30 * chance))
  assert.match(latencyDrift(step, flat(30))?.words ?? '', /begin after 9\d\d ms where it was 5\d\d ms/)
  const drift = series(36, (i, chance) => Math.log(500 + 15 * i + 40 * chance))
  assert.equal(severity(latencyDrift(drift, flat(36))), 'warning')
})

test('first tokens that are late since there is more to do are not, nor are those that vary', () => {
  const load = Array.from({ length: 36 }, (_, i) => 10 + i)
  const byLoad = series(36, (i, chance) => Math.log(300) + 0.03 * (10 + i) + 0.02 * chance)
  assert.equal(latencyDrift(byLoad, load), null)
  const busy = flat(30).map((value, i) => (i > 26 ? 20 : value))
  assert.equal(
    latencyDrift(
      series(30, (i) => Math.log(i > 26 ? 900 : 500)),
      busy,
    ),
    null,
  )
  assert.equal(
    latencyDrift(
      series(30, (i) => Math.log(i === 20 ? 9000 : 500)),
      flat(30),
    ),
    null,
  )
  const noise = (seed: number) =>
    latencyDrift(
      series(36, (_, chance) => Math.log(400 + 200 * chance), minuteMs, seed),
      flat(36),
    )
  assert.ok(falseAlarms(noise) <= 2)
})

test('a leak is told of when its end is near', () => {
  const leak = series(48, (i, chance) => 0.5 + i * 0.006 + 0.01 * chance, 5 * minuteMs)
  assert.match(
    memorySlope(leak, flat(48))?.words ?? '',
    /grows though the work does not: 7\d % is used, 7\.\d % more each hour/,
  )
  const fast = series(40, (i, chance) => 0.3 + i * 0.015 + 0.01 * chance, 5 * minuteMs)
  assert.equal(severity(memorySlope(fast, flat(40))), 'critical')
})

test('memory that rises with the work, is warm, or would last for days, is not', () => {
  const load = Array.from({ length: 48 }, (_, i) => i)
  assert.equal(
    memorySlope(
      series(48, (i, chance) => 0.3 + i * 0.01 + 0.01 * chance, 5 * minuteMs),
      load,
    ),
    null,
  )
  assert.equal(
    memorySlope(
      series(48, (i, chance) => Math.min(0.6, 0.4 + i * 0.05) + 0.01 * chance, 5 * minuteMs),
      flat(48),
    ),
    null,
  )
  assert.equal(
    memorySlope(
      series(48, (i, chance) => 0.3 + i * 0.0005 + 0.001 * chance, 5 * minuteMs),
      flat(48),
    ),
    null,
  )
  assert.equal(
    memorySlope(
      series(20, (i) => 0.5 + i * 0.01, 5 * minuteMs),
      flat(20),
    ),
    null,
  )
  const noise = (seed: number) =>
    memorySlope(
      series(48, (_, chance) => 0.5 + 0.3 * chance, 5 * minuteMs, seed),
      flat(48),
    )
  assert.ok(falseAlarms(noise) <= 1)
})

test('a disk that is full, or soon will be, is told of', () => {
  assert.equal(severity(diskRoom(series(1, () => 0.04))), 'critical')
  assert.equal(severity(diskRoom(series(1, () => 0.09))), 'warning')
  const filling = (perBin: number) =>
    diskRoom(series(36, (i, chance) => 0.6 - i * perBin + 0.001 * chance, 5 * minuteMs))
  assert.equal(severity(filling(0.01)), 'critical')
  assert.equal(severity(filling(0.003)), 'warning')
  assert.equal(filling(0.0001), null)
  assert.equal(diskRoom(series(72, (i) => 0.3 + (i % 6) * 0.01, 5 * minuteMs)), null)
  assert.equal(diskRoom({ x: [], y: [] }), null)
})

test('a certificate is told of two weeks before its end, or in the last quarter of a short life', () => {
  const left = (lifeDays: number, leftDays: number) =>
    severity(certificateExpiry({ fromMs: (leftDays - lifeDays) * dayMs, untilMs: leftDays * dayMs }, 0))
  assert.deepEqual([left(90, 15), left(90, 13), left(90, 2), left(90, -1)], [null, 'warning', 'critical', 'critical'])
  assert.deepEqual([left(6, 3), left(6, 1.4), left(6, 0.5)], [null, 'warning', 'critical'])
  assert.equal(certificateExpiry({ fromMs: 0, untilMs: Number.NaN }, 0), null)
})

test('a quota is told of when calls are refused for it, or little is left for minutes', () => {
  const none: Series = { x: [], y: [] }
  const counts = { attempts: 100, limited: 0, spent: 0 }
  assert.equal(severity(quotaExhaustion({ ...counts, spent: 1 }, none)), 'critical')
  assert.equal(severity(quotaExhaustion({ ...counts, limited: 10 }, none)), 'warning')
  assert.equal(quotaExhaustion({ ...counts, limited: 9 }, none), null)
  assert.equal(quotaExhaustion({ ...counts, attempts: 1000, limited: 40 }, none), null)
  assert.equal(
    severity(
      quotaExhaustion(
        counts,
        series(6, () => 0.05),
      ),
    ),
    'warning',
  )
  // A limit by the minute that is used to its end now and then is being used, and not used up.
  assert.equal(
    quotaExhaustion(
      counts,
      series(10, (i) => (i % 3 === 0 ? 0.5 : 0)),
    ),
    null,
  )
})

test('bins hold whole bins only, the latest of them', () => {
  const bins = new Bins(minuteMs, 3, 'mean')
  for (let i = 0; i < 10; i++) for (const value of [i, i + 1]) bins.add(i * minuteMs, value)
  assert.deepEqual(bins.series, { x: [6, 7, 8].map((i) => i * minuteMs), y: [6.5, 7.5, 8.5] })
  bins.add(8 * minuteMs, 100) // the clock stepped back a little
  bins.add(10 * minuteMs, Number.NaN)
  assert.equal(bins.series.x.length, 3)
})

test('a clock that was far ahead for a while does not end the series', () => {
  const bins = new Bins(minuteMs, 10, 'last')
  for (let i = 0; i < 5; i++) bins.add(i * minuteMs, i)
  bins.add(365 * dayMs, 99)
  for (let i = 5; i < 8; i++) bins.add(i * minuteMs, i)
  assert.deepEqual(bins.series.y, [0, 1, 2, 3, 4, 5, 6])
})
