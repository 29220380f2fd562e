/**
 * Placement as a mixed-integer linear problem, exact and not an approximation. `n[k,h]` counts replicas of a kind on
 * a host. Pairs in one place, n(n−1)/2, are convex in n: where they cost, a column lies above all their tangents,
 * which at whole numbers is the same; where they save, n is written in steps, n = Σ u[j] with u[1] ≥ u[2] ≥ …, and
 * pairs are Σ (j−1)·u[j].
 */
import { kindsOf, roomFor, type Kind } from './kind.ts'
import { LinearModel } from './linear-model.ts'
import { placeCount, placeOf, type PairGroup, type Problem } from './problem.ts'

export interface PlacementModel {
  readonly model: LinearModel
  readonly kinds: readonly Kind[]
  /** Column by kind and host; -1 where not one of the kind has room. */
  readonly counts: readonly (readonly number[])[]
}

export function placementModel(problem: Problem): PlacementModel {
  const model = new LinearModel()
  const kinds = kindsOf(problem, { byPresent: false })
  const counts = kinds.map((kind) => addKind(model, problem, kind))
  const inUse = problem.hosts.map((_, h) => addHost(model, problem, kinds, counts, h))
  addSums(model, problem, inUse)
  problem.groups.forEach((group, g) => addGroup(model, group, membersBy(problem, kinds, counts, group, g)))
  return { model, kinds, counts }
}

/** All of a kind stand somewhere. Of those that stood on a host as many stay as are counted there. */
function addKind(model: LinearModel, { hosts }: Problem, kind: Kind): number[] {
  const { members, present, moveCost } = kind
  const columns = hosts.map((host) => {
    const upper = roomFor(kind, host)
    return upper === 0 ? -1 : model.addColumn({ cost: 0, lower: 0, upper, isInteger: true })
  })
  const terms = columns.filter((column) => column !== -1).map((column) => [column, 1] as const)
  model.addRow({ lower: members.length, upper: members.length, terms })
  for (const [h, count] of moveCost === 0 ? [] : present) {
    model.constant += moveCost * count
    const column = columns[h] ?? -1
    if (column === -1) continue
    const stay = model.addColumn({ cost: -moveCost, lower: 0, upper: count, isInteger: false })
    model.addRow({
      lower: 0,
      upper: Number.POSITIVE_INFINITY,
      terms: [
        [column, 1],
        [stay, -1],
      ],
    })
  }
  return columns
}

function addHost(
  model: LinearModel,
  { hosts }: Problem,
  kinds: readonly Kind[],
  counts: readonly (readonly number[])[],
  h: number,
): number {
  const host = hosts[h]
  if (!host) throw new RangeError(`no host ${h}`)
  const inUse = model.addColumn({ cost: host.price, lower: 0, upper: 1, isInteger: true })
  const there = kinds.flatMap((kind, k) => {
    const column = counts[k]?.[h] ?? -1
    return column === -1 ? [] : [{ kind, column }]
  })
  const limit = (room: number, sizeOf: (kind: Kind) => number): void => {
    const terms = there.map(({ kind, column }) => [column, sizeOf(kind)] as const).filter(([, size]) => size > 0)
    if (terms.length > 0) model.addRow({ lower: Number.NEGATIVE_INFINITY, upper: 0, terms: [...terms, [inUse, -room]] })
  }
  // MiB: numbers of a size at which a solver's tolerance means nothing.
  limit(host.memoryBytes / 2 ** 20, ({ memoryBytes }) => memoryBytes / 2 ** 20)
  limit(host.gpus, ({ gpus }) => gpus)
  for (const { kind, column } of there) {
    const terms = [[column, 1] as const, [inUse, -roomFor(kind, host)] as const]
    model.addRow({ lower: Number.NEGATIVE_INFINITY, upper: 0, terms })
  }
  return inUse
}

/** The hosts in use hold the sum of all: it follows from the rest, and the solver makes sharper bounds of it. */
function addSums(model: LinearModel, { hosts, replicas }: Problem, inUse: readonly number[]): void {
  const sum = (rooms: readonly number[], need: number): void => {
    const terms = rooms.flatMap((room, h): [number, number][] => (room > 0 ? [[inUse[h] ?? 0, room]] : []))
    if (need > 0) model.addRow({ lower: need, upper: Number.POSITIVE_INFINITY, terms })
  }
  sum(
    hosts.map(({ memoryBytes }) => memoryBytes / 2 ** 20),
    replicas.reduce((total, { memoryBytes }) => total + memoryBytes / 2 ** 20, 0),
  )
  sum(
    hosts.map(({ gpus }) => gpus),
    replicas.reduce((total, { gpus }) => total + gpus, 0),
  )
}

interface Member {
  readonly column: number
  readonly upper: number
}

/** The columns of a group, by place. */
function membersBy(
  problem: Problem,
  kinds: readonly Kind[],
  counts: readonly (readonly number[])[],
  { within }: PairGroup,
  g: number,
): Member[][] {
  const places: Member[][] = Array.from({ length: placeCount(problem, within) }, () => [])
  kinds.forEach((kind, k) => {
    if (!kind.groups.includes(g)) return
    counts[k]?.forEach((column, h) => {
      if (column === -1) return
      places[placeOf(problem, within, h)]?.push({ column, upper: roomFor(kind, problem.hosts[h]) })
    })
  })
  return places
}

function addGroup(model: LinearModel, group: PairGroup, places: readonly Member[][]): void {
  model.constant += group.constant
  for (const place of places) {
    const most = Math.min(
      group.members.length,
      place.reduce((sum, { upper }) => sum + upper, 0),
    )
    if (most < 2) continue
    const terms = place.map(({ column }) => [column, 1] as const)
    if (group.cost > 0) addTangents(model, group.cost, terms, most)
    else addSteps(model, group.cost, terms, most)
  }
}

type Terms = readonly (readonly [number, number])[]

/** z ≥ j·n − j(j+1)/2 for each j: the line through the pairs at j and at j + 1. */
function addTangents(model: LinearModel, cost: number, terms: Terms, most: number): void {
  const z = model.addColumn({ cost, lower: 0, upper: Number.POSITIVE_INFINITY, isInteger: false })
  for (let j = 1; j < most; j++) {
    const line = terms.map(([column]) => [column, -j] as const)
    model.addRow({ lower: (-j * (j + 1)) / 2, upper: Number.POSITIVE_INFINITY, terms: [[z, 1], ...line] })
  }
}

function addSteps(model: LinearModel, cost: number, terms: Terms, most: number): void {
  const steps = Array.from({ length: most }, (_, i) => {
    return model.addColumn({ cost: cost * i, lower: 0, upper: 1, isInteger: true })
  })
  model.addRow({ lower: 0, upper: 0, terms: [...terms, ...steps.map((step) => [step, -1] as const)] })
  steps.forEach((step, i) => {
    const before = steps[i - 1]
    if (before !== undefined)
      model.addRow({
        lower: 0,
        upper: 1,
        terms: [
          [before, 1],
          [step, -1],
        ],
      })
  })
}
