/** The replay of loads against policies: what is paid, what is short, who wins. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { seededRandom } from '../../ground/random.ts'
import { choosePolicy, comparePolicies } from './compare-policies.ts'
import { ForecastPolicy } from './forecast-policy.ts'
import { makeForecasts } from './make-forecasts.ts'
import { staticPolicy, utilisationPolicy } from './plain-policies.ts'
import { oracleReplicaHours, perReplicaOf, replay } from './replay.ts'
import { replicasSvg } from './replicas-svg.ts'
import type { ScalePolicy } from './scale-policy.ts'

const wishes = (name: string, each: (minute: number) => number): ScalePolicy => ({
  name,
  isForecasting: false,
  wish: ({ minute }) => ({ replicas: each(minute), why: name }),
})

const flat = { loads: new Float64Array(60).fill(100), from: 0, startMin: 3, perReplica: 50, forecasts: [] }

test('a replica is paid from its order on, and bears load only when it has started', () => {
  const loads = new Float64Array(20).fill(100)
  const outcome = replay({ ...flat, loads }, staticPolicy(2))
  // One is there from the beginning; the second, ordered in minute 1, is ready in minute 4.
  assert.equal(outcome.shortShare, 3 / 19)
  assert.equal(outcome.overload, 150)
  assert.equal(outcome.replicaHours, (19 * 2) / 60)
})

test('a dip of fewer than five minutes ends nothing', () => {
  const dips = (length: number): number =>
    replay(
      flat,
      wishes('dip', (minute) => (minute >= 30 && minute < 30 + length ? 1 : 2)),
    )
      .replicas.subarray(28)
      .reduce((least, each) => Math.min(least, each), 9)
  assert.equal(dips(4), 2)
  assert.equal(dips(5), 1)
})

test('minutes without data are neither paid nor short', () => {
  const loads = Float64Array.from({ length: 60 }, (_, minute) => (minute >= 20 && minute < 40 ? Number.NaN : 100))
  assert.equal(replay({ ...flat, loads }, staticPolicy(2)).minutes, 39)
})

test('who knows the future orders in time: a peak is paid for as long before it as a start takes', () => {
  const loads = new Float64Array(20).fill(40)
  loads[10] = 90
  assert.equal(Math.round(oracleReplicaHours({ loads, from: 0, startMin: 3, perReplica: 50 }) * 60), 24)
})

test('what a replica bears is a twentieth of the busiest minutes before', () => {
  assert.equal(perReplicaOf(new Float64Array(2000).fill(400)), 20)
  assert.equal(perReplicaOf(Float64Array.of(Number.NaN)), 1)
})

test('on a load with a shape of days, forecasting costs less than utilisation and lets less through', () => {
  const random = seededRandom(5)
  const loads = Float64Array.from({ length: 2.5 * 1440 }, (_, minute) => {
    const usual = 200 + 150 * Math.sin((2 * Math.PI * minute) / 1440)
    return Math.round(usual + (random.unit() + random.unit() + random.unit() - 1.5) * 2 * Math.sqrt(usual))
  })
  const from = 1.5 * 1440
  const [forecasts = []] = makeForecasts(loads, [3])
  const order = { loads, from, startMin: 3, perReplica: perReplicaOf(loads.subarray(0, from)), forecasts }
  const policies = [utilisationPolicy(0.9), utilisationPolicy(0.5), new ForecastPolicy({ min: 1, max: 100 })]
  const outcomes = comparePolicies(order, policies, null)
  const [tight, roomy, ours] = outcomes
  assert.ok(ours && tight && roomy)
  assert.ok(ours.overloadShare < tight.overloadShare)
  assert.ok(ours.overloadShare < 0.0016)
  assert.ok(ours.replicaHours < 0.7 * roomy.replicaHours)
  assert.equal(choosePolicy(outcomes, 0.0016)?.policy, ours.policy)
  const needs = loads.subarray(from).map((load) => load / order.perReplica)
  assert.match(replicasSvg(needs, outcomes), /^<svg [\s\S]*<\/svg>\n$/)
})

test('where prices are named, the choice is by money', () => {
  const order = { ...flat, loads: new Float64Array(600).fill(100) }
  const policies = [staticPolicy(1), staticPolicy(2)]
  const choose = (lostRequest: number): string | undefined =>
    choosePolicy(comparePolicies(order, policies, { replicaHour: 1, lostRequest }), 0)?.policy
  assert.equal(choose(1e-6), 'static 1')
  assert.equal(choose(1), 'static 2')
})
