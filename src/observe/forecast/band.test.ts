/** Quantiles around a forecast: what nights without load and the first hours must not do to them. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { Band, type BandSight, quantileShares } from './band.ts'

const dayBins = 144
const at90 = quantileShares.indexOf(0.9)
const at99 = quantileShares.indexOf(0.99)

test('days without any load do not leave the quantiles too low for the day that is busy', () => {
  const random = seededRandom(1)
  const band = new Band(dayBins)
  for (let bin = 0; bin < 5 * dayBins; bin++) band.learn(band.see(0, 0, 0), 0)
  let below = 0
  for (let bin = 0; bin < dayBins; bin++) {
    const sight = band.see(10, 0.5, 0)
    const value = 10 + 4 * (random.unit() - 0.5)
    below += Number(value <= (sight.quantiles[at90] as number))
    band.learn(sight, value)
  }
  assert.ok(below / dayBins > 0.8, `${below / dayBins} below the 90 %`)
})

test('what was said before any error was known does not swell the far quantiles for days', () => {
  const random = seededRandom(1)
  const band = new Band(1440)
  const ahead = 60
  const waiting: BandSight[] = []
  let high = 0
  for (let bin = 0; bin < 500; bin++) {
    const center = bin < 400 ? 30 : 60
    const sight = band.see(center, 0.5, 0)
    waiting.push(sight)
    const due = bin >= ahead ? waiting.shift() : undefined
    if (due) band.learn(due, due.center + 2 * (random.unit() - 0.5))
    if (bin >= 400) high = Math.max(high, sight.quantiles[at99] as number)
  }
  assert.ok(high > 60.5 && high < 70, `99 % below ${high}`)
})

test('before any error is known a band is as wide as counts and a tenth of the root ask for', () => {
  const { quantiles } = new Band(dayBins).see(100, 0, 0)
  assert.ok((quantiles[at90] as number) > 105 && (quantiles[at90] as number) < 130, `${quantiles[at90]}`)
})
