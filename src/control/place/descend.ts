/** Down to the next placement that no single change makes cheaper. */
import type { Board } from './board.ts'

const roundsMax = 50
/** Differences below this are rounding. */
const least = 1e-9

export function descend(board: Board, isOver: () => boolean): void {
  for (let round = 0; round < roundsMax && !isOver(); round++) {
    const before = board.cost
    for (let r = 0; r < board.hostOf.length; r++) improve(board, r)
    board.on.forEach((_, h) => tryToEmpty(board, h))
    if (board.cost > before - least) return
  }
}

function improve(board: Board, r: number): void {
  let [best, bestDelta] = [-1, -least]
  for (let h = 0; h < board.on.length; h++) {
    if (!board.fits(r, h) || h === board.hostOf[r]) continue
    const delta = board.delta(r, h)
    if (delta < bestDelta) [best, bestDelta] = [h, delta]
  }
  if (best !== -1) board.move(r, best)
}

function tryToEmpty(board: Board, h: number): void {
  const replicas = board.on[h]?.slice() ?? []
  if (replicas.length === 0 || replicas.length > 32) return
  const before = board.cost
  const others = board.on.flatMap((list, other) => (other !== h && list.length > 0 ? [other] : []))
  if (emptyInto(board, h, others) && board.cost < before - least) return
  for (const r of replicas) board.move(r, h)
}

/**
 * Moves all of host `h` to those of the candidates where they cost the least. False where one has no room; some have
 * moved then.
 */
export function emptyInto(board: Board, h: number, candidates: readonly number[]): boolean {
  const replicas = board.on[h]?.slice() ?? []
  for (const r of replicas) {
    let [best, bestDelta] = [-1, Number.POSITIVE_INFINITY]
    for (const other of candidates) {
      if (other === h || !board.fits(r, other)) continue
      const delta = board.delta(r, other)
      if (delta < bestDelta) [best, bestDelta] = [other, delta]
    }
    if (best === -1) return false
    board.move(r, best)
  }
  return true
}
