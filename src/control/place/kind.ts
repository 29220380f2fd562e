/** Replicas that nobody could tell apart, counted instead of named: it makes the exact problem and the QUBO smaller. */
import type { Host, Placement, Problem, Replica } from './problem.ts'

export interface Kind {
  readonly members: readonly number[]
  readonly memoryBytes: number
  readonly gpus: number
  readonly moveCost: number
  /** How many of them stand on which host now. */
  readonly present: ReadonlyMap<number, number>
  /** The groups of each of them. */
  readonly groups: readonly number[]
}

/** `byPresent`: those of one kind stand on one host now, or nowhere. */
export function kindsOf({ replicas, groupsOf, present }: Problem, { byPresent }: { byPresent: boolean }): Kind[] {
  const keyOf = ({ memoryBytes, gpus, moveCost }: Replica, r: number): string =>
    [memoryBytes, gpus, moveCost, byPresent ? present[r] : '', ...(groupsOf[r] ?? [])].join(' ')
  const byKey = new Map<string, { one: Replica; members: number[] }>()
  replicas.forEach((one, r) => {
    const key = keyOf(one, r)
    const kind = byKey.get(key)
    if (kind) kind.members.push(r)
    else byKey.set(key, { one, members: [r] })
  })
  return [...byKey.values()].map(({ one: { memoryBytes, gpus, moveCost }, members }) => {
    const hosts = members.map((r) => present[r] ?? -1).filter((h) => h !== -1)
    const counts = new Map([...Map.groupBy(hosts, (h) => h)].map(([h, each]) => [h, each.length]))
    return { members, memoryBytes, gpus, moveCost, present: counts, groups: groupsOf[members[0] ?? 0] ?? [] }
  })
}

/** How many of a kind a host holds while nothing else is there. */
export function roomFor({ members, memoryBytes, gpus }: Kind, host: Host | undefined): number {
  if (!host) return 0
  const byMemory = memoryBytes === 0 ? members.length : Math.floor(host.memoryBytes / memoryBytes)
  const byGpus = gpus === 0 ? members.length : Math.floor(host.gpus / gpus)
  return Math.min(members.length, byMemory, byGpus)
}

/** From how many of each kind stand on each host (`counts[kind][host]`) to names: who can stay, stays. */
export function placeKinds(
  problem: Problem,
  kinds: readonly Kind[],
  counts: readonly (readonly number[])[],
): Placement {
  const placement = new Int32Array(problem.replicas.length).fill(-1)
  kinds.forEach(({ members }, k) => {
    const left = counts[k]?.slice() ?? []
    for (const r of members) {
      const h = problem.present[r] ?? -1
      if ((left[h] ?? 0) === 0) continue
      placement[r] = h
      left[h] = (left[h] ?? 0) - 1
    }
    const others = members.filter((r) => placement[r] === -1)
    left.forEach((count, h) => {
      for (const r of others.splice(0, count)) placement[r] = h
    })
  })
  return placement
}

export function countKinds(problem: Problem, kinds: readonly Kind[], placement: Placement): number[][] {
  return kinds.map(({ members }) => {
    const counts = new Array<number>(problem.hosts.length).fill(0)
    for (const r of members) {
      const h = placement[r] ?? 0
      counts[h] = (counts[h] ?? 0) + 1
    }
    return counts
  })
}
