/**
 * The question of placement: hosts, replicas, and what a plan costs. All costs are in one unit, the unit of `price`;
 * memory and GPUs are hard limits and never traded for money.
 */

export interface Host {
  readonly name: string
  readonly memoryBytes: number
  readonly gpus: number
  /** What fails together: a rack, a zone, a power feed. */
  readonly domain: string
  /** Paid once where at least one replica stands on it. */
  readonly price: number
}

export interface Replica {
  readonly name: string
  readonly model: string
  readonly memoryBytes: number
  readonly gpus: number
  /** Names of affinities that it belongs to. */
  readonly affinities: readonly string[]
  /** Where it stands now; null for one that is to be started. */
  readonly presentHost: string | null
  /** Paid where it leaves its present host. */
  readonly moveCost: number
}

export interface Affinity {
  readonly name: string
  /** `together`: each pair in two places costs. `apart`: each pair in one place costs. */
  readonly kind: 'together' | 'apart'
  readonly within: 'host' | 'domain'
  readonly cost: number
}

export interface Question {
  readonly hosts: readonly Host[]
  readonly replicas: readonly Replica[]
  readonly affinities: readonly Affinity[]
  /** For each pair of replicas of one model within one failure domain. */
  readonly spreadCost: number
}

/** Replicas of which each pair costs something where it shares a place: spread and affinity are both of this form. */
export interface PairGroup {
  readonly term: 'spread' | 'affinity'
  readonly within: 'host' | 'domain'
  /** Of each pair in one place; negative for those that belong together, whose pairs apart are in `constant`. */
  readonly cost: number
  readonly constant: number
  /** Numbers of replicas. */
  readonly members: readonly number[]
}

/** The question with numbers in the place of names, as solvers read it. */
export interface Problem extends Question {
  readonly groups: readonly PairGroup[]
  /** The groups of each replica. */
  readonly groupsOf: readonly (readonly number[])[]
  readonly domains: readonly string[]
  /** By host. */
  readonly domainOf: Int32Array
  /** By replica, -1 for one that stands nowhere. */
  readonly present: Int32Array
}

/** Number of the host of each replica. */
export type Placement = Int32Array

/** @throws {Error} for names that are not there; a spec is checked before, with lines and cures. */
export function makeProblem(question: Question): Problem {
  const { hosts, replicas } = question
  const hostNumbers = new Map(hosts.map(({ name }, h) => [name, h]))
  const domains = [...new Set(hosts.map(({ domain }) => domain))]
  const domainNumbers = new Map(domains.map((name, d) => [name, d]))
  const groups = [...spreadGroups(question), ...affinityGroups(question)]
  const groupsOf: number[][] = replicas.map(() => [])
  groups.forEach(({ members }, g) => {
    for (const r of members) groupsOf[r]?.push(g)
  })
  const present = replicas.map(({ name, presentHost }) => {
    const h = presentHost === null ? -1 : hostNumbers.get(presentHost)
    if (h === undefined) throw new Error(`${name} stands on ${presentHost}, which is no host`)
    return h
  })
  return {
    ...question,
    groups,
    groupsOf,
    domains,
    domainOf: Int32Array.from(hosts, ({ domain }) => domainNumbers.get(domain) ?? 0),
    present: Int32Array.from(present),
  }
}

function spreadGroups({ replicas, spreadCost }: Question): PairGroup[] {
  if (spreadCost === 0) return []
  return groupBy(replicas, ({ model }) => [model]).map(([, members]) => {
    return { term: 'spread', within: 'domain', cost: spreadCost, constant: 0, members }
  })
}

function affinityGroups({ replicas, affinities }: Question): PairGroup[] {
  const known = new Map(affinities.map((each) => [each.name, each]))
  return groupBy(replicas, (replica) => replica.affinities).flatMap(([name, members]): PairGroup[] => {
    const affinity = known.get(name)
    if (!affinity) throw new Error(`there is no affinity ${name}`)
    const { kind, within, cost } = affinity
    if (cost === 0) return []
    const isTogether = kind === 'together'
    const constant = isTogether ? cost * pairs(members.length) : 0
    return [{ term: 'affinity', within, cost: isTogether ? -cost : cost, constant, members }]
  })
}

/** Groups of at least two, in the order in which they are first named. */
function groupBy(
  replicas: readonly Replica[],
  namesOf: (replica: Replica) => readonly string[],
): [string, readonly number[]][] {
  const groups = new Map<string, number[]>()
  replicas.forEach((replica, r) => {
    for (const name of new Set(namesOf(replica))) {
      const members = groups.get(name) ?? []
      members.push(r)
      groups.set(name, members)
    }
  })
  return [...groups].filter(([, members]) => members.length > 1)
}

export function pairs(count: number): number {
  return (count * (count - 1)) / 2
}

/** Places of a group: hosts, or failure domains. */
export function placeOf(problem: Problem, within: PairGroup['within'], host: number): number {
  return within === 'host' ? host : (problem.domainOf[host] ?? 0)
}

export function placeCount({ hosts, domains }: Problem, within: PairGroup['within']): number {
  return within === 'host' ? hosts.length : domains.length
}
