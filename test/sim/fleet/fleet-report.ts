/** What is told of simulated fleets. */
import { checkNames } from './fleet-checks.ts'
import type { FleetScenario } from './fleet-scenario.ts'
import type { FleetResult } from './fleet-world.ts'
import { clockWords, mishapWords } from './mishap.ts'

const mishapsShownMax = 60

export function failureWords({ scenario, violations, trace, hash }: FleetResult, linesMax = 60): string {
  const [first] = violations
  const { seed, replicas, hours, callsPerSecond, mishaps } = scenario
  const before = mishaps.filter(({ atMs }) => atMs <= (first?.atMs ?? 0))
  return [
    `Seed ${seed} FAILED (trace ${hash})`,
    ...(first ? [`  ${first.check}: ${checkNames[first.check]}`] : []),
    ...violations.map(({ check, atMs, words }) => `  ${clockWords(atMs)} ${check}: ${words}`),
    ...worldLines(scenario),
    ...(before.length > mishapsShownMax ? [`  … ${before.length - mishapsShownMax} before`] : []),
    ...before.slice(-mishapsShownMax).map((mishap) => `  ${mishapWords(mishap)}`),
    'The last of what happened:',
    ...trace.slice(-linesMax).map((line) => `  ${line}`),
    `Again: npm run sim:fleet -- --seed ${seed} --replicas ${replicas} --hours ${hours} --calls-per-second ${callsPerSecond} --verbose`,
  ].join('\n')
}

function worldLines({ deployments, hours, replicas, actionsPerMinuteMax, mishaps }: FleetScenario): string[] {
  return [
    `The world: ${hours} h, ${replicas} replicas, ${actionsPerMinuteMax} actions a minute`,
    ...deployments.map(
      ({ name, driver, replicas: own, callsPerSecond, readyMs }) =>
        `  ${name}: ${own} by ${driver}, ${callsPerSecond.toFixed(0)} calls/s, ready after ${readyMs.map((ms) => (ms / 1000).toFixed(0)).join(' to ')} s`,
    ),
    `${mishaps.length} mishaps; until then:`,
  ]
}

export function summaryWords({ scenario, looks, counts, load, controlDeaths, hash }: FleetResult): string {
  const { seed, replicas, hours, deployments, mishaps } = scenario
  const { starts, stops, drains, deaths, facts, remedies, falseAlarms } = counts
  const { deploys, done, rolledBack, wronglyStopped, scalings } = counts
  const short = ((100 * load.scaledBeyond) / Math.max(1, load.scaledAsked)).toFixed(3)
  const share = (part: number): string => `${((100 * part) / Math.max(1, load.asked)).toFixed(3)} %`
  const millions = load.asked >= 1e6 ? `${(load.asked / 1e6).toFixed(1)} million` : load.asked.toFixed(0)
  return [
    `Seed ${seed}: ${hours} h, ${replicas} replicas in ${deployments.length} deployments, ${millions} calls, ${mishaps.length} mishaps`,
    `  ${looks} looks, ${controlDeaths} deaths of the control process, ${deaths} of replicas`,
    `  ${starts} starts, ${drains} drains, ${stops} stops, ${remedies} remedies (${falseAlarms} for one that was well), ${facts} facts`,
    `  ${deploys} deploys: ${done} done, ${rolledBack} rolled back (${wronglyStopped} good ones by the judge); ${scalings} changes of what the load needs (${short} % of theirs too much for those there)`,
    `  of the calls ${share(load.strayed)} came to one that was dead or hung, ${share(load.beyond)} were more than those there bear, ${share(load.unserved)} found nobody`,
    `  decisions ${hash}`,
  ].join('\n')
}
