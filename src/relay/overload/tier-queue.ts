/**
 * The waiting calls of one tier: tenants in turn by what they have been given (virtual token counters, Sheng et al.,
 * OSDI 2024), and for each tenant the call whose time runs out first. Whoever comes, new or after a rest, begins where
 * the turns are by then (the virtual time of start-time fair queueing, Goyal et al., 1996). Calls for the same servers
 * stand in a row of their own, so that nobody looks through those whose servers are full.
 */

import { Throughput } from './throughput.ts'

/** A call that waits for a place. */
export interface Waiting {
  /** Who is to be treated fairly: the caller's key. */
  readonly tenant: string
  /** In tokens, as `Gate` counts them. */
  readonly work: number
  /** When it must be given a place at the latest; monotonic. */
  readonly startByMs: number
  /** The servers that could take it; calls with the same key go to the same ones. */
  readonly placeKey: string
  /** Whether one of them has a place now. */
  hasPlace(): boolean
}

interface Tenant<T> {
  readonly name: string
  /** Work given so far, on a scale that all tenants share. */
  given: number
  work: number
  /** Work that came, whether it had to wait or not. */
  readonly arrived: Throughput
  /** By the servers that could take them; in each row the earliest `startByMs` first. No row is empty. */
  readonly rows: Map<string, T[]>
}

/** Tenants remembered while they have nobody waiting. */
const idleTenantsMax = 1000

export class TierQueue<T extends Waiting> {
  count = 0
  /** Of all that wait. */
  work = 0
  #tenants = new Map<string, Tenant<T>>()
  /** How many wait, by the servers that could take them. */
  #counts = new Map<string, number>()
  /** What the tenant that was given something last had had until then: so far all tenants are level. */
  #level = 0

  /** Tenants that are known, whether they wait or not. */
  get tenantCount(): number {
    return this.#tenants.size
  }

  /** Whether somebody waits for these servers. */
  waitsFor(placeKey: string): boolean {
    return this.#counts.has(placeKey)
  }

  add(call: T): void {
    const tenant = this.#tenantOf(call.tenant)
    this.#catchUp(tenant)
    const { placeKey, work } = call
    const row = tenant.rows.get(placeKey)
    if (row) row.splice(endOf(row, call.startByMs), 0, call)
    else tenant.rows.set(placeKey, [call])
    this.#counts.set(placeKey, (this.#counts.get(placeKey) ?? 0) + 1)
    tenant.work += work
    this.count++
    this.work += work
  }

  /** False when it did not wait here. */
  remove(call: T): boolean {
    const { placeKey, work } = call
    const tenant = this.#tenants.get(call.tenant)
    const row = tenant?.rows.get(placeKey)
    // Behind all that are as urgent: it is one of those before.
    const at = row?.lastIndexOf(call, endOf(row, call.startByMs) - 1) ?? -1
    if (!tenant || !row || at === -1) return false
    row.splice(at, 1)
    if (row.length === 0) tenant.rows.delete(placeKey)
    const left = (this.#counts.get(placeKey) ?? 0) - 1
    if (left > 0) this.#counts.set(placeKey, left)
    else this.#counts.delete(placeKey)
    tenant.work = tenant.rows.size === 0 ? 0 : tenant.work - work
    this.count--
    this.work = this.count === 0 ? 0 : this.work - work
    return true
  }

  /**
   * Takes out the next call that has a place; null when none has. `full`: keys of places that are known to be full; it
   * is added to.
   */
  take(full: Set<string>): T | null {
    if (!this.#isAnyOpen(full)) return null
    const order = [...this.#tenants.values()].filter(({ rows }) => rows.size > 0)
    order.sort((a, b) => a.given - b.given)
    for (const { rows } of order) {
      const call = mostUrgent(rows, full)
      if (!call) continue
      this.remove(call)
      this.charge(call)
      return call
    }
    return null
  }

  /** The one that has the most time left; null when nobody waits. */
  get last(): T | null {
    let last: T | null = null
    for (const { rows } of this.#tenants.values()) {
      for (const row of rows.values()) {
        const call = row.at(-1)
        if (call && (last === null || call.startByMs > last.startByMs)) last = call
      }
    }
    return last
  }

  /** Something was given to a tenant, with or without waiting. */
  charge({ tenant: name, work }: Pick<Waiting, 'tenant' | 'work'>): void {
    const tenant = this.#tenantOf(name)
    this.#catchUp(tenant)
    this.#level = Math.max(this.#level, tenant.given)
    tenant.given += work
  }

  /** A call has come, and is not sent away. */
  noteArrival({ tenant, work }: Pick<Waiting, 'tenant' | 'work'>, nowMs: number): void {
    const { arrived } = this.#tenantOf(tenant)
    arrived.run(nowMs)
    arrived.add(work, nowMs)
  }

  /**
   * Work that is served before a call of this tenant that waits for `waitMs` from now on: its tenant's own, and of each
   * other one as much, since they take turns, with what will come meanwhile.
   */
  workBefore({ tenant, work }: Pick<Waiting, 'tenant' | 'work'>, waitMs: number, nowMs: number): number {
    const own = this.ownWork({ tenant, work })
    let before = own
    for (const other of this.#tenants.values()) {
      if (other.name === tenant) continue
      before += Math.min(own, other.work + other.arrived.within(waitMs, nowMs))
    }
    return before
  }

  /** Work of the same tenant before a call that comes now, and half of the call's own: it is in the middle of it. */
  ownWork({ tenant, work }: Pick<Waiting, 'tenant' | 'work'>): number {
    return (this.#tenants.get(tenant)?.work ?? 0) + work / 2
  }

  /** All that waits, and what will come within `waitMs`. */
  workWithin(waitMs: number, nowMs: number): number {
    let work = this.work
    for (const { arrived } of this.#tenants.values()) work += arrived.within(waitMs, nowMs)
    return work
  }

  #isAnyOpen(full: Set<string>): boolean {
    const seen = new Set<string>()
    for (const { rows } of this.#tenants.values()) {
      if (seen.size === this.#counts.size) return false
      for (const [placeKey, [call]] of rows) {
        if (!call || seen.has(placeKey)) continue
        seen.add(placeKey)
        if (isOpen(call, full)) return true
      }
    }
    return false
  }

  #tenantOf(name: string): Tenant<T> {
    let tenant = this.#tenants.get(name)
    if (tenant) return tenant
    if (this.#tenants.size >= idleTenantsMax) this.#forgetIdle()
    tenant = { name, given: this.#givenLeast(), work: 0, arrived: new Throughput(), rows: new Map() }
    this.#tenants.set(name, tenant)
    return tenant
  }

  /** One that comes back does not get at once what it did not ask for meanwhile. */
  #catchUp(tenant: Tenant<T>): void {
    if (tenant.rows.size === 0) tenant.given = Math.max(tenant.given, this.#givenLeast())
  }

  /** What the tenant that waits and has had least has had; when nobody waits, how far the turns have come. */
  #givenLeast(): number {
    if (this.count === 0) return this.#level
    let least = Number.POSITIVE_INFINITY
    for (const { given, rows } of this.#tenants.values()) if (rows.size > 0 && given < least) least = given
    return least
  }

  #forgetIdle(): void {
    for (const [name, { rows }] of this.#tenants) if (rows.size === 0) this.#tenants.delete(name)
  }
}

/** Behind all of the row that must be begun by then. */
function endOf(row: readonly Waiting[], startByMs: number): number {
  let [low, high] = [0, row.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((row[middle] as Waiting).startByMs <= startByMs) low = middle + 1
    else high = middle
  }
  return low
}

function mostUrgent<T extends Waiting>(rows: ReadonlyMap<string, readonly T[]>, full: Set<string>): T | null {
  let first: T | null = null
  for (const [call] of rows.values()) {
    if (!call || (first !== null && call.startByMs >= first.startByMs)) continue
    if (isOpen(call, full)) first = call
  }
  return first
}

function isOpen(call: Waiting, full: Set<string>): boolean {
  if (full.has(call.placeKey)) return false
  if (call.hasPlace()) return true
  full.add(call.placeKey)
  return false
}
