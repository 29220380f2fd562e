/** A placement that is being changed: what a move of one replica adds to the cost, in the time of its groups alone. */
import { placeCount, placeOf, type Placement, type Problem } from './problem.ts'

export class Board {
  readonly problem: Problem
  /** -1 for a replica that is not placed yet. */
  readonly hostOf: Placement
  readonly freeBytes: Float64Array
  readonly freeGpus: Float64Array
  /** Replicas by host, in no order. */
  readonly on: number[][]
  /** Place of each replica in the list of its host. */
  readonly #slot: Int32Array
  readonly #counts: Int32Array[]
  /** Of what is placed. */
  cost: number

  constructor(problem: Problem, placement?: Placement) {
    const { hosts, replicas, groups } = problem
    this.problem = problem
    this.hostOf = new Int32Array(replicas.length).fill(-1)
    this.freeBytes = Float64Array.from(hosts, ({ memoryBytes }) => memoryBytes)
    this.freeGpus = Float64Array.from(hosts, ({ gpus }) => gpus)
    this.on = hosts.map(() => [])
    this.#slot = new Int32Array(replicas.length)
    this.#counts = groups.map(({ within }) => new Int32Array(placeCount(problem, within)))
    this.cost = groups.reduce((sum, { constant }) => sum + constant, 0)
    placement?.forEach((h, r) => this.move(r, h))
  }

  fits(r: number, h: number): boolean {
    const replica = this.problem.replicas[r]
    return (
      replica !== undefined &&
      replica.memoryBytes <= (this.freeBytes[h] ?? 0) &&
      replica.gpus <= (this.freeGpus[h] ?? 0)
    )
  }

  /** What it would cost more if `r` stood on `h`. Whether it fits is another question. */
  delta(r: number, h: number): number {
    const from = this.hostOf[r] ?? -1
    if (from === h) return 0
    const { problem } = this
    let delta = this.on[h]?.length === 0 ? (problem.hosts[h]?.price ?? 0) : 0
    if (from !== -1 && this.on[from]?.length === 1) delta -= problem.hosts[from]?.price ?? 0
    const present = problem.present[r] ?? -1
    if (present !== -1) {
      const moveCost = problem.replicas[r]?.moveCost ?? 0
      if (h !== present) delta += moveCost
      if (from !== -1 && from !== present) delta -= moveCost
    }
    for (const g of problem.groupsOf[r] ?? []) {
      const group = problem.groups[g]
      const counts = this.#counts[g]
      if (!group || !counts) continue
      const to = placeOf(problem, group.within, h)
      const there = counts[to] ?? 0
      if (from === -1) {
        delta += group.cost * there
        continue
      }
      const before = placeOf(problem, group.within, from)
      if (before !== to) delta += group.cost * (there - (counts[before] ?? 0) + 1)
    }
    return delta
  }

  /** Also where it does not fit: the free memory of a host may go below zero between two moves. */
  move(r: number, h: number): void {
    const from = this.hostOf[r] ?? -1
    if (from === h) return
    this.cost += this.delta(r, h)
    const replica = this.problem.replicas[r]
    if (!replica) return
    if (from !== -1) this.#take(r, from, replica.memoryBytes, replica.gpus)
    this.hostOf[r] = h
    const list = this.on[h]
    if (!list) return
    this.#slot[r] = list.push(r) - 1
    this.freeBytes[h] = (this.freeBytes[h] ?? 0) - replica.memoryBytes
    this.freeGpus[h] = (this.freeGpus[h] ?? 0) - replica.gpus
    this.#count(r, h, 1)
  }

  /** Off its host, to nowhere. */
  lift(r: number): void {
    const from = this.hostOf[r] ?? -1
    const replica = this.problem.replicas[r]
    if (from === -1 || !replica) return
    this.#take(r, from, replica.memoryBytes, replica.gpus)
    this.hostOf[r] = -1
    this.cost -= this.delta(r, from)
  }

  #take(r: number, h: number, memoryBytes: number, gpus: number): void {
    const list = this.on[h] ?? []
    const slot = this.#slot[r] ?? 0
    const last = list.pop()
    if (last !== undefined && last !== r) {
      list[slot] = last
      this.#slot[last] = slot
    }
    this.freeBytes[h] = (this.freeBytes[h] ?? 0) + memoryBytes
    this.freeGpus[h] = (this.freeGpus[h] ?? 0) + gpus
    this.#count(r, h, -1)
  }

  #count(r: number, h: number, by: number): void {
    for (const g of this.problem.groupsOf[r] ?? []) {
      const group = this.problem.groups[g]
      const counts = this.#counts[g]
      if (!group || !counts) continue
      const place = placeOf(this.problem, group.within, h)
      counts[place] = (counts[place] ?? 0) + by
    }
  }
}
