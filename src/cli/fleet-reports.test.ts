// Tests of what the control process is told: sums over workers, news once, nothing of the dead and the silent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTally, type TallyCounts } from '../control/deploy/replica-tally.ts'
import type { DemandTold } from '../control/autoscale/demand.ts'
import { FleetReports } from './fleet-reports.ts'

const tally = (calls: number): TallyCounts => ({
  ...newTally(),
  ...{ calls, failures: { HF_UPSTREAM_CUT: calls }, ttftMs: { '4.0': [0, calls] }, answerTokens: [calls] },
})
const demand = (requests: number, waiting: number): DemandTold => ({
  ...{ requests, waiting, promptTokens: 10 * requests, outputTokens: requests, refused: 1 },
})

test('what workers have in hand is summed, the latest progress counts, and news are told once', () => {
  const reports = new FleetReports<string>()
  reports.hear(
    'a',
    { replicas: { r1: { calls: 2, progressedMs: 50, tally: tally(1) } }, demand: { p: demand(3, 4) } },
    0,
  )
  reports.hear(
    'b',
    { replicas: { r1: { calls: 1, progressedMs: 90, tally: tally(2) } }, demand: { p: demand(1, 1) } },
    0,
  )
  const told = reports.take(1000)
  assert.deepEqual(told.demand, { p: { requests: 4, promptTokens: 40, outputTokens: 4, waiting: 5, refused: 2 } })
  assert.deepEqual(told.replicas, { r1: { calls: 3, progressedMs: 90, tallies: [tally(3)] } })
  const again = reports.take(2000)
  assert.deepEqual(again.replicas, { r1: { calls: 3, progressedMs: 90, tallies: [] } })
  assert.deepEqual(again.demand, { p: { requests: 0, promptTokens: 0, outputTokens: 0, waiting: 5, refused: 0 } })
})

test('real calls for a gate are told once, and never many', () => {
  const reports = new FleetReports<string>()
  const call = { caller: 'shop', body: '{}', atMs: 0 }
  for (let i = 0; i < 500; i++) reports.hear('a', { replicas: {}, demand: {}, samples: { [`r${i}`]: call } }, 0)
  const { samples = [] } = reports.take(1000)
  assert.deepEqual(samples[0], { replica: 'r0', call })
  assert.ok(samples.length <= 100)
  assert.equal(reports.take(2000).samples, undefined)
})

test('words that nobody took are added up', () => {
  const reports = new FleetReports<string>()
  for (let i = 0; i < 3; i++)
    reports.hear(
      'a',
      { replicas: { r1: { calls: i, progressedMs: null, tally: tally(1) } }, demand: { p: demand(2, i) } },
      i,
    )
  const { replicas, demand: asked } = reports.take(3)
  assert.deepEqual(replicas['r1'], { calls: 2, progressedMs: null, tallies: [tally(3)] })
  assert.deepEqual([asked['p']?.requests, asked['p']?.waiting], [6, 2])
})

test('of one that is dead or silent nothing is in hand; what it told before counts once', () => {
  const reports = new FleetReports<string>()
  const word = { replicas: { r1: { calls: 2, progressedMs: 5, tally: tally(1) } }, demand: { p: demand(3, 4) } }
  reports.hear('a', word, 0)
  reports.forget('a')
  const { replicas, demand: asked } = reports.take(1)
  assert.deepEqual(replicas, { r1: { calls: 0, progressedMs: null, tallies: [tally(1)] } })
  assert.deepEqual([asked['p']?.requests, asked['p']?.waiting], [3, 0])
  reports.hear('b', { replicas: { r1: { calls: 7, progressedMs: 5, tally: null } }, demand: {} }, 1)
  assert.equal(reports.take(19_000).replicas['r1']?.calls, 7)
  assert.deepEqual(reports.take(30_000).replicas, {})
})
