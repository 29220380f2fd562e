/** What a placement costs, term by term, and whether it is one: the reference that all solvers are measured by. */
import { pairs, placeCount, placeOf, type Placement, type Problem } from './problem.ts'

export interface Cost {
  /** Prices of the hosts in use. */
  readonly hosts: number
  /** Pairs of replicas of one model that one failure of a domain would take together. */
  readonly spread: number
  /** Pairs that should be together and are not, or should be apart and are not. */
  readonly affinity: number
  /** Replicas that leave their present host. */
  readonly moves: number
  readonly total: number
}

export function costOf(problem: Problem, placement: Placement): Cost {
  const { hosts, replicas, groups, present } = problem
  const used = new Set(placement)
  const hostCost = hosts.reduce((sum, { price }, h) => sum + (used.has(h) ? price : 0), 0)
  const moves = replicas.reduce((sum, { moveCost }, r) => {
    return sum + (present[r] !== -1 && present[r] !== placement[r] ? moveCost : 0)
  }, 0)
  const sums = { spread: 0, affinity: 0 }
  for (const { term, within, cost, constant, members } of groups) {
    const counts = new Int32Array(placeCount(problem, within))
    for (const r of members) {
      const place = placeOf(problem, within, placement[r] ?? 0)
      counts[place] = (counts[place] ?? 0) + 1
    }
    sums[term] += constant + cost * counts.reduce((sum, count) => sum + pairs(count), 0)
  }
  return { hosts: hostCost, ...sums, moves, total: hostCost + sums.spread + sums.affinity + moves }
}

/** Hosts that have more on them than they hold, and replicas that stand nowhere, in words; empty for a valid plan. */
export function wrongsOf({ hosts, replicas }: Problem, placement: Placement): string[] {
  const memory = new Float64Array(hosts.length)
  const gpus = new Float64Array(hosts.length)
  const wrongs: string[] = placement.length === replicas.length ? [] : ['not one host for each replica']
  replicas.forEach(({ name, memoryBytes, gpus: count }, r) => {
    const h = placement[r]
    if (h === undefined || !hosts[h]) return void wrongs.push(`${name} stands nowhere`)
    memory[h] = (memory[h] ?? 0) + memoryBytes
    gpus[h] = (gpus[h] ?? 0) + count
  })
  hosts.forEach((host, h) => {
    if ((memory[h] ?? 0) > host.memoryBytes) wrongs.push(`${host.name} has too little memory`)
    if ((gpus[h] ?? 0) > host.gpus) wrongs.push(`${host.name} has too few GPUs`)
  })
  return wrongs
}
