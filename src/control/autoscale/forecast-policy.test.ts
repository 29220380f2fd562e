/** What the scaling policy decides, and the parts it decides by. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { quantileShares } from '../../observe/forecast/band.ts'
import type { Forecast } from '../../observe/forecast/forecaster.ts'
import { ForecastPolicy, type ForecastPolicyOptions } from './forecast-policy.ts'
import { LeadTime } from './lead-time.ts'
import { OverloadBudget } from './overload-budget.ts'
import { riskMax, riskMin, riskOf } from './risk.ts'
import type { ScaleSight } from './scale-policy.ts'

/** All quantiles alike: a forecast that is sure. */
const sure = (load: number): Forecast => ({
  value: load,
  quantiles: new Float64Array(quantileShares.length).fill(load),
})
const sight: ScaleSight = { minute: 100, load: 100, forecast: sure(100), perReplica: 50, ready: 2, starting: 0 }
const policy = (options: Partial<ForecastPolicyOptions> = {}): ForecastPolicy =>
  new ForecastPolicy({ min: 1, max: 10, ...options })
const wish = (sights: Partial<ScaleSight> = {}, options: Partial<ForecastPolicyOptions> = {}): number =>
  policy(options).wish({ ...sight, ...sights }).replicas

test('a forecast raises the floor before the load is there', () => {
  assert.equal(wish({ forecast: sure(400) }), 8)
})

test('a forecast of nothing does not take away what present load needs', () => {
  assert.equal(wish({ forecast: sure(0), load: 300 }), 6)
})

test('pressure measured on the replicas asks for more, at most for twice as many at once', () => {
  assert.equal(wish({ pressure: { worst: 1.4 } }), 3)
  assert.equal(wish({ pressure: { worst: 30 } }), 4)
  assert.equal(wish({ pressure: { worst: 1.05 } }), 2)
})

test('the bounds hold, whatever is wished', () => {
  fc.assert(
    fc.property(
      fc.record({ load: fc.nat(1e6), forecast: fc.nat(1e6), worst: fc.double({ min: 0, max: 50, noNaN: true }) }),
      fc.record({ warm: fc.nat(5), replicaHoursPerDay: fc.nat(500), isHeld: fc.boolean() }),
      ({ load, forecast, worst }, { isHeld, ...options }) => {
        const replicas = wish({ load, forecast: sure(forecast), pressure: { worst }, isHeld }, options)
        assert.ok(Number.isInteger(replicas) && replicas >= 1 && replicas <= 10)
      },
    ),
  )
})

test('nothing is taken away during an incident or a rollout, but more may come', () => {
  assert.equal(wish({ ready: 7, isHeld: true }), 7)
  assert.equal(wish({ ready: 7, isHeld: true, forecast: sure(450) }), 9)
})

test('warm ones come on top', () => {
  assert.equal(wish({}, { warm: 2 }), 4)
})

test('a spent cost budget stops what is only forecast, not what is measured', () => {
  const tight = policy({ replicaHoursPerDay: 1 })
  for (let minute = 0; minute < 60; minute++) tight.wish({ ...sight, minute })
  const said = tight.wish({ ...sight, minute: 60, load: 200, forecast: sure(450) })
  assert.equal(said.replicas, 4)
  assert.match(said.why, /cost budget/)
})

test('the last replica ends only after a while without any load, and where none is to come', () => {
  const idle = policy({ min: 0, idleMin: 10 })
  const at = (minute: number, forecast: number): number =>
    idle.wish({ ...sight, minute, load: minute === 0 ? 5 : 0, forecast: sure(forecast) }).replicas
  assert.equal(at(0, 5), 1)
  assert.equal(at(9, 0), 1)
  assert.equal(at(10, 20), 1)
  assert.equal(at(11, 0), 0)
})

test('before anything can be forecast there is one to spare', () => {
  assert.equal(wish({ forecast: undefined }), 3)
})

test('the dearer a lost request, the less risk; within bounds', () => {
  const risk = (lostRequest: number): number => riskOf({ replicaHour: 3, lostRequest }, 60)
  assert.ok(risk(0.1) > risk(0.2))
  assert.equal(risk(0.1), 3 / 60 / 6)
  assert.equal(risk(1e9), riskMin)
  assert.equal(risk(1e-9), riskMax)
})

test('overload above the budget makes it more careful, a calm time less', () => {
  const [bad, calm] = [new OverloadBudget(0.001), new OverloadBudget(0.001)]
  assert.equal(bad.factor(), 1)
  for (let minute = 0; minute < 4000; minute++) {
    bad.saw(1, 100)
    calm.saw(0, 100)
  }
  assert.ok(bad.factor() < 0.3)
  assert.ok(calm.factor() > 1.5)
})

test('one burst in the first hour makes it a little more careful, not for the day', () => {
  const young = new OverloadBudget(0.001)
  for (let minute = 0; minute < 60; minute++) young.saw(minute === 30 ? 300 : 0, 50)
  assert.ok(young.factor() > 0.9)
})

test('how long a start takes is measured: the P95 of the last ones', () => {
  const lead = new LeadTime(180_000)
  assert.equal(lead.horizonMin, 4)
  for (let time = 1; time <= 20; time++) lead.measured(time * 10_000)
  assert.equal(lead.ms, 190_000)
  lead.measured(Number.NaN)
  assert.equal(lead.horizonMin, 5)
})
