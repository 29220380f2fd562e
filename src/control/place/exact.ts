/**
 * Exact placement by branch and cut (HiGHS): the optimum with its proof, or, when the time is over first, the best it
 * knows and how much cheaper a plan could be at most.
 */
import { wrongsOf } from './cost.ts'
import { solveLinear } from './highs.ts'
import { countKinds, kindsOf, placeKinds, roomFor } from './kind.ts'
import type { LinearModel } from './linear-model.ts'
import { placementModel } from './placement-model.ts'
import type { Problem } from './problem.ts'
import type { Solution, Solver } from './solver.ts'

/** Larger ones take more memory and time than anyone has who waits for a plan. */
const columnsMax = 40_000
/** Of these counts alone: with more, the whole is not even written down. */
const countsMax = 30_000
const termsMax = 2_000_000

export const exact: Solver = {
  name: 'exact',
  refusal: (problem) => {
    const count = countColumns(problem)
    return count > countsMax ? sizeWords(count) : null
  },
  solve: async (problem, { withinMs, start, clock }): Promise<Solution> => {
    const beganMs = clock.monotonicMs()
    const { model, kinds, counts } = placementModel(problem)
    if (isTooLarge(model)) return nothing(sizeWords(model.columns.length))
    const known = new Map<number, number>()
    const begin = start === null ? [] : countKinds(problem, kinds, start)
    counts.forEach((columns, k) => {
      columns.forEach((column, h) => {
        if (start !== null && column !== -1) known.set(column, begin[k]?.[h] ?? 0)
      })
    })
    const leftMs = Math.max(100, withinMs - (clock.monotonicMs() - beganMs))
    const { status, values, bound } = await solveLinear(model, { withinMs: leftMs, ...(start && { start: known }) })
    if (status === 'infeasible') return { ...nothing('proved that no placement holds all'), isImpossible: true }
    if (values === null) return { ...nothing('found none in its time'), bound }
    const numbers = counts.map((columns) => columns.map((c) => (c === -1 ? 0 : Math.round(values[c] ?? 0))))
    const placement = placeKinds(problem, kinds, numbers)
    if (wrongsOf(problem, placement).length > 0) return { ...nothing('lost itself in rounding'), bound }
    const size = `${model.columns.length.toLocaleString('en-US')} columns`
    const words = status === 'optimal' ? `proved to be the optimum (${size})` : `not proved in its time (${size})`
    return { placement, bound, isImpossible: false, words }
  },
}

/** The least number of columns that there will be: one for each kind and host with room for it. */
export function countColumns(problem: Problem): number {
  return kindsOf(problem, { byPresent: false }).reduce((sum, kind) => {
    return sum + problem.hosts.filter((host) => roomFor(kind, host) > 0).length
  }, 0)
}

/**
 * What no placement can cost less than, by the same problem with fractions allowed; null where it is not known in
 * time.
 */
export async function relaxedBound(problem: Problem, withinMs: number): Promise<number | null> {
  if (exact.refusal(problem) !== null) return null
  const { model } = placementModel(problem)
  return isTooLarge(model) ? null : (await solveLinear(model, { withinMs, isRelaxed: true })).bound
}

function isTooLarge(model: LinearModel): boolean {
  return model.columns.length > columnsMax || model.termCount > termsMax
}

function sizeWords(columns: number): string {
  return `too large: ${columns.toLocaleString('en-US')} columns, at most ${columnsMax.toLocaleString('en-US')}`
}

function nothing(words: string): Solution {
  return { placement: null, bound: null, isImpossible: false, words }
}
