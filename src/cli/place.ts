/**
 * `holdfast place`: which replicas on which hosts. It reads a file and plans; it changes nothing and asks no gateway.
 * Exit code: 0 there is a plan, 1 there is none.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { readYamlFile } from '../config-file.ts'
import { makeProblem, type Problem } from '../control/place/problem.ts'
import { gibibytes } from '../control/place/impossible.ts'
import { type PlacementQubo, placementQubo, quboRefusal } from '../control/place/placement-qubo.ts'
import { rampAngles, runQaoa } from '../control/place/qaoa.ts'
import { qaoaCircuit } from '../control/place/qasm.ts'
import { bqmJson, qbsolvText } from '../control/place/qubo-file.ts'
import { readSpec } from '../control/place/read-spec.ts'
import { defaultSolvers, type Outcome, solve } from '../control/place/solve.ts'
import { type SolverName, solverNames } from '../control/place/solver.ts'
import { qubitsMax } from '../control/place/state-vector.ts'
import { systemClock } from '../ground/clock.ts'
import { safeJson } from '../ground/one-line.ts'
import { seededRandom } from '../ground/random.ts'
import { placeJson, placeText } from './place-text.ts'

export interface PlaceOptions {
  readonly spec: string
  readonly solver: SolverName | 'auto' | 'all'
  readonly withinMs: number
  readonly seed: number
  readonly layers: number
  readonly exportQubo?: string
  readonly exportQasm?: string
  readonly json?: boolean
}

/** @throws {Error} in words that name the cure. */
export async function place(options: PlaceOptions): Promise<void> {
  const { spec, withinMs, seed, exportQubo, exportQasm } = options
  if (!existsSync(spec)) throw new Error(`There is no file ${spec}. Name one with --spec.`)
  const { value, locate } = readYamlFile(spec, process.env)
  const problem = makeProblem(readSpec(value, locate))
  checkExports(problem, options)
  const outcome = await solve(problem, {
    solvers: solversFor(options.solver),
    stopsWhenProved: options.solver === 'auto',
    clock: systemClock,
    randomFor: (solver) => seededRandom(seed * 16 + solverNames.indexOf(solver)),
    withinMs,
  })
  if (!outcome.placement || !outcome.cost) throw new Error(noneWords(problem, outcome, withinMs))
  const placed = exportQubo || exportQasm ? placementQubo(problem, outcome.cost) : null
  if (placed && exportQubo) writeQubo(exportQubo, placed)
  if (placed && exportQasm) writeCircuit(exportQasm, placed, options)
  const told = { problem, placement: outcome.placement, cost: outcome.cost, outcome }
  process.stdout.write(options.json ? `${safeJson(JSON.stringify(placeJson(told), null, 2))}\n` : placeText(told))
}

/** Each but greedy needs greedy’s plan to begin with. */
function solversFor(choice: PlaceOptions['solver']): readonly SolverName[] {
  if (choice === 'auto') return defaultSolvers
  if (choice === 'all') return solverNames
  return choice === 'greedy' ? ['greedy'] : ['greedy', choice]
}

function checkExports(problem: Problem, { exportQubo, exportQasm }: PlaceOptions): void {
  if (exportQubo && !/\.(json|qubo)$/.test(exportQubo))
    throw new Error(`${exportQubo}: the name says the form: \`.json\` for D-Wave’s dimod, \`.qubo\` for qbsolv.`)
  const refusal = exportQubo || exportQasm ? quboRefusal(problem) : null
  if (refusal !== null) throw new Error(`The QUBO cannot be written: ${refusal}. Plan fewer hosts or kinds at once.`)
}

function noneWords({ hosts, replicas }: Problem, { isImpossible }: Outcome, withinMs: number): string {
  const need = gibibytes(replicas.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0))
  const have = gibibytes(hosts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0))
  return isImpossible
    ? `No placement holds all replicas; that is proved. Each fits somewhere, and together they take ${need} of ${have}, but not so that all of them fit at once.\n    Add a host, or take a replica away.`
    : `No placement was found in ${withinMs} ms, and it is not proved that there is none (${need} of ${have}).\n    Give it more time (--within-ms), ask the exact solver (--solver exact), or add a host.`
}

function writeQubo(path: string, { qubo, penalty }: PlacementQubo): void {
  const text = path.endsWith('.qubo')
    ? qbsolvText(qubo, ['Placement of replicas, from holdfast place.', `penalty ${penalty}`])
    : bqmJson(qubo, { source: 'holdfast place', penalty })
  writeFileSync(path, text)
  process.stderr.write(`Written to ${path}: ${qubo.size} variables, ${qubo.pairCount} pairs.\n`)
}

function writeCircuit(path: string, { qubo }: PlacementQubo, { layers, withinMs }: PlaceOptions): void {
  if (qubo.size === 0) throw new Error('There is nothing to choose, and so no circuit.')
  const isTuned = qubo.size <= qubitsMax
  const angles = isTuned ? runQaoa(qubo, layers, { clock: systemClock, withinMs }).angles : rampAngles(qubo, layers)
  const how = isTuned
    ? 'angles tuned on a simulator'
    : `angles are a plain ramp: more than ${qubitsMax} qubits cannot be simulated here to tune them`
  const words = `QAOA for a placement of replicas, ${layers} layers, ${how}.`
  writeFileSync(path, qaoaCircuit(qubo, angles, [words]))
  process.stderr.write(`Written to ${path}: ${qubo.size} qubits, ${layers} layers; ${how}.\n`)
}
