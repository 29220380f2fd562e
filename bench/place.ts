/**
 * How good are plans of placement, and how long do they take? Made-up fleets by seed, from ones that can be
 * enumerated to a thousand replicas on two hundred hosts: each solver beside the optimum, or beside what is proved to
 * be the least.
 */
import { writeFileSync } from 'node:fs'
import { Command, say, text } from './command.ts'
import { enumerateOptimum, stateCount } from './place/enumerate.ts'
import { makeInstance, type Size } from './place/instances.ts'
import { systemClock as clock } from '../src/ground/clock.ts'
import { seededRandom } from '../src/ground/random.ts'
import { costOf, wrongsOf } from '../src/control/place/cost.ts'
import { exact } from '../src/control/place/exact.ts'
import { placementQubo, quboRefusal } from '../src/control/place/placement-qubo.ts'
import { defaultSolvers, type Outcome, solve } from '../src/control/place/solve.ts'
import { type SolverName, solverNames } from '../src/control/place/solver.ts'
import { qubitsMax } from '../src/control/place/state-vector.ts'
import type { Problem } from '../src/control/place/problem.ts'

const usage = `usage: npm run bench:place -- [options]
  --seeds N        fleets of each size, default 5
  --seed N         the first of the seeds, default 1
  --within-ms N    time of all solvers together for one fleet, default 10000
  --bound-ms N     time for a better bound where no optimum is proved, default 60000; not counted
  --only SIZES     only these sizes, e.g. 9x4,1000x200
  --json FILE      keeps all figures`

/** The first five have at most 10⁶ placements: their optimum is enumerated. */
const sizes: readonly Size[] = [
  { replicas: 4, hosts: 2 },
  { replicas: 3, hosts: 3 },
  { replicas: 6, hosts: 4 },
  { replicas: 9, hosts: 4 },
  { replicas: 6, hosts: 10 },
  { replicas: 30, hosts: 10 },
  { replicas: 100, hosts: 20 },
  { replicas: 300, hosts: 60 },
  { replicas: 1000, hosts: 200 },
]
const enumeratedMax = 1e6
const tolerance = 1e-6

interface Row {
  readonly size: string
  readonly seed: number
  readonly method: SolverName | 'default'
  readonly cost: number | null
  /** Enumerated, or proved by the exact solver; null where neither is. */
  readonly optimum: number | null
  readonly bound: number
  readonly isEnumerated: boolean
  readonly wallMs: number
  readonly cpuMs: number
}

interface Times {
  readonly withinMs: number
  readonly boundMs: number
}

const tell = (words: string): void => void process.stdout.write(`${words}\n`)

async function main(): Promise<void> {
  const command = new Command(usage, {
    seeds: text,
    seed: text,
    'within-ms': text,
    'bound-ms': text,
    only: text,
    json: text,
  })
  const names = sizes.map(nameOf)
  const only = command.listOf('only', names, names)
  const [seeds, first] = [command.count('seeds', 5, 1, 1000), command.count('seed', 1, 1, 1e6)]
  const withinMs = command.count('within-ms', 10_000, 100, 3_600_000)
  const boundMs = command.count('bound-ms', 60_000, 0, 3_600_000)
  const rows: Row[] = []
  for (const size of sizes.filter((each) => only.includes(nameOf(each)))) {
    for (let seed = first; seed < first + seeds; seed++) {
      say(`${nameOf(size)}, seed ${seed}`)
      rows.push(...(await measure(size, seed, { withinMs, boundMs })))
    }
  }
  print(rows)
  const json = command.text('json')
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`)
}

const nameOf = ({ replicas, hosts }: Size): string => `${replicas}x${hosts}`

async function measure(size: Size, seed: number, { withinMs, boundMs }: Times): Promise<Row[]> {
  const problem = makeInstance(size, seed)
  const isEnumerated = stateCount(problem) <= enumeratedMax
  const runs: { method: Row['method']; outcome: Outcome; wallMs: number; cpuMs: number }[] = []
  const run = async (method: Row['method'], solvers: readonly SolverName[]): Promise<void> => {
    const [wall, cpu] = [performance.now(), process.cpuUsage()]
    const randomFor = (name: SolverName): ReturnType<typeof seededRandom> =>
      seededRandom(seed * 16 + solverNames.indexOf(name))
    const isDefault = method === 'default'
    const options = { solvers, stopsWhenProved: isDefault, provesBound: isDefault, clock, randomFor, withinMs }
    const outcome = await solve(problem, options)
    const { user, system } = process.cpuUsage(cpu)
    if (outcome.placement && wrongsOf(problem, outcome.placement).length > 0) throw new Error('a plan that is none')
    runs.push({ method, outcome, wallMs: performance.now() - wall, cpuMs: (user + system) / 1000 })
  }
  await run('default', defaultSolvers)
  await run('exact', ['greedy', 'exact'])
  await run('greedy', ['greedy'])
  await run('anneal', ['greedy', 'anneal'])
  if (isSimulable(problem)) await run('qaoa', ['greedy', 'qaoa'])
  const proved = runs.find(({ outcome }) => outcome.isOptimal)?.outcome.cost?.total ?? null
  const optimum = isEnumerated ? enumerateOptimum(problem) : proved
  const start = runs[0]?.outcome.placement ?? null
  const longer = { clock, random: seededRandom(seed), withinMs: boundMs, start }
  const better = optimum === null && boundMs > 0 ? (await exact.solve(problem, longer)).bound : null
  const bound = Math.max(better ?? 0, ...runs.map(({ outcome }) => outcome.bound))
  return runs.map(({ method, outcome, wallMs, cpuMs }) => {
    const own = outcome.attempts.find(({ solver }) => solver === method)?.cost ?? null
    const cost = method === 'default' ? (outcome.cost?.total ?? null) : own
    return { size: nameOf(size), seed, method, cost, optimum, bound, isEnumerated, wallMs, cpuMs }
  })
}

/** Whether its QUBO has few enough qubits. */
function isSimulable(problem: Problem): boolean {
  if (problem.replicas.length * problem.hosts.length > 100 || quboRefusal(problem) !== null) return false
  const known = costOf(problem, new Int32Array(problem.replicas.length))
  return placementQubo(problem, known).qubo.size <= qubitsMax
}

function print(rows: readonly Row[]): void {
  tell('| replicas x hosts | solver | fleets | at the optimum | above it, mean | worst | CPU, mean | time, worst |')
  tell('| --- | --- | --- | --- | --- | --- | --- | --- |')
  for (const each of Map.groupBy(rows, ({ size, method }) => `${size} ${method}`).values()) tell(line(each))
  const greedy = new Map(
    rows.filter(({ method }) => method === 'greedy').map((row) => [`${row.size} ${row.seed}`, row]),
  )
  const worse = rows.filter((row) => {
    const other = greedy.get(`${row.size} ${row.seed}`)?.cost
    return row.method === 'default' && other != null && (row.cost === null || row.cost > other + tolerance)
  })
  const enumerated = rows.filter(
    ({ isEnumerated, method }) => isEnumerated && (method === 'exact' || method === 'default'),
  )
  const equal = enumerated.filter(({ cost, optimum }) => cost !== null && Math.abs(cost - (optimum ?? 0)) < tolerance)
  tell('')
  tell(`exact and default equal the enumerated optimum in ${equal.length} of ${enumerated.length} cases`)
  tell(`default worse than greedy: ${worse.length} of ${rows.filter(({ method }) => method === 'default').length}`)
  if (worse.length > 0 || equal.length < enumerated.length) process.exitCode = 1
}

/** Above the optimum; where nobody has proved one, above what is proved to be the least, which is marked. */
function line(rows: readonly Row[]): string {
  const [first] = rows
  const ratios = rows.flatMap(({ cost, optimum, bound }) => (cost === null ? [] : [cost / (optimum ?? bound) - 1]))
  const known = rows.filter(({ optimum }) => optimum !== null)
  const hits = known.filter(({ cost, optimum }) => cost !== null && Math.abs(cost - (optimum ?? 0)) < tolerance)
  const mark = known.length < rows.length ? '≤ ' : ''
  const percent = (value: number): string => `${mark}${(100 * Math.max(0, value)).toFixed(1)} %`
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const cells = [
    first?.size,
    first?.method,
    ratios.length === rows.length ? rows.length : `${ratios.length} of ${rows.length}`,
    known.length === 0 ? 'not known' : `${hits.length} of ${known.length}`,
    ratios.length === 0 ? '–' : percent(mean(ratios)),
    ratios.length === 0 ? '–' : percent(Math.max(...ratios)),
    seconds(mean(rows.map(({ cpuMs }) => cpuMs))),
    seconds(Math.max(...rows.map(({ wallMs }) => wallMs))),
  ]
  return `| ${cells.join(' | ')} |`
}

const seconds = (ms: number): string => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`)

await main()
