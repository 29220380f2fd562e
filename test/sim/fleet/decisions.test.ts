// A simulated deployment that is scaled by its load, and gets releases that are no good: planted bugs are found.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTally } from '../../../src/control/deploy/replica-tally.ts'
import type { FleetReport } from '../../../src/control/fleet-report.ts'
import type { ControlSettings } from '../../../src/control/loop.ts'
import type { Wishes } from '../../../src/control/pilot.ts'
import type { DeploymentPlan } from '../../../src/control/plan.ts'
import type { Sabotage } from './control-host.ts'
import type { CheckName } from './fleet-checks.ts'
import { drawFleet, type FleetScenario } from './fleet-scenario.ts'
import { simulateFleet } from './fleet-world.ts'

const minuteMs = 60_000

/** Three times as much is asked for some minutes; somebody deploys two releases that are no good, and one that is. */
const scenario: FleetScenario = {
  ...drawFleet({ seed: 1, hours: 2, replicas: 6, isCalm: true }),
  deployments: [
    {
      ...{
        name: 'd0',
        driver: 'process',
        replicas: 6,
        isScaled: true,
        callsPerSecond: 100,
        callsPerReplicaSecond: 100,
      },
      ...{ callS: 2, peakAt: 0, swing: 0.2, readyMs: [5000, 9000] },
    },
  ],
  actionsPerMinuteMax: 20,
  mishaps: [
    { atMs: 3 * minuteMs, forMs: 6 * minuteMs, kind: 'burst', deployment: 0, factor: 3 },
    { atMs: 8 * minuteMs, forMs: 4 * minuteMs, kind: 'config', deployment: 0, change: 'weight' },
    { atMs: 20 * minuteMs, forMs: 0, kind: 'deploy', deployment: 0, release: 'fails', strategy: 'canary' },
    { atMs: 28 * minuteMs, forMs: 0, kind: 'deploy', deployment: 0, release: 'slow', strategy: 'rolling' },
    { atMs: 37 * minuteMs, forMs: 0, kind: 'deploy', deployment: 0, release: 'fine', strategy: 'canary' },
    { atMs: 39 * minuteMs, forMs: 11 * minuteMs, kind: 'pause', deployment: 0 },
    { atMs: 56 * minuteMs, forMs: 0, kind: 'rollback', deployment: 0 },
    // The burst is an hour ago, and its replicas may go.
    { atMs: 58 * minuteMs, forMs: 21 * minuteMs, kind: 'trouble', how: 'incident' },
  ],
}

test('load is followed, and releases that are no good go back', async () => {
  const { violations, counts } = await simulateFleet(scenario)
  assert.deepEqual(violations, [])
  const { deploys, rolledBack, wronglyStopped, scalings } = counts
  assert.deepEqual({ deploys, rolledBack, wronglyStopped }, { deploys: 3, rolledBack: 3, wronglyStopped: 0 })
  assert.ok(scalings >= 3, `${scalings}`)
})

/** As if no call had failed, or been slow. */
function withoutFailures({ replicas, ...rest }: FleetReport): FleetReport {
  const fine = Object.entries(replicas).map(([name, told]) => {
    const tallies = told.tallies.map(({ calls }) => ({ ...newTally(), calls, finished: calls }))
    return [name, { ...told, tallies }] as const
  })
  return { ...rest, replicas: Object.fromEntries(fine) }
}

function withTenfold({ demand, ...rest }: FleetReport): FleetReport {
  const more = Object.entries(demand).map(([pool, told]) => [pool, { ...told, requests: 10 * told.requests }] as const)
  return { ...rest, demand: Object.fromEntries(more) }
}

function withSharesMixedUp({ plan, marks }: Wishes): Wishes {
  const changed = [...plan].map(([name, { releases }]): [string, DeploymentPlan] => [
    name,
    { releases: releases.length < 2 ? releases : releases.map((each) => ({ ...each, share: 1 - each.share })) },
  ])
  return { plan: new Map(changed), marks }
}

function withFewAllowed({ deployments, control }: ControlSettings): ControlSettings {
  const fewer = Object.entries(deployments).map(([name, { replicas, ...rest }]) => [
    name,
    { ...rest, replicas: { ...replicas, min: 1, max: 1 } },
  ])
  return { control, deployments: Object.fromEntries(fewer) }
}

const bugs: readonly (readonly [name: string, finds: CheckName, sabotage: Sabotage])[] = [
  ['load that is not told', 'load', { report: (report) => ({ ...report, demand: {} }) }],
  ['load that is told tenfold', 'load', { report: withTenfold }],
  ['failures that are not told', 'bad', { report: withoutFailures }],
  ['shares that are mixed up', 'shares', { wishes: withSharesMixedUp }],
  ['a pause that does nothing', 'held', { isCommanded: false }],
  ['an incident that is not told', 'held', { report: ({ replicas, demand }) => ({ replicas, demand }) }],
  ['bounds that are not those of the operators', 'bounds', { settings: withFewAllowed }],
]

for (const [name, finds, sabotage] of bugs)
  test(`a planted bug is found: ${name}`, async () => {
    const { violations } = await simulateFleet(scenario, { sabotage })
    const found = violations.map(({ check }) => check)
    assert.ok(found.includes(finds), `found ${[...new Set(found)].join(', ') || 'nothing'}`)
  })
