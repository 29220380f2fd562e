// Simulated fleets: the production control loop, everything else by seed. None may show what must never be seen.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Wishes } from '../../../src/control/pilot.ts'
import type { FleetReport } from '../../../src/control/fleet-report.ts'
import type { Sabotage } from './control-host.ts'
import type { CheckName, FleetViolation } from './fleet-checks.ts'
import { summaryWords } from './fleet-report.ts'
import { drawFleet, type FleetScenario } from './fleet-scenario.ts'
import { type FleetResult, simulateFleet } from './fleet-world.ts'

const program = join(import.meta.dirname, 'main.ts')
/** About a second each. */
const fleetCount = 12
/** So that the test is known to have tested it. */
const deathsMin = 100
const controlDeathsMin = 10
const drainsMin = 50

test(`${fleetCount} simulated fleets show nothing that must never be seen`, (t) => {
  // In a process of its own: the test runner follows each promise, which takes five times as long.
  const flags = ['--seeds', String(fleetCount), '--hours', '2', '--no-shrink', '--json']
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...flags], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  assert.match(stdout, /^\{/, stderr)
  const { worlds, failing } = JSON.parse(stdout) as {
    worlds: FleetResult[]
    failing: { seed: number; violations: FleetViolation[] }[]
  }
  const sum = (read: (world: FleetResult) => number): number => worlds.reduce((all, world) => all + read(world), 0)
  const [deaths, controlDeaths] = [sum(({ counts }) => counts.deaths), sum((world) => world.controlDeaths)]
  const drains = sum(({ counts }) => counts.drains)
  t.diagnostic(
    `${sum(({ looks }) => looks)} looks, ${deaths} deaths of replicas, ${controlDeaths} of control processes, ${drains} drains`,
  )
  assert.deepEqual(failing, [], 'npm run sim:fleet -- --seed N --hours 2 tells more')
  assert.ok(deaths >= deathsMin, `${deaths} deaths are too few to say anything`)
  assert.ok(controlDeaths >= controlDeathsMin, `${controlDeaths} control processes died, too few to say anything`)
  assert.ok(drains >= drainsMin, `${drains} drains are too few to say anything`)
})

test('the same seed gives the same decisions', async () => {
  const run = (seed: number): Promise<FleetResult> => simulateFleet(drawFleet({ seed, hours: 1 }))
  const result = await run(3)
  assert.equal(result.hash, (await run(3)).hash)
  assert.notEqual(result.hash, (await run(103)).hash)
  assert.match(summaryWords(result), new RegExp(result.hash))
})

const minuteMs = 60_000
const times = (wishes: Wishes, factor: number): Wishes => ({
  ...wishes,
  plan: new Map(
    [...wishes.plan].map(([name, { releases }]) => [
      name,
      { releases: releases.map((each) => ({ ...each, replicas: Math.floor(factor * each.replicas) })) },
    ]),
  ),
})

/** As if every answer stood still since the first second. */
function withoutProgress({ replicas, ...rest }: FleetReport): FleetReport {
  const still = Object.entries(replicas).map(
    ([name, told]) => [name, { ...told, progressedMs: 1, tallies: [] }] as const,
  )
  return { ...rest, replicas: Object.fromEntries(still) }
}

/** What is broken on purpose, and what is to find it. */
const bugs: readonly (readonly [name: string, finds: readonly CheckName[], sabotage: Sabotage])[] = [
  [
    'too few are kept for a while',
    ['below', 'order'],
    { wishes: (all, ms) => (ms > 30 * minuteMs ? times(all, 0) : all) },
  ],
  [
    'wishes that go up and down',
    ['restless'],
    { wishes: (all, ms) => times(all, ms % (8 * minuteMs) < 4 * minuteMs ? 1 : 2) },
  ],
  ['a health page that is not asked', ['unready'], { isReady: () => true }],
  ['none is ever ready', ['settle'], { isReady: (isReady, ms) => isReady && ms < 5 * minuteMs }],
  ['what is ended goes on', ['leak'], { isEnded: () => false }],
  ['admissions are not told', ['facts'], { isTold: (note) => note.kind !== 'replica' || note.state !== 'admitted' }],
  ['deaths are not told', ['facts'], { isTold: (note) => note.kind !== 'replica' || note.state !== 'died' }],
  ['marks that are lost', ['ill'], { wishes: (all) => ({ ...all, marks: new Map() }) }],
  ['progress that is never told', ['well'], { report: withoutProgress }],
  [
    'a limit that is not kept',
    ['rate'],
    { settings: (all) => ({ ...all, control: { ...all.control, actionsPerMinuteMax: 1000 } }) },
  ],
  [
    'a dry run that is none',
    ['dry-run'],
    { settings: (all) => ({ ...all, control: { ...all.control, dryRun: false } }) },
  ],
  [
    'an error of our own',
    ['crash'],
    {
      wishes: (all, ms) => {
        if (ms > 10 * minuteMs) throw new Error('planted')
        return all
      },
    },
  ],
]

const calm = drawFleet({ seed: 1, hours: 1, replicas: 8, isCalm: true })

/** An hour of one small fleet, in which one dies while nothing may be done. */
const hour: FleetScenario = {
  ...calm,
  deployments: calm.deployments.map((each) => ({ ...each, isScaled: false })),
  actionsPerMinuteMax: 6,
  mishaps: [
    { atMs: 6 * minuteMs, forMs: 0, kind: 'dies', of: 0.5, how: 'SIGKILL' },
    { atMs: 12 * minuteMs, forMs: 4 * minuteMs, kind: 'dry-run' },
    { atMs: 13 * minuteMs, forMs: 0, kind: 'host-dies', of: 0.7, share: 0.1 },
    { atMs: 18 * minuteMs, forMs: 0, kind: 'config', deployment: 0, change: 'release' },
  ],
}

/** Two hours, in which one hangs. */
const hung: FleetScenario = {
  ...hour,
  hours: 2,
  mishaps: [{ atMs: 7 * minuteMs, forMs: 0, kind: 'hangs', of: 0.2, isWhole: false }],
}

for (const [name, finds, sabotage] of bugs)
  test(`a planted bug is found: ${name}`, async () => {
    const { violations } = await simulateFleet(finds.includes('ill') ? hung : hour, { sabotage })
    const found = new Set<CheckName>(violations.map(({ check }) => check))
    assert.ok(
      finds.some((check) => found.has(check)),
      `found ${[...found].join(', ') || 'nothing'}`,
    )
  })

test('without a planted bug the same hours show nothing', async () => {
  for (const scenario of [hour, hung]) assert.deepEqual((await simulateFleet(scenario)).violations, [])
})
