/**
 * What keys may use, on the way of a call: it takes what it may come to before it is begun (its prompt by its bytes,
 * its answer by the caller's limit), and gives back what it did not use when it is settled.
 */
import type { Family } from '../../dialect/call.ts'
import type { Fault } from '../../fault/fault.ts'
import type { Ray } from '../../fault/ray.ts'
import type { Clock } from '../../ground/clock.ts'
import type { ExchangeFact } from '../../observe/exchange-fact.ts'
import type { Log } from '../../observe/log.ts'
import type { CallReader } from '../../observe/observer.ts'
import type { Order } from '../../relay/order.ts'
import type { AllowanceStore, Ask, Taken, Wish } from '../../store/allowance-store.ts'
import type { Caller } from '../caller.ts'
import { rateHeaders } from './rate-headers.ts'
import { SessionAllowance } from './session-allowance.ts'
import { amountOf, refusalOf, wishesOf } from './wishes.ts'

/** Money for a million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
}

/** A prompt in JSON has some four bytes a token. */
const bytesPerToken = 4
/** Of a call whose caller sets no limit. */
const outputTokensDefault = 1024
/** More than any call comes to: a number that is none, or too large to be added up with others, counts as this. */
const tokensMax = 1e9

interface Permit {
  readonly key: string
  readonly model: string
  readonly wishes: readonly Wish[]
  readonly inputTokens: number
  readonly outputTokens: number
  /** It has a place among those under way. */
  readonly hasPlace: boolean
}

/** A call may go on, and says these headers; or it may not. */
export interface Granted {
  readonly headers: readonly string[]
  readonly fault: Fault | null
}

const free: Granted = { headers: [], fault: null }

export interface AllowanceParts {
  readonly clock: Clock
  readonly log: Log
  readonly store: AllowanceStore
  /** Of a model as callers name it; null where it has none. */
  readonly priceOf: (model: string) => Price | null
}

export class Allowances implements CallReader {
  #parts: AllowanceParts
  /** One a call under way. */
  #permits = new Map<Ray, Permit>()
  #hasFailed = false

  constructor(parts: AllowanceParts) {
    this.#parts = parts
  }

  take({ name, limits }: Caller, { ray, call }: Pick<Order, 'ray' | 'call'>, family: Family): Granted {
    if (!limits) return free
    // Tokens that are only counted are read by no model.
    const inputTokens = call.route === 'count_tokens' ? 0 : Math.ceil(call.body.bytes.length / bytesPerToken)
    const outputTokens = isComputed(call.route)
      ? 0
      : countOf((call.outputTokensMax ?? outputTokensDefault) * answersOf(call))
    const money = this.#cost(call.model, inputTokens, outputTokens)
    const wishes = wishesOf(limits, { requests: 1, tokens: inputTokens + outputTokens, money })
    const { clock } = this.#parts
    const taken = this.#take({ key: name, wishes, callsMax: limits.callsLiveMax ?? null })
    if (!taken) return free
    const headers = rateHeaders(taken.left, family, clock.nowMs())
    if (!taken.isGranted) return { headers, fault: refusalOf(taken.kind, taken.waitMs, limits, clock.nowMs()) }
    const hasPlace = limits.callsLiveMax !== undefined
    this.#permits.set(ray, { key: name, model: call.model, wishes, inputTokens, outputTokens, hasPlace })
    return { headers, fault: null }
  }

  /** What a session takes as it goes on; null for a caller without limits. */
  session({ name, limits }: Caller, model: string): SessionAllowance | null {
    if (!limits) return null
    const { clock, store } = this.#parts
    return new SessionAllowance({
      ...{ key: name, limits, clock },
      take: (ask) => this.#take(ask),
      give: (given) => store.give(given),
      cost: (inputTokens, outputTokens) => this.#cost(model, inputTokens, outputTokens),
    })
  }

  /** Null where it cannot be counted; it is not refused then: a full disk must not end the service. */
  #take(ask: Ask): Taken | null {
    const { store, log } = this.#parts
    try {
      const taken = store.take(ask)
      this.#hasFailed = false
      return taken
    } catch (error) {
      if (!this.#hasFailed)
        log.error({ detail: String(error) }, 'what keys use cannot be counted: their limits do not hold')
      this.#hasFailed = true
      return null
    }
  }

  /** A process that shares the store is dead: its calls are over. */
  bury(node: string): void {
    this.#parts.store.bury(node)
  }

  /** A call is settled: what it did not use is given back, what it used beyond is taken. */
  settled(fact: ExchangeFact): void {
    if (this.#permits.size === 0) return
    const permit = this.#permits.get(fact.ray)
    if (!permit) return
    this.#permits.delete(fact.ray)
    // What was made for another call has been paid for.
    if (isServed(fact)) return this.#give(permit, { requests: 0, inputTokens: 0, outputTokens: 0 })
    // Nothing was answered: the prompt may have been read, but is nobody's to pay for.
    const isNothing = fact.outcome !== 'complete' && fact.firstTokenMs === null
    const inputTokens = isNothing ? 0 : (fact.inputTokens ?? permit.inputTokens)
    // A server that does not count sends about a token an event.
    const guess = fact.isStream ? Math.min(permit.outputTokens, fact.eventCount) : permit.outputTokens
    const outputTokens = isNothing ? 0 : (fact.outputTokens ?? guess)
    this.#give(permit, { requests: 1, inputTokens, outputTokens })
  }

  /** The connection of a call is gone. If it never came to be one of its own, it costs nothing. */
  left(ray: Ray, isUnderWay: () => boolean): void {
    if (this.#permits.size === 0) return
    const permit = this.#permits.get(ray)
    if (!permit || isUnderWay()) return
    this.#permits.delete(ray)
    this.#give(permit, { requests: 0, inputTokens: 0, outputTokens: 0 })
  }

  #give(permit: Permit, used: { requests: number; inputTokens: number; outputTokens: number }): void {
    const { requests } = used
    const [inputTokens, outputTokens] = [countOf(used.inputTokens), countOf(used.outputTokens)]
    const money = this.#cost(permit.model, inputTokens, outputTokens)
    const amounts = permit.wishes.map(({ kind, amount, limit }) => {
      const real = amountOf(kind, { requests, tokens: inputTokens + outputTokens, money })
      return { kind, amount: real - amount, limit }
    })
    const changed = amounts.filter(({ amount }) => amount !== 0)
    this.#parts.store.give({ key: permit.key, amounts: changed, isOver: permit.hasPlace })
  }

  #cost(model: string, inputTokens: number, outputTokens: number): number {
    const price = this.#parts.priceOf(model)
    return price ? (inputTokens * price.input + outputTokens * price.output) / 1e6 : 0
  }
}

/** Their answers have no tokens. */
const isComputed = (route: Order['call']['route']): boolean => route === 'embeddings' || route === 'count_tokens'

/** Tokens, whatever a caller or a model server says. */
const countOf = (tokens: number): number => (tokens >= 0 ? Math.min(tokens, tokensMax) : 0)

/** How many answers are made for it at once. */
function answersOf({ body }: Order['call']): number {
  const told = (name: string): number => (body.kind(name) === 'number' ? (body.number(name) ?? 1) : 1)
  return Math.max(1, told('n'), told('best_of'))
}

const served: ReadonlySet<ExchangeFact['cache']> = new Set(['hit', 'semantic', 'stale', 'collapsed'])
const isServed = ({ cache }: ExchangeFact): boolean => served.has(cache)
