/**
 * The waiting calls of one tier: tenants in turn by what they have been given (virtual token counters, Sheng et al.,
 * OSDI 2024), and for each tenant the call whose time runs out first. Whoever comes, new or after a rest, begins where
 * the turns are by then (the virtual time of start-time fair queueing, Goyal et al., 1996).
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
  /** The earliest `startByMs` first. */
  readonly waiting: T[]
}

/** Tenants remembered while they have nobody waiting. */
const idleTenantsMax = 1000

export class TierQueue<T extends Waiting> {
  count = 0
  /** Of all that wait. */
  work = 0
  #tenants = new Map<string, Tenant<T>>()
  /** What the tenant that was given something last had had until then: so far all tenants are level. */
  #level = 0

  /** Tenants that are known, whether they wait or not. */
  get tenantCount(): number {
    return this.#tenants.size
  }

  add(call: T): void {
    const tenant = this.#tenantOf(call.tenant)
    this.#catchUp(tenant)
    const { waiting } = tenant
    let at = waiting.length
    while (at > 0 && (waiting[at - 1] as T).startByMs > call.startByMs) at--
    waiting.splice(at, 0, call)
    tenant.work += call.work
    this.count++
    this.work += call.work
  }

  /** False when it did not wait here. */
  remove(call: T): boolean {
    const tenant = this.#tenants.get(call.tenant)
    const at = tenant?.waiting.indexOf(call) ?? -1
    if (!tenant || at === -1) return false
    tenant.waiting.splice(at, 1)
    tenant.work -= call.work
    this.count--
    this.work = this.count === 0 ? 0 : this.work - call.work
    return true
  }

  /**
   * Takes out the next call that has a place; null when none has. `full`: keys of places that are known to be full; it
   * is added to.
   */
  take(full: Set<string>): T | null {
    const order = [...this.#tenants.values()].filter(({ waiting }) => waiting.length > 0)
    order.sort((a, b) => a.given - b.given)
    for (const { waiting } of order) {
      const call = waiting.find((each) => isOpen(each, full))
      if (!call) continue
      this.remove(call)
      this.charge(call)
      return call
    }
    return null
  }

  /** Something was given to a tenant, with or without waiting. */
  charge({ tenant: name, work }: Pick<Waiting, 'tenant' | 'work'>): void {
    const tenant = this.#tenantOf(name)
    this.#catchUp(tenant)
    this.#level = Math.max(this.#level, tenant.given)
    tenant.given += work
  }

  /** Takes out those that can no longer be served in time. */
  takeLate(nowMs: number): T[] {
    const late: T[] = []
    for (const { waiting } of this.#tenants.values())
      for (const call of waiting) {
        if (call.startByMs > nowMs) break
        late.push(call)
      }
    for (const call of late) this.remove(call)
    return late
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

  *[Symbol.iterator](): IterableIterator<T> {
    for (const { waiting } of this.#tenants.values()) yield* waiting
  }

  #tenantOf(name: string): Tenant<T> {
    let tenant = this.#tenants.get(name)
    if (tenant) return tenant
    if (this.#tenants.size >= idleTenantsMax) this.#forgetIdle()
    tenant = { name, given: this.#givenLeast(), work: 0, arrived: new Throughput(), waiting: [] }
    this.#tenants.set(name, tenant)
    return tenant
  }

  /** One that comes back does not get at once what it did not ask for meanwhile. */
  #catchUp(tenant: Tenant<T>): void {
    if (tenant.waiting.length === 0) tenant.given = Math.max(tenant.given, this.#givenLeast())
  }

  /** What the tenant that waits and has had least has had; when nobody waits, how far the turns have come. */
  #givenLeast(): number {
    if (this.count === 0) return this.#level
    let least = Number.POSITIVE_INFINITY
    for (const { given, waiting } of this.#tenants.values()) if (waiting.length > 0 && given < least) least = given
    return least
  }

  #forgetIdle(): void {
    for (const [name, { waiting }] of this.#tenants) if (waiting.length === 0) this.#tenants.delete(name)
  }
}

function isOpen(call: Waiting, full: Set<string>): boolean {
  if (full.has(call.placeKey)) return false
  if (call.hasPlace()) return true
  full.add(call.placeKey)
  return false
}
