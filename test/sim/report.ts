/** What is told of a world in which something was wrong. */
import { checkNames } from './checks.ts'
import type { Scenario } from './scenario.ts'
import type { Result } from './simulate.ts'
import { faultWords } from './world-fault.ts'

export function failureWords({ scenario, violations, trace, hash }: Result, linesMax = 60): string {
  const found = violations.map(({ check, atMs, words }) => `  ${Math.round(atMs)} ms  ${check}: ${words}`)
  const [first] = violations
  return [
    `Seed ${scenario.seed} FAILED (trace ${hash})`,
    ...(first ? [`  ${first.check}: ${checkNames[first.check]}`] : []),
    ...found,
    ...scenarioLines(scenario),
    'The last of what happened:',
    ...trace.slice(-linesMax).map((line) => `  ${line}`),
    `Again: npm run sim -- --seed ${scenario.seed} --verbose`,
  ].join('\n')
}

function scenarioLines({ gateways, servers, stories, faults, leaseMs, diskMs }: Scenario): string[] {
  return [
    `The world: ${gateways} gateways, lease ${leaseMs} ms, disk ${diskMs ?? 0} ms`,
    ...servers.map((server, i) => `  u${i} ${JSON.stringify(server)}`),
    ...stories.map((story) => `  ${JSON.stringify(story)}`),
    faults.length === 0 ? 'No faults.' : 'The faults:',
    ...faults.map((fault) => `  ${faultWords(fault)}`),
  ]
}

/** Adds up over many worlds. */
export class Tally {
  worlds = 0
  failed = 0
  steps = 0
  seconds = 0
  seams = 0
  adoptions = 0
  hedges = 0
  hedgesWon = 0
  readonly endings: Record<string, number> = {}

  add(result: Result): void {
    this.worlds++
    if (result.violations.length > 0) this.failed++
    this.steps += result.steps
    this.seconds += result.seconds
    this.seams += result.seams
    this.adoptions += result.adoptions
    this.hedges += result.hedges
    this.hedgesWon += result.hedgesWon
    for (const [name, count] of Object.entries(result.endings)) this.endings[name] = (this.endings[name] ?? 0) + count
  }

  get words(): string {
    const readers = Object.values(this.endings).reduce((sum, count) => sum + count, 0)
    const endings = Object.entries(this.endings)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${count} ${name.trim()}`)
    return [
      `${this.worlds} worlds, ${this.failed} failed; ${Math.round(this.seconds / 60)} simulated minutes in ${this.steps} steps`,
      `${this.seams} seams, ${this.adoptions} adoptions, ${this.hedgesWon} of ${this.hedges} hedges won; ${readers} readers: ${endings.join(', ')}`,
    ].join('\n')
  }
}
