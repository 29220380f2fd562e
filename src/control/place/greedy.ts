/**
 * Greedy placement: the largest first, each where it adds the least to the cost, and of equal places where the least is
 * left over (best-fit decreasing). It is done in a few ways, and the cheapest valid outcome counts. Milliseconds.
 */
import type { Random } from '../../ground/random.ts'
import { Board } from './board.ts'
import { wrongsOf } from './cost.ts'
import type { Placement, Problem } from './problem.ts'
import type { Solver } from './solver.ts'

interface Way {
  /** Begins with all that can stay where they are. */
  readonly isStaying: boolean
  /** What the first on a host pays of its price: all, the part that it fills, or nothing. */
  readonly opening: 'whole' | 'part' | 'none'
  /** Only where the least is left over counts: the way that fills hosts best. */
  readonly isTight: boolean
  /** Only on these; all where it is left out. */
  readonly hosts?: readonly number[]
}

const ways: readonly Way[] = [false, true].flatMap((isStaying) => [
  { isStaying, opening: 'whole', isTight: false },
  { isStaying, opening: 'part', isTight: false },
  { isStaying, opening: 'none', isTight: false },
  { isStaying, opening: 'whole', isTight: true },
])

/** How many sets of hosts are tried, at most. */
const fewStepsMax = 12

/** Further orders where none of the ways finds room for all. */
const shufflesMax = 50

/** Of the whole time; then it makes do with what it has found, or gives up. */
const timeShare = 0.25

export const greedy: Solver = {
  name: 'greedy',
  refusal: () => null,
  solve: (problem, { clock, random, start, withinMs }) => {
    const untilMs = clock.monotonicMs() + timeShare * withinMs
    const placement = placeGreedily(problem, random, { start, isOver: () => clock.monotonicMs() >= untilMs })
    const words =
      placement === null ? 'found no way to make all fit' : 'largest first, each where it adds the least to the cost'
    return Promise.resolve({ placement, bound: null, isImpossible: false, words })
  },
}

interface Limits {
  readonly start?: Placement | null
  readonly isOver?: () => boolean
}

export function placeGreedily(
  problem: Problem,
  random: Random,
  { start = null, isOver = () => false }: Limits = {},
): Placement | null {
  // As it is: no move costs anything.
  const asIs = [problem.present, start].filter((each) => each !== null && wrongsOf(problem, each).length === 0)
  const found = asIs.map((each) => new Board(problem, each ?? undefined))
  const order = bySize(problem)
  const few = fewHosts(problem).flatMap((hosts) => [
    { isStaying: false, opening: 'none' as const, isTight: false, hosts },
    { isStaying: true, opening: 'none' as const, isTight: false, hosts },
  ])
  const isEnough = (): boolean => isOver() && found.length > 0
  for (const way of [...ways, ...few]) {
    const board = isEnough() ? null : runWay(problem, order, way)
    if (board) found.push(board)
  }
  for (let i = 0; found.length === 0 && i < shufflesMax && !isOver(); i++) {
    const board = runWay(problem, shuffled(order, random), { isStaying: false, opening: 'none', isTight: true })
    if (board) found.push(board)
  }
  if (found.length === 0) return null
  return found.reduce((best, each) => (each.cost < best.cost ? each : best)).hostOf
}

function bySize(problem: Problem): number[] {
  const sizes = problem.replicas.map((_, r) => sizeOf(problem, r))
  return problem.replicas.map((_, r) => r).sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0) || a - b)
}

/**
 * Sets of hosts that are cheap for what they hold: just as many as hold the sum of all, and some more, step by step.
 */
function fewHosts({ hosts, replicas }: Problem): number[][] {
  const need = {
    memory: replicas.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    gpus: replicas.reduce((sum, { gpus }) => sum + gpus, 0),
  }
  const all = {
    memory: hosts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    gpus: hosts.reduce((sum, { gpus }) => sum + gpus, 0),
  }
  // What is scarcer weighs more.
  const [memoryWeight, gpuWeight] = [need.memory / (all.memory || 1) ** 2, need.gpus / (all.gpus || 1) ** 2]
  const worth = hosts.map(({ price, memoryBytes, gpus }) => {
    const value = memoryBytes * memoryWeight + gpus * gpuWeight
    return value === 0 ? Number.POSITIVE_INFINITY : price / value
  })
  const order = hosts.map((_, h) => h).sort((a, b) => (worth[a] ?? 0) - (worth[b] ?? 0) || a - b)
  let [memory, gpus, least] = [0, 0, 0]
  while (least < order.length && (memory < need.memory || gpus < need.gpus)) {
    const host = hosts[order[least++] ?? 0]
    memory += host?.memoryBytes ?? 0
    gpus += host?.gpus ?? 0
  }
  const step = Math.max(1, Math.ceil((hosts.length - least) / fewStepsMax))
  const sets: number[][] = []
  for (let size = least; size < hosts.length; size += step) sets.push(order.slice(0, size))
  return sets
}

/** The part of the largest host that it takes, of memory or GPUs, whichever is more. */
function sizeOf({ hosts, replicas }: Problem, r: number): number {
  const replica = replicas[r]
  if (!replica) return 0
  const memory = hosts.reduce((max, host) => Math.max(max, host.memoryBytes), 1)
  const gpus = hosts.reduce((max, host) => Math.max(max, host.gpus), 1)
  return Math.max(replica.memoryBytes / memory, replica.gpus / gpus)
}

/** A little out of order: neighbours within a quarter of the list may change places. */
function shuffled(order: readonly number[], random: Random): number[] {
  const reach = order.length / 4
  return order
    .map((r, i) => ({ r, key: i + random.unit() * reach }))
    .sort((a, b) => a.key - b.key)
    .map(({ r }) => r)
}

function runWay(problem: Problem, order: readonly number[], way: Way): Board | null {
  const board = new Board(problem)
  const hosts = way.hosts ?? problem.hosts.map((_, h) => h)
  const allowed = new Set(hosts)
  const left = way.isStaying ? order.filter((r) => !stay(board, r, allowed)) : order
  for (const r of left) {
    const h = bestHost(board, r, hosts, way)
    if (h === -1) return null
    board.move(r, h)
  }
  return board
}

function stay(board: Board, r: number, allowed: ReadonlySet<number>): boolean {
  const h = board.problem.present[r] ?? -1
  if (!allowed.has(h) || !board.fits(r, h)) return false
  board.move(r, h)
  return true
}

function bestHost(board: Board, r: number, allowed: readonly number[], { opening, isTight }: Way): number {
  const { hosts } = board.problem
  let best = -1
  let bestCost = Number.POSITIVE_INFINITY
  let bestLeft = Number.POSITIVE_INFINITY
  for (const h of allowed) {
    if (!board.fits(r, h)) continue
    const left = leftOver(board, r, h)
    let cost = board.delta(r, h)
    if (board.on[h]?.length === 0 && opening !== 'whole')
      cost -= (hosts[h]?.price ?? 0) * (opening === 'none' ? 1 : left)
    const isBetter = isTight
      ? left < bestLeft || (left === bestLeft && cost < bestCost)
      : cost < bestCost || (cost === bestCost && left < bestLeft)
    if (isBetter) [best, bestCost, bestLeft] = [h, cost, left]
  }
  return best
}

/** The part of the host that stays free beside `r`, of what is scarcer. */
function leftOver(board: Board, r: number, h: number): number {
  const host = board.problem.hosts[h]
  const replica = board.problem.replicas[r]
  if (!host || !replica) return 1
  const memory = host.memoryBytes === 0 ? 0 : ((board.freeBytes[h] ?? 0) - replica.memoryBytes) / host.memoryBytes
  const gpus = host.gpus === 0 || replica.gpus === 0 ? 1 : ((board.freeGpus[h] ?? 0) - replica.gpus) / host.gpus
  return Math.min(memory, gpus)
}
