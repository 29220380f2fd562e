/** Forecasts: sound whatever comes, repeatable, calibrated, and better than "as now". */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../ground/random.ts'
import { quantileShares } from './band.ts'
import { type Forecast, Forecaster, quantileAt } from './forecaster.ts'

/** Ten-minute loads of so many days: high by day, low by night, with noise. */
function dailyLoads(days: number, seed = 1, factor = 1): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: days * 144 }, (_, bin) => {
    const usual = 300 + 250 * Math.sin((2 * Math.PI * bin) / 144)
    return factor * Math.max(0, usual + (random.unit() - 0.5) * 60)
  })
}

function forecastAll(loads: readonly number[], horizons: readonly number[] = [1, 6]): (Forecast | undefined)[][] {
  const forecaster = new Forecaster(10, horizons)
  return loads.map((load) => forecaster.step(load))
}

const load = fc.oneof(
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.constant(0),
  fc.constant(Number.NaN),
  fc.constant(Number.POSITIVE_INFINITY),
  fc.constant(-1),
)

test('whatever comes, a forecast is a load, and its quantiles ascend', () => {
  fc.assert(
    fc.property(fc.array(load, { minLength: 1, maxLength: 60 }), (loads) => {
      for (const each of forecastAll(loads).flat()) {
        if (!each) continue
        assert.ok(each.value >= 0 && Number.isFinite(each.value))
        for (const [at, quantile] of each.quantiles.entries()) {
          assert.ok(quantile >= 0 && Number.isFinite(quantile))
          if (at > 0) assert.ok(quantile >= (each.quantiles[at - 1] as number))
        }
      }
    }),
    { numRuns: 25 },
  )
})

test('the same loads give the same forecasts', () => {
  const loads = dailyLoads(1)
  assert.deepEqual(forecastAll(loads), forecastAll(loads))
})

test('nothing is said before the first load, and something in a gap after it', () => {
  const said = forecastAll([Number.NaN, Number.NaN, 100, Number.NaN])
  assert.equal(said[1]?.[0], undefined)
  assert.ok((said[3]?.[0]?.value ?? 0) > 0)
})

test('a shape of days is learnt: an hour ahead it is far better than "as now"', () => {
  const loads = dailyLoads(6)
  const said = forecastAll(loads)
  let [ours, asNow] = [0, 0]
  for (let bin = 4 * 144; bin < loads.length; bin++) {
    ours += Math.abs((loads[bin] as number) - (said[bin - 6]?.[1]?.value as number))
    asNow += Math.abs((loads[bin] as number) - (loads[bin - 6] as number))
  }
  assert.ok(ours < asNow / 2, `${ours} against ${asNow}`)
})

test('as many values lie below a quantile as it says', () => {
  const loads = dailyLoads(8)
  const said = forecastAll(loads)
  for (const share of [0.5, 0.8, 0.9, 0.95]) {
    let [below, count] = [0, 0]
    for (let bin = 3 * 144; bin < loads.length; bin++) {
      count++
      if ((loads[bin] as number) <= quantileAt(said[bin - 1]?.[0] as Forecast, share)) below++
    }
    assert.ok(Math.abs(below / count - share) < 0.05, `${below / count} below ${share}`)
  }
})

test('an outage that is masked does not pull the forecast down, as one that is not does', () => {
  const loads = dailyLoads(4)
  const masked = loads.map((each, bin) => (bin >= 500 && bin < 512 ? Number.NaN : each))
  const seen = loads.map((each, bin) => (bin >= 500 && bin < 512 ? 0 : each))
  const at = 512
  const errorOf = (all: readonly number[]): number =>
    Math.abs((forecastAll(all.slice(0, at))[at - 1]?.[0]?.value as number) - (loads[at] as number))
  assert.ok(errorOf(masked) < errorOf(seen) / 2)
})

test('ten times the load is ten times the forecast, near enough', () => {
  const last = (factor: number): Forecast => forecastAll(dailyLoads(3, 1, factor)).at(-1)?.[1] as Forecast
  const [one, ten] = [last(1), last(10)]
  assert.ok(Math.abs(ten.value / one.value / 10 - 1) < 0.03)
  assert.ok(Math.abs(quantileAt(ten, 0.9) / quantileAt(one, 0.9) / 10 - 1) < 0.06)
})

test('between the known quantiles it is read off in order', () => {
  const forecast = { value: 1, quantiles: Float64Array.from(quantileShares, (_, at) => at * 10) }
  const shares = [0.01, 0.1, 0.3, 0.5, 0.85, 0.9, 0.97, 0.985, 0.99, 0.998, 0.9999]
  const read = shares.map((share) => quantileAt(forecast, share))
  assert.deepEqual(
    read,
    read.toSorted((a, b) => a - b),
  )
  assert.equal(quantileAt(forecast, 0.9), 30)
  assert.equal(quantileAt(forecast, 0.9999), 80)
})

test('what carries a forecast adds up', () => {
  const forecaster = new Forecaster(10, [1])
  for (const each of dailyLoads(1)) forecaster.step(each)
  const carriers = forecaster.carriers(0)
  const sum = carriers.reduce((total, { share }) => total + share, 0)
  assert.ok(Math.abs(sum - 1) < 1e-9)
  assert.equal(new Set(carriers.map(({ name }) => name)).size, carriers.length)
})
