/**
 * Asks the solvers and keeps the best plan. Each begins with the best so far and none can make it worse, so that the
 * outcome is never worse than greedy. By default those are asked that are worth it for the size: greedy, then
 * annealing, then the exact solver for what is left of the time.
 */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { anneal } from './anneal.ts'
import { type Cost, costOf, wrongsOf } from './cost.ts'
import { exact, relaxedBound } from './exact.ts'
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
  /** No further solver is asked once a plan is proved to be the cheapest. */
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
/** What annealing takes at most of the whole time, and the exact solver leaves to those after it. */
const annealShare = 0.4
/** The last one: solvers look at the clock now and then, and are a little late. */
const lastShare = 0.75

export async function solve(problem: Problem, options: SolveOptions): Promise<Outcome> {
  const { clock, randomFor, withinMs, provesBound = true } = options
  const untilMs = clock.monotonicMs() + withinMs
  const state: State = { best: null, by: null, bound: lowerBound(problem), isImpossible: false }
  const attempts: Attempt[] = []
  for (const [i, name] of options.solvers.entries()) {
    if (options.stopsWhenProved && isProved(problem, state)) break
    const refusal = solvers[name].refusal(problem)
    if (refusal !== null) {
      attempts.push({ solver: name, cost: null, tookMs: 0, words: refusal })
      continue
    }
    const beganMs = clock.monotonicMs()
    const leftMs = Math.max(200, untilMs - beganMs)
    const share = i === options.solvers.length - 1 ? lastShare : name === 'anneal' ? annealShare : 0.6
    const means = { clock, random: randomFor(name), withinMs: leftMs * share, start: state.best }
    const solution = await solvers[name].solve(problem, means)
    const cost = keep(problem, state, name, solution)
    attempts.push({ solver: name, cost, tookMs: clock.monotonicMs() - beganMs, words: solution.words })
  }
  if (
    provesBound &&
    !attempts.some(({ solver, tookMs }) => solver === 'exact' && tookMs > 0) &&
    !isProved(problem, state)
  ) {
    const relaxed = await relaxedBound(problem, Math.max(200, untilMs - clock.monotonicMs()))
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

function isProved(problem: Problem, { best, bound }: State): boolean {
  return best !== null && costOf(problem, best).total <= bound + slackOf(bound)
}
