/**
 * Placement as a QUBO. Variables: how many of a kind stand on a host, in bits; whether a host is in use, where that
 * has a price; what of a capacity is left over, in bits, where the capacity needs it. Each rule that is broken costs
 * `penalty`, which is more than all that breaking it could save: the lowest energy is the optimum, and the energy of
 * a valid plan is its cost.
 */
import { type CapacityRule, capacityRule } from './capacity-rule.ts'
import { type Cost, wrongsOf } from './cost.ts'
import { countKinds, type Kind, kindsOf, placeKinds, roomFor } from './kind.ts'
import { pairs, placeCount, placeOf, type Placement, type Problem } from './problem.ts'
import { bitWeights, Qubo, type Term } from './qubo.ts'

/** Above these nobody could use it. */
export const variablesMax = 20_000
const pairsMax = 4_000_000

export interface PlacementQubo {
  readonly qubo: Qubo
  readonly penalty: number
  /** The placement that a setting of the variables means; null for one that breaks a rule. */
  read(isSet: (variable: number) => boolean): Placement | null
  /** The setting with the lowest energy that means this placement. */
  write(placement: Placement): boolean[]
}

/** Why there is no QUBO of it; null where there is. */
export function quboRefusal(problem: Problem): string | null {
  const kinds = kindsOf(problem, { byPresent: true })
  const least = kinds.reduce((sum, kind) => {
    return sum + problem.hosts.reduce((bits, host) => bits + bitWeights(roomFor(kind, host)).length, 0)
  }, 0)
  if (least > variablesMax) return `it would have ${least.toLocaleString('en-US')} variables or more`
  const most = pairsOf(problem, kinds)
  return most > pairsMax ? `it would have ${most.toLocaleString('en-US')} pairs of variables` : null
}

/** At most as many as there will be: of one kind all, of one host all, of one place of a group all. */
function pairsOf(problem: Problem, kinds: readonly Kind[]): number {
  const { hosts, groups } = problem
  const bits = kinds.map((kind) => hosts.map((host) => bitWeights(roomFor(kind, host)).length))
  const sumOf = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
  const byKind = sumOf(bits.map((row) => pairs(sumOf(row))))
  const byHost = sumOf(hosts.map((_, h) => pairs(sumOf(bits.map((row) => row[h] ?? 0)))))
  const byGroup = groups.map(({ within }, g) => {
    const places = new Array<number>(placeCount(problem, within)).fill(0)
    kinds.forEach(({ groups: own }, k) => {
      if (!own.includes(g)) return
      bits[k]?.forEach((count, h) => {
        const place = placeOf(problem, within, h)
        places[place] = (places[place] ?? 0) + count
      })
    })
    return sumOf(places.map(pairs))
  })
  return byKind + byHost + sumOf(byGroup)
}

/** `known`: the cost of any valid placement; the better it is, the smaller the penalty may be. */
export function placementQubo(problem: Problem, known: Cost): PlacementQubo {
  return new Builder(problem, known).build()
}

/** Bits that are left over when the sum of `terms` is that far below the room. */
interface Slack {
  readonly bits: readonly Term[]
  readonly terms: readonly Term[]
  readonly room: number
}

class Builder {
  readonly #problem: Problem
  readonly #qubo = new Qubo()
  readonly #kinds: readonly Kind[]
  /** By kind and host. */
  readonly #counts: readonly (readonly (readonly Term[])[])[]
  /** By host; -1 for none. */
  readonly #inUse: number[] = []
  readonly #slacks: Slack[] = []
  readonly #rules = new Map<string, CapacityRule>()
  readonly #penalty: number

  constructor(problem: Problem, known: Cost) {
    this.#problem = problem
    this.#kinds = kindsOf(problem, { byPresent: true })
    this.#counts = this.#kinds.map((kind, k) => problem.hosts.map((host, h) => this.#addCount(kind, k, host.name, h)))
    this.#penalty = penaltyFor(problem, known)
  }

  build(): PlacementQubo {
    this.#placeAll()
    this.#problem.hosts.forEach((_, h) => this.#addHost(h))
    this.#addPairs()
    return {
      qubo: this.#qubo,
      penalty: this.#penalty,
      read: (isSet) => this.#read(isSet),
      write: (placement) => this.#write(placement),
    }
  }

  #addCount(kind: Kind, k: number, hostName: string, h: number): Term[] {
    const name = this.#problem.replicas[kind.members[0] ?? 0]?.name ?? `kind-${k}`
    return bitWeights(roomFor(kind, this.#problem.hosts[h])).map((weight) => {
      const times = kind.members.length > 1 ? `*${weight}` : ''
      return [this.#qubo.addVariable(`${name}@${hostName}${times}`), weight] as const
    })
  }

  #placeAll(): void {
    this.#kinds.forEach(({ members, present, moveCost }, k) => {
      this.#qubo.addSquare(this.#counts[k]?.flat() ?? [], -members.length, this.#penalty)
      for (const [h, count] of present) {
        this.#qubo.offset += moveCost * count
        for (const [bit, weight] of this.#counts[k]?.[h] ?? []) this.#qubo.addLinear(bit, -moveCost * weight)
      }
    })
  }

  #addHost(h: number): void {
    const host = this.#problem.hosts[h]
    if (!host) return
    const there = this.#kinds.flatMap((kind, k) => (this.#counts[k]?.[h] ?? []).map((term) => ({ kind, term })))
    this.#inUse[h] = -1
    if (host.price > 0 && there.length > 0) {
      const inUse = this.#qubo.addVariable(`${host.name}*`)
      this.#inUse[h] = inUse
      this.#qubo.addLinear(inUse, host.price)
      for (const { term } of there) {
        this.#qubo.addLinear(term[0], this.#penalty)
        this.#qubo.addPair(term[0], inUse, -this.#penalty)
      }
    }
    const limit = (what: string, room: number, sizeOf: (kind: Kind) => number): void => {
      const parts = there.filter(({ kind }) => sizeOf(kind) > 0)
      const sizes = parts.map(({ kind, term }) => sizeOf(kind) * term[1])
      this.#limit(
        `${host.name}.${what}`,
        parts.map(({ term }) => term[0]),
        sizes,
        room,
      )
    }
    limit('memory', host.memoryBytes, ({ memoryBytes }) => memoryBytes)
    limit('gpus', host.gpus, ({ gpus }) => gpus)
  }

  #limit(label: string, variables: readonly number[], sizes: readonly number[], room: number): void {
    const rule = this.#ruleFor(sizes, room)
    if (rule.kind === 'always') return
    if (rule.kind === 'pairs') {
      for (const [i, j] of rule.pairs) this.#qubo.addPair(variables[i] ?? 0, variables[j] ?? 0, this.#penalty)
      return
    }
    const terms = rule.sizes.flatMap((size, i): Term[] => (size === 0 ? [] : [[variables[i] ?? 0, size]]))
    const bits = bitWeights(rule.room).map((weight) => [this.#qubo.addVariable(`${label}+${weight}`), weight] as const)
    this.#qubo.addSquare([...terms, ...bits], -rule.room, this.#penalty)
    this.#slacks.push({ bits, terms, room: rule.room })
  }

  /** Hosts alike ask alike, and the answer takes a while. */
  #ruleFor(sizes: readonly number[], room: number): CapacityRule {
    const key = [room, ...sizes].join(' ')
    const rule = this.#rules.get(key) ?? capacityRule(sizes, room)
    this.#rules.set(key, rule)
    return rule
  }

  /** cost · n(n−1)/2 for n of a group in one place. */
  #addPairs(): void {
    this.#problem.groups.forEach(({ within, cost, constant }, g) => {
      this.#qubo.offset += constant
      const places: Term[][] = Array.from({ length: placeCount(this.#problem, within) }, () => [])
      this.#kinds.forEach(({ groups }, k) => {
        if (!groups.includes(g)) return
        this.#counts[k]?.forEach((bits, h) => places[placeOf(this.#problem, within, h)]?.push(...bits))
      })
      for (const place of places) {
        this.#qubo.addSquare(place, 0, cost / 2)
        for (const [bit, weight] of place) this.#qubo.addLinear(bit, (-cost * weight) / 2)
      }
    })
  }

  #read(isSet: (variable: number) => boolean): Placement | null {
    const counts = this.#counts.map((hosts) => hosts.map((bits) => sumOf(bits, isSet)))
    const isWhole = counts.every((row, k) => row.reduce((a, b) => a + b, 0) === this.#kinds[k]?.members.length)
    if (!isWhole) return null
    const placement = placeKinds(this.#problem, this.#kinds, counts)
    return wrongsOf(this.#problem, placement).length === 0 ? placement : null
  }

  #write(placement: Placement): boolean[] {
    const set = new Array<boolean>(this.#qubo.size).fill(false)
    countKinds(this.#problem, this.#kinds, placement).forEach((row, k) => {
      row.forEach((count, h) => setSum(set, this.#counts[k]?.[h] ?? [], count))
    })
    this.#inUse.forEach((variable, h) => {
      if (variable !== -1) set[variable] = placement.includes(h)
    })
    for (const { bits, terms, room } of this.#slacks)
      setSum(set, bits, room - sumOf(terms, (each) => set[each] === true))
    return set
  }
}

function sumOf(terms: readonly Term[], isSet: (variable: number) => boolean): number {
  return terms.reduce((sum, [variable, weight]) => sum + (isSet(variable) ? weight : 0), 0)
}

/** Every sum from 0 to that of all can be had: the largest first. */
function setSum(set: boolean[], terms: readonly Term[], sum: number): void {
  let left = sum
  for (const [variable, weight] of terms.toSorted((a, b) => b[1] - a[1])) {
    if (weight > left) continue
    set[variable] = true
    left -= weight
  }
}

/**
 * More than the known cost, so that whatever breaks a rule costs more than what is known. Only pairs that belong
 * together can save beyond their constant, by replicas that stand in two places at once: E of them too many make M·E
 * + E(E−1)/2 pairs more of M, and cost Σ e² ≥ max(E, E²/M) penalties.
 */
function penaltyFor({ groups }: Problem, known: Cost): number {
  const saved = groups.reduce((sum, { cost, members }) => sum + Math.max(0, -cost) * 1.5 * members.length, 0)
  return (known.total + saved) * 1.01 + 0.001
}
