/** What every solver of a placement takes and gives back. */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Placement, Problem } from './problem.ts'

export const solverNames = ['greedy', 'anneal', 'exact', 'qaoa'] as const
export type SolverName = (typeof solverNames)[number]

export interface Means {
  readonly clock: Clock
  readonly random: Random
  /** How long it may take; what it has by then is its answer. */
  readonly withinMs: number
  /** A valid placement to begin with, and never to be worse than; null where none is known. */
  readonly start: Placement | null
}

export interface Solution {
  /** null: it found none. */
  readonly placement: Placement | null
  /** No placement costs less than this, as far as the solver has proved; null for nothing. */
  readonly bound: number | null
  /** There is no valid placement at all, and that is proved. */
  readonly isImpossible: boolean
  /** One sentence for people. */
  readonly words: string
}

export interface Solver {
  readonly name: SolverName
  /** Why it cannot be asked this; null where it can. */
  refusal(problem: Problem): string | null
  solve(problem: Problem, means: Means): Promise<Solution>
}
