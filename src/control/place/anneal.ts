/**
 * Simulated annealing on placements (Kirkpatrick, Gelatt & Vecchi 1983): begins with the greedy one, makes small
 * changes, takes those that cost less and, the more seldom the colder it is, those that cost more; keeps the best it
 * has seen. The cost is followed move by move. The same seed gives the same plan, unless the time runs out.
 */
import type { Random } from '../../ground/random.ts'
import { Board } from './board.ts'
import { descend, emptyInto } from './descend.ts'
import { placeGreedily } from './greedy.ts'
import type { Placement, Problem } from './problem.ts'
import type { Means, Solver } from './solver.ts'

/**
 * Of one run from hot to cold. There are several, each from the best so far: now and then one finds a better valley.
 */
const stepsPerReplica = 3000
const stepsMin = 10_000
const stepsMax = 4_000_000
const runs = (replicaCount: number): number => Math.max(3, Math.min(8, Math.floor(400 / replicaCount)))

/** The temperature ends at this part of where it began. */
const coolingRange = 0.002
/** Between two looks at the clock. */
const stepsPerLook = 512

/** How often each kind of change is tried. What is left is a move of one replica. */
const shares = { swap: 0.25, empty: 0.04, exchange: 0.04 }

export const anneal: Solver = {
  name: 'anneal',
  refusal: () => null,
  solve: (problem, means) => {
    const start = means.start ?? placeGreedily(problem, means.random)
    if (start === null) {
      const words = 'found no valid placement to begin with'
      return Promise.resolve({ placement: null, bound: null, isImpossible: false, words })
    }
    const { placement, steps } = annealFrom(problem, start, means)
    const words = `${steps.toLocaleString('en-US')} changes tried from the greedy plan`
    return Promise.resolve({ placement, bound: null, isImpossible: false, words })
  },
}

export function annealFrom(
  problem: Problem,
  start: Placement,
  { clock, random, withinMs }: Pick<Means, 'clock' | 'random' | 'withinMs'>,
): { placement: Placement; steps: number } {
  const untilMs = clock.monotonicMs() + withinMs
  const isOver = (): boolean => clock.monotonicMs() >= untilMs
  let best = { cost: new Board(problem, start).cost, placement: start }
  let steps = 0
  for (let run = 0; run < runs(problem.replicas.length) && !isOver(); run++) {
    const walk = new Walk(problem, best.placement, random)
    const count = Math.min(stepsMax, Math.max(stepsMin, problem.replicas.length * stepsPerReplica))
    steps += walk.cool(count, isOver)
    const board = new Board(problem, walk.best)
    descend(board, isOver)
    if (board.cost < best.cost) best = { cost: board.cost, placement: board.hostOf }
  }
  return { placement: best.placement, steps }
}

class Walk {
  readonly #board: Board
  readonly #random: Random
  readonly best: Placement
  #bestCost: number
  #temperature: number

  constructor(problem: Problem, start: Placement, random: Random) {
    this.#board = new Board(problem, start)
    this.#random = random
    this.best = start.slice()
    this.#bestCost = this.#board.cost
    this.#temperature = this.#usualDelta()
  }

  /** Returns the number of steps it took. */
  cool(steps: number, isOver: () => boolean): number {
    const factor = coolingRange ** (stepsPerLook / steps)
    for (let step = 0; step < steps; step++) {
      if (step % stepsPerLook === 0) {
        if (isOver()) return step
        this.#temperature *= factor
      }
      this.#change()
      if (this.#board.cost < this.#bestCost - 1e-9) {
        this.#bestCost = this.#board.cost
        this.best.set(this.#board.hostOf)
      }
    }
    return steps
  }

  #change(): void {
    const dice = this.#random.unit()
    if (dice < shares.swap) this.#swap()
    else if (dice < shares.swap + shares.empty) this.#empty()
    else if (dice < shares.swap + shares.empty + shares.exchange) this.#exchange()
    else this.#relocate()
  }

  #pick(count: number): number {
    return Math.floor(this.#random.unit() * count)
  }

  #accepts(delta: number): boolean {
    return delta <= 0 || this.#random.unit() < Math.exp(-delta / this.#temperature)
  }

  /**
   * Half of the time to any host, else to where another replica stands: most hosts of a large fleet are not worth it.
   */
  #relocate(): void {
    const board = this.#board
    const r = this.#pick(board.hostOf.length)
    const isAnywhere = this.#random.unit() < 0.5
    const h = isAnywhere ? this.#pick(board.on.length) : (board.hostOf[this.#pick(board.hostOf.length)] ?? 0)
    if (h !== board.hostOf[r] && board.fits(r, h) && this.#accepts(board.delta(r, h))) board.move(r, h)
  }

  #swap(): void {
    const board = this.#board
    const [a, b] = [this.#pick(board.hostOf.length), this.#pick(board.hostOf.length)]
    const [ha = 0, hb = 0] = [board.hostOf[a], board.hostOf[b]]
    if (ha === hb) return
    const before = board.cost
    board.move(a, hb)
    const fits = board.fits(b, ha)
    if (fits) board.move(b, ha)
    if (fits && (board.freeBytes[hb] ?? 0) >= 0 && (board.freeGpus[hb] ?? 0) >= 0)
      if (this.#accepts(board.cost - before)) return
    board.move(b, hb)
    board.move(a, ha)
  }

  /** All of a host to others that are in use, which saves its price. */
  #empty(): void {
    const board = this.#board
    const h = board.hostOf[this.#pick(board.hostOf.length)] ?? 0
    const candidates = Array.from({ length: 12 }, () => board.hostOf[this.#pick(board.hostOf.length)] ?? 0)
    this.#tryMoves(h, () => emptyInto(board, h, candidates))
  }

  /** All of a host to one that is empty: another price, another domain. */
  #exchange(): void {
    const board = this.#board
    const h = board.hostOf[this.#pick(board.hostOf.length)] ?? 0
    const other = this.#pick(board.on.length)
    if (board.on[other]?.length !== 0) return
    this.#tryMoves(h, () => emptyInto(board, h, [other]))
  }

  #tryMoves(h: number, move: () => boolean): void {
    const board = this.#board
    const replicas = board.on[h]?.slice() ?? []
    if (replicas.length > 32) return
    const before = board.cost
    if (move() && this.#accepts(board.cost - before)) return
    for (const r of replicas) board.move(r, h)
  }

  /** Mean change of a possible move, either way: half of it is where the walk begins to be hot enough. */
  #usualDelta(): number {
    let [sum, count] = [0, 0]
    for (let i = 0; i < 400; i++) {
      const [r, h] = [this.#pick(this.#board.hostOf.length), this.#pick(this.#board.on.length)]
      if (!this.#board.fits(r, h)) continue
      const delta = Math.abs(this.#board.delta(r, h))
      if (delta > 0) [sum, count] = [sum + delta, count + 1]
    }
    return count === 0 ? 1 : (0.5 * sum) / count
  }
}
