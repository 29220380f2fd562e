// How operators are told of scaling: beside the replicas, as a forecast, as metrics.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScaleView } from '../control/autoscale/scale-row.ts'
import { fleetWords } from './fleet.ts'
import { forecastWords } from './forecast-deployment.ts'
import { scaleNumbers } from './scale-numbers.ts'

const minuteMs = 60_000
const outlook = { p10: 300, p50: 410, p90: 520 }
const view: ScaleView = {
  ...{ deployment: 'chat', replicas: 3, why: 'forecast', heldBy: null, min: 0, max: 4, ready: 2, starting: 1 },
  ...{ load: 380, unit: 'calls a minute', perReplica: 200, startMs: 45_000, stepMs: minuteMs, stepsToRead: 0 },
  ...{ forecast: { steps: 2, ...outlook }, judged: { wape: 0.12, below90: 0.91, count: 700 } },
  recent: Array.from({ length: 40 }, (_, i) => ({ atMs: i * minuteMs, load: 380, said: outlook, ready: 2 })),
  ahead: [
    { steps: 2, ...outlook },
    { steps: 4, ...outlook },
  ],
}

test('beside the replicas stands how many are wished, and why', () => {
  const words = fleetWords({ replicas: [], isRunning: true, scaling: [view] })
  assert.match(
    words,
    /^chat: 3 wished of 0 to 4 \(forecast\); 2 ready, 1 starting; load 380 calls a minute, 200 a rep/m,
  )
  assert.match(words, /in 2 min 410, 90 % below 520; a start takes 45.0 s$/m)
  const held = fleetWords({ replicas: [], isRunning: true, scaling: [{ ...view, heldBy: 'an outage', load: null }] })
  assert.match(held, /load unknown .*none is taken away: an outage/)
  assert.doesNotMatch(fleetWords({ replicas: [], isRunning: true, scaling: [] }), /wished/)
})

test('a forecast is drawn with what was and what comes, and says how right such ones were', () => {
  const words = forecastWords(view)
  assert.match(words, /●{30}/)
  assert.match(words, /░/)
  assert.match(words, /in 4 min: 410; 10 % below 300, 90 % below 520/)
  assert.match(words, /off by 12.0 % of the load; 91.0 % were below the 90 %/)
  const young = forecastWords({ ...view, recent: [], ahead: [], judged: null, forecast: null })
  assert.match(young, /Nothing was measured yet[^]*Nothing can be said yet[^]*No forecast could be judged yet/)
})

test('metrics tell what is wished, the load, and what is forecast', () => {
  const values = (rows: readonly ScaleView[]): Record<string, number[]> =>
    Object.fromEntries(scaleNumbers(rows).map(({ name, values }) => [name, values.map(({ value }) => value)]))
  assert.deepEqual(values([view]), {
    holdfast_deployment_replicas_wished: [3],
    holdfast_deployment_load: [380],
    holdfast_deployment_load_forecast: [410, 520],
    holdfast_deployment_scaling_held: [0],
  })
  const blind = { ...view, load: null, forecast: null, heldBy: 'a rollout' }
  assert.deepEqual(values([blind]), {
    ...{ holdfast_deployment_replicas_wished: [3], holdfast_deployment_load: [] },
    ...{ holdfast_deployment_load_forecast: [], holdfast_deployment_scaling_held: [1] },
  })
})
