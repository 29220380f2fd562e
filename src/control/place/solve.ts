/**
 * Asks the solvers and keeps the best plan. Each begins with the best so far and none can make it worse, so that the
 * outcome is never worse than greedy. By default those are asked that are worth it for the size: greedy, then
 * annealing, then the exact solver for what is left of the time.
 */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { anneal } from './anneal.ts'
import { type Cost, costOf, wrongsOf } from './cost.ts'
import { countColumns, exact, relaxedBound } from './exact.ts'
import { greedy } from './greedy.ts'
import { lowerBound } from './lower-bound.ts'
import type { Placement, Problem } from './problem.ts'
import { qaoa } from './qaoa.ts'
import type { Solution, Solver, SolverName } from './solver.ts'

const solvers: Readonly<Record<SolverName, Solver>> = { greedy, anneal, exact, qaoa }

/** Those that the default asks, in this order. QAOA never is: the simulation can win nothing. */
export const defaultSolvers: readonly SolverName[] = ['greedy', 'anneal', 'exact']

export interface Attempt {
  readonly solver: SolverName
  /** Of the plan that it found itself; null for none. */
  readonly cost: number | null
  readonly tookMs: number
  readonly words: string
}

export interface Outcome {
  /** null: none was found. */
  readonly placement: Placement | null
  readonly cost: Cost | null
  /** Whose plan it is. */
  readonly by: SolverName | null
  readonly attempts: readonly Attempt[]
  /** No plan costs less. */
  readonly bound: number
  /** The plan is proved to be the cheapest there is. */
  readonly isOptimal: boolean
  /** It is proved that there is none. */
  readonly isImpossible: boolean
}

export interface SolveOptions {
  readonly solvers: readonly SolverName[]
  /** None is asked that is not worth it: once a plan is proved to be the cheapest, or by the size. */
  readonly stopsWhenProved: boolean
  /**
   * Where the exact solver is not asked, a bound is worked out besides, in tenths of a second to seconds. Default:
   * true.
   */
  readonly provesBound?: boolean
  readonly clock: Clock
  /** A fresh one for each solver, so that one does not change what another does. */
  readonly randomFor: (solver: SolverName) => Random
  /** For all of them together. */
  readonly withinMs: number
}

/** Costs that differ by less, of one or of themselves, are alike. */
const tolerance = 1e-6

function slackOf(cost: number): number {
  return tolerance * Math.max(1, Math.abs(cost))
}

/**
 * What each may take of the time that is left. Never all of it: a solver looks at the clock now and then, and is a
 * little late.
 */
const shares: Readonly<Record<SolverName, number>> = { greedy: 0.8, anneal: 0.55, exact: 0.65, qaoa: 0.75 }
const boundShare = 0.6

/**
 * Up to so many columns the default asks the exact solver. With more it hardly gets through its first relaxation in ten
 * seconds, and annealing has made more of them.
 */
const worthColumnsMax = 3000

export async function solve(problem: Problem, options: SolveOptions): Promise<Outcome> {
  const { clock, randomFor, withinMs, provesBound = true } = options
  const untilMs = clock.monotonicMs() + withinMs
  const state: State = { best: null, by: null, bound: lowerBound(problem), isImpossible: false }
  const attempts: Attempt[] = []
  for (const name of options.solvers) {
    if (options.stopsWhenProved && isEnough(problem, state, name)) break
    const refusal = solvers[name].refusal(problem)
    if (refusal !== null) {
      attempts.push({ solver: name, cost: null, tookMs: 0, words: refusal })
      continue
    }
    const beganMs = clock.monotonicMs()
    const leftMs = Math.max(200, untilMs - beganMs)
    const means = { clock, random: randomFor(name), withinMs: leftMs * shares[name], start: state.best }
    const solution = await solvers[name].solve(problem, means)
    const cost = keep(problem, state, name, solution)
    attempts.push({ solver: name, cost, tookMs: clock.monotonicMs() - beganMs, words: solution.words })
  }
  if (
    provesBound &&
    !attempts.some(({ solver, tookMs }) => solver === 'exact' && tookMs > 0) &&
    !isProved(problem, state)
  ) {
    const relaxed = await relaxedBound(problem, Math.max(200, boundShare * (untilMs - clock.monotonicMs())))
    state.bound = Math.max(state.bound, relaxed ?? 0)
  }
  const cost = state.best && costOf(problem, state.best)
  const { best: placement, by, bound, isImpossible } = state
  return { placement, cost, by, attempts, bound, isOptimal: isProved(problem, state), isImpossible }
}

interface State {
  best: Placement | null
  by: SolverName | null
  bound: number
  isImpossible: boolean
}

/** Returns the cost of what was found. A plan that breaks a rule is none, whoever made it. */
function keep(problem: Problem, state: State, name: SolverName, solution: Solution): number | null {
  state.isImpossible ||= solution.isImpossible
  state.bound = Math.max(state.bound, solution.bound ?? 0)
  if (solution.placement === null || wrongsOf(problem, solution.placement).length > 0) return null
  const { total } = costOf(problem, solution.placement)
  if (state.best === null || total < costOf(problem, state.best).total - slackOf(total)) {
    state.best = solution.placement
    state.by = name
  }
  return total
}

/** Whether the default need not ask this one. */
function isEnough(problem: Problem, state: State, name: SolverName): boolean {
  if (isProved(problem, state)) return true
  return name === 'exact' && state.best !== null && countColumns(problem) > worthColumnsMax
}

function isProved(problem: Problem, { best, bound }: State): boolean {
  return best !== null && costOf(problem, best).total <= bound + slackOf(bound)
}
