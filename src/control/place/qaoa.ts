/**
 * The quantum approximate optimisation algorithm (Farhi, Goldstone & Gutmann 2014) on a simulated quantum computer.
 * For comparison and for export: to simulate it, the energy of every state is worked out first, and whoever has those
 * has the optimum. It can therefore be no faster than a classical solver.
 */
import { costOf } from './cost.ts'
import { placeGreedily } from './greedy.ts'
import { nelderMead } from './nelder-mead.ts'
import { placementQubo, quboRefusal } from './placement-qubo.ts'
import type { Problem } from './problem.ts'
import { energiesOf, qubitsMax, stateBytes, StateVector } from './state-vector.ts'
import type { Means, Solution, Solver } from './solver.ts'
import type { Qubo } from './qubo.ts'

/** One of a cost and one of a mixing angle for each layer. Costs are in the units of the QUBO. */
export interface Angles {
  readonly gammas: readonly number[]
  readonly betas: readonly number[]
}

export const layersDefault = 3
const shots = 4096
/** Of the search for angles. */
const evaluationsMax = 400
/** Slopes of the ramp that are tried first; the best begins the search. */
const rampSlopes = [0.15, 0.3, 0.6, 1]

export interface QaoaRun {
  readonly angles: Angles
  readonly state: StateVector
  readonly energies: Float64Array
}

export const qaoa: Solver = {
  name: 'qaoa',
  refusal: quboRefusal,
  solve: (problem, means) => Promise.resolve(solve(problem, means)),
}

function solve(problem: Problem, means: Means): Solution {
  const start = means.start ?? placeGreedily(problem, means.random)
  if (start === null) return nothing('found no valid placement to set the penalties by')
  const placed = placementQubo(problem, costOf(problem, start))
  const { size } = placed.qubo
  if (size > qubitsMax) return nothing(`needs ${size} qubits; ${qubitsMax} can be simulated`)
  if (size === 0) return { ...nothing('nothing to choose: no qubit is needed'), placement: start }
  const { state } = runQaoa(placed.qubo, layersDefault, means)
  const draws = Array.from({ length: shots }, () => means.random.unit())
  let best = { placement: null as Int32Array | null, cost: Number.POSITIVE_INFINITY, state: 0 }
  let validCount = 0
  const seen = new Map<number, Int32Array | null>()
  for (const each of state.measure(draws)) {
    const known = seen.get(each)
    const placement = known === undefined ? placed.read((variable) => ((each >> variable) & 1) === 1) : known
    seen.set(each, placement)
    if (placement === null) continue
    validCount++
    const { total } = costOf(problem, placement)
    if (total < best.cost - 1e-9) best = { placement, cost: total, state: each }
  }
  const megabytes = Math.max(1, Math.round(stateBytes(size) / 2 ** 20))
  const machine = `${size} qubits, ${layersDefault} layers, ${shots} shots, ${megabytes} MB`
  if (best.placement === null) return nothing(`no valid plan among its shots (${machine})`)
  const chance = state.chanceOf(best.state) * 2 ** size
  const valid = ((100 * validCount) / shots).toFixed(1)
  const words = `simulated: ${machine}; ${valid} % of shots valid, its best ${chance.toFixed(0)}x as likely as by chance`
  return { placement: best.placement, bound: null, isImpossible: false, words }
}

/** Finds angles for this QUBO, and the state that they lead to. */
export function runQaoa(qubo: Qubo, layers: number, { clock, withinMs }: Pick<Means, 'clock' | 'withinMs'>): QaoaRun {
  const untilMs = clock.monotonicMs() + withinMs
  const energies = energiesOf(qubo)
  const scale = angleScale(qubo)
  const state = new StateVector(qubo.size)
  const isOver = (): boolean => clock.monotonicMs() >= untilMs
  const prepare = (at: readonly number[]): Angles => {
    const angles = { gammas: at.slice(0, layers).map((x) => x * scale), betas: at.slice(layers) }
    applyAngles(state, energies, angles)
    return angles
  }
  const valueOf = (at: readonly number[]): number => {
    if (isOver()) return Number.POSITIVE_INFINITY
    prepare(at)
    return state.expectation(energies)
  }
  let best = { at: ramp(layers, 0.3), value: Number.POSITIVE_INFINITY }
  for (const slope of rampSlopes) {
    const at = ramp(layers, slope)
    const value = valueOf(at)
    if (value < best.value) best = { at, value }
  }
  const found = nelderMead(valueOf, best.at, { step: 0.1, evaluationsMax, isOver })
  const { at } = found.value < best.value ? found : best
  return { angles: prepare(at), state, energies }
}

function applyAngles(state: StateVector, energies: Float64Array, { gammas, betas }: Angles): void {
  state.reset()
  gammas.forEach((gamma, layer) => {
    state.turn(energies, gamma)
    state.mix(betas[layer] ?? 0)
  })
}

/** As annealing would go: the cost comes in step by step, the mixing goes out. */
function ramp(layers: number, slope: number): number[] {
  const part = (layer: number): number => (layer + 0.5) / layers
  const steps = Array.from({ length: layers }, (_, layer) => part(layer))
  return [...steps.map((x) => slope * x), ...steps.map((x) => -slope * (1 - x))]
}

/** Angles for a QUBO that is too large to be simulated: the ramp, not tuned. */
export function rampAngles(qubo: Qubo, layers: number): Angles {
  const at = ramp(layers, 0.3)
  const scale = angleScale(qubo)
  return { gammas: at.slice(0, layers).map((x) => x * scale), betas: at.slice(layers) }
}

/** One over the root of the mean square of its couplings: angles are then of a like size for each QUBO. */
function angleScale(qubo: Qubo): number {
  const squares = qubo.quadratic.flatMap((row) => [...row.values()].map((factor) => (factor / 4) ** 2))
  const mean = squares.reduce((sum, square) => sum + square, 0) / Math.max(1, squares.length)
  return mean === 0 ? 1 : 1 / Math.sqrt(mean)
}

function nothing(words: string): Solution {
  return { placement: null, bound: null, isImpossible: false, words }
}
