/**
 * How soon are sick replicas found, and how often is one taken for sick that is well? Simulated fleets by seed, with
 * ills of all kinds and a monitoring that lies at times; the decisions are those of production.
 */
import { type FleetReport, type Ill, ills, simulateFleet } from '../test/heal/sim-fleet.ts'
import { Command, say, text } from './command.ts'

const usage = `usage: npm run bench:heal -- [options]
  --seeds N       so many fleets, default 8
  --hours N       of each, default 168
  --replicas N    per deployment, of which there are 4; default 6`

const deployments = 4

function main(): void {
  const command = new Command(usage, { seeds: text, hours: text, replicas: text })
  const number = (name: 'seeds' | 'hours' | 'replicas', usual: number): number => Number(command.text(name) ?? usual)
  const [seeds, hours, replicas] = [number('seeds', 8), number('hours', 168), number('replicas', 6)]
  if (![seeds, hours, replicas].every((each) => Number.isInteger(each) && each > 0)) command.refuse('numbers above 0')
  const began = process.cpuUsage()
  const withIlls = run(seeds, { hours, replicas, illsPerDay: 0.5, lieShare: 0.02 })
  const without = run(seeds, { hours, replicas, illsPerDay: 0, lieShare: 0.05 })
  const spent = process.cpuUsage(began)
  say('ill          count  found   median      worst')
  for (const ill of ills) say(row(ill, withIlls))
  for (const [title, reports] of [
    ['with ills', withIlls],
    ['all well', without],
  ] as const)
    say(alarms(title, reports))
  const sum = (read: (report: FleetReport) => number): number => withIlls.reduce((all, each) => all + read(each), 0)
  say(
    `healthy replicas removed below load: ${sum(({ belowLoad }) => belowLoad)}; leaks that killed: ${sum(({ leakDeaths }) => leakDeaths)}`,
  )
  say(`${((spent.user + spent.system) / 1e6).toFixed(1)} s of CPU`)
}

type Traits = Pick<Parameters<typeof simulateFleet>[0], 'hours' | 'replicas' | 'illsPerDay' | 'lieShare'>

function run(seeds: number, traits: Traits): FleetReport[] {
  return Array.from({ length: seeds }, (_, seed) => simulateFleet({ seed: seed + 1, deployments, ...traits }))
}

function row(ill: Ill, reports: readonly FleetReport[]): string {
  const all = reports.map(({ found }) => found.get(ill))
  const count = all.reduce((sum, each) => sum + (each?.count ?? 0), 0)
  const took = all.flatMap((each) => each?.tookMs ?? []).toSorted((a, b) => a - b)
  const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${Math.round(ms / 1000)} s`)
  return `${ill.padEnd(12)} ${String(count).padStart(5)} ${String(took.length).padStart(6)} ${seconds(took[took.length >> 1]).padStart(8)} ${seconds(took.at(-1)).padStart(10)}`
}

function alarms(title: string, reports: readonly FleetReport[]): string {
  const weeks = reports.reduce((sum, each) => sum + each.replicaWeeks, 0)
  const false_ = reports.flatMap(({ falseAlarms }) => falseAlarms)
  const examples = false_.length > 0 ? `, as ${false_.slice(0, 3).join('; ')}` : ''
  return `${title}: ${false_.length} false alarms in ${weeks.toFixed(0)} replica-weeks, ${(false_.length / weeks).toFixed(3)} a replica-week${examples}`
}

main()
