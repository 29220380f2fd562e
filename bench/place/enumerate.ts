/** The optimum by looking at every placement: slow, and beyond doubt. */
import { Board } from '../../src/control/place/board.ts'
import type { Problem } from '../../src/control/place/problem.ts'

/** hosts ^ replicas. */
export function stateCount({ hosts, replicas }: Problem): number {
  return hosts.length ** replicas.length
}

/** Cost of the cheapest valid placement; infinite where there is none. */
export function enumerateOptimum(problem: Problem): number {
  let best = Number.POSITIVE_INFINITY
  const count = problem.replicas.length
  const visit = (board: Board, r: number): void => {
    if (r === count) {
      best = Math.min(best, board.cost)
      return
    }
    for (let h = 0; h < problem.hosts.length; h++) {
      if (!board.fits(r, h)) continue
      board.move(r, h)
      visit(board, r + 1)
      board.lift(r)
    }
  }
  visit(new Board(problem), 0)
  return best
}
