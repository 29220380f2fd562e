/**
 * What a session takes of its key's allowance as it goes on: a call when it is joined, then for each response what that
 * may come to, settled by what it came to.
 */
import type { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Ask, Return, Taken } from '../../store/allowance-store.ts'
import type { KeyLimits } from './key-limits.ts'
import { rateHeaders } from './rate-headers.ts'
import { type Amounts, amountOf, refusalOf, wishesOf } from './wishes.ts'

export interface SessionAllowanceParts {
  readonly key: string
  readonly limits: KeyLimits
  readonly clock: Clock
  /** Null where it cannot be counted: then all is granted. */
  readonly take: (ask: Ask) => Taken | null
  readonly give: (given: Return) => void
  readonly cost: (inputTokens: number, outputTokens: number) => number
}

/** Whoever has not so much left has nothing left. */
const leastTokens = 1

export class SessionAllowance {
  /** For the answer that joins it, names and values in turn. */
  headers: readonly string[] = []
  #parts: SessionAllowanceParts
  /** It holds a place among the calls of its key. */
  #isJoined = false

  constructor(parts: SessionAllowanceParts) {
    this.#parts = parts
  }

  /** A call, a place among those at once, and a look at what is left. */
  join(): Fault | null {
    const { clock, limits } = this.#parts
    const { taken, fault } = this.#take({ requests: 1, tokens: leastTokens, money: 0 }, limits.callsLiveMax ?? null)
    if (taken) this.headers = rateHeaders(taken.left, 'openai', clock.nowMs())
    if (fault) return fault
    this.#isJoined = taken !== null && limits.callsLiveMax !== undefined
    if (taken) this.#give({ requests: 0, tokens: -leastTokens, money: 0 }, false)
    return null
  }

  /** What a response may come to. */
  reserve(inputTokens: number, outputTokens: number): Fault | null {
    return this.#take(this.#amounts(inputTokens, outputTokens), null).fault
  }

  /** What was used beyond what was reserved; less than nothing where it was less. */
  settle(inputTokens: number, outputTokens: number): void {
    this.#give(this.#amounts(inputTokens, outputTokens), false)
  }

  /** Whether anything is left; null while there is. */
  look(): Fault | null {
    const least = { requests: 0, tokens: leastTokens, money: 0 }
    const { taken, fault } = this.#take(least, null)
    if (taken && !fault) this.#give({ ...least, tokens: -leastTokens }, false)
    return fault
  }

  /** The session is over. */
  leave(): void {
    if (!this.#isJoined) return
    this.#isJoined = false
    this.#give({ requests: 0, tokens: 0, money: 0 }, true)
  }

  #amounts(inputTokens: number, outputTokens: number): Amounts {
    return { requests: 0, tokens: inputTokens + outputTokens, money: this.#parts.cost(inputTokens, outputTokens) }
  }

  #take(amounts: Amounts, callsMax: number | null): { taken: Taken | null; fault: Fault | null } {
    const { key, limits, clock, take } = this.#parts
    // Once it is joined it is no call any more.
    const wishes = wishesOf(limits, amounts).filter(({ amount, kind }) => amount > 0 || kind.startsWith('money'))
    const taken = take({ key, wishes, callsMax })
    const fault = taken && !taken.isGranted ? refusalOf(taken.kind, taken.waitMs, limits, clock.nowMs()) : null
    return { taken, fault }
  }

  #give(amounts: Amounts, isOver: boolean): void {
    const { key, limits, give } = this.#parts
    const given = wishesOf(limits, amounts).map(({ kind, limit }) => ({ kind, limit, amount: amountOf(kind, amounts) }))
    give({ key, amounts: given.filter(({ amount }) => amount !== 0), isOver })
  }
}
