/**
 * Which upstreams a leg may ask: in a round each at most once; from one round to the next those that were not reached,
 * and those whose failure says so, when it says so.
 */
import type { Fault } from '../fault/fault.ts'
import type { Member } from '../fleet/pool.ts'
import type { Target } from '../fleet/target.ts'
import { askAgainMs } from './failover.ts'

/** Attempts of the first round, and of a later one: who is back is known soon, without every call trying everybody. */
const firstRoundMax = 24
const laterRoundMax = 4

export class Rounds {
  /** Those that are not to be asked in this round. */
  readonly out = new Set<Member>()
  /** Rounds that are over. */
  count = 0
  #target: Pick<Target, 'members'>
  /** Null while none has failed. */
  #notBeforeMs: Map<Member, number> | null = null
  #askedCount = 0
  /** Who was given up last time for being late, and for nothing else. */
  #late = new Set<Member>()

  /** @param avoid is left for the second round, unless it is the only one. */
  constructor(target: Pick<Target, 'members'>, avoid: Member | null) {
    this.#target = target
    if (avoid && target.members.length > 1) this.out.add(avoid)
  }

  /** The round has room for one attempt more. */
  get hasRoom(): boolean {
    return this.#askedCount < (this.count === 0 ? firstRoundMax : laterRoundMax)
  }

  get isAnyLeft(): boolean {
    for (const member of this.#target.members) if (!this.out.has(member)) return true
    return false
  }

  get isAnyLate(): boolean {
    return this.#late.size > 0
  }

  ask(member: Member): void {
    this.out.add(member)
    this.#askedCount++
  }

  /** @param isSwitched it was only late, and may have been better than the others. */
  fail(member: Member, fault: Fault, nowMs: number, isSwitched = false): void {
    this.#notBeforeMs ??= new Map()
    if (isSwitched) this.#late.add(member)
    else this.#late.delete(member)
    this.#notBeforeMs.set(member, isSwitched ? nowMs : askAgainMs(fault, nowMs))
  }

  /** Passes over all of this rank. */
  skipRank({ priority }: Member): void {
    for (const other of this.#target.members) if (other.priority === priority) this.out.add(other)
  }

  /** Until another round can find somebody; infinite when none ever will. */
  nextInMs(nowMs: number): number {
    const { members } = this.#target
    if (members.length === 0) return 0 // somebody may join
    return Math.max(0, Math.min(...members.map((member) => this.#notBeforeMs?.get(member) ?? 0)) - nowMs)
  }

  /** Whether another round would ask this one. */
  mayReturn(member: Member, nowMs: number): boolean {
    return (this.#notBeforeMs?.get(member) ?? 0) <= nowMs
  }

  /** Another round at once, without the one that was late. */
  goBack(late: Member, nowMs: number): void {
    this.begin(nowMs)
    this.out.add(late)
  }

  begin(nowMs: number): void {
    this.count++
    this.#askedCount = 0
    this.out.clear()
    for (const [member, notBeforeMs] of this.#notBeforeMs ?? []) if (notBeforeMs > nowMs) this.out.add(member)
  }
}
