/**
 * The cache before an application: answers from what is kept, asks whether it is still good, keeps what may be kept,
 * lets one request go where many ask for the same, and uses what is stale where that is allowed and nothing better is
 * to be had. What is decided is in `src/cache`.
 */
import { cacheStatus, type CacheNews } from '../../cache/cache-status.ts'
import { type Decision, decide, type Forward, partOf, type Rules } from '../../cache/decide.ts'
import { freshen, isSame } from '../../cache/freshen.ts'
import { ageMs, lifetimeMs } from '../../cache/freshness.ts'
import { hopByHop, valueOf, without } from '../../cache/header-list.ts'
import { invalidated } from '../../cache/invalidates.ts'
import { whyNotStore } from '../../cache/may-store.ts'
import type { Stored } from '../../cache/stored.ts'
import { policyOf } from '../../cache/targeted.ts'
import { varyNames, varyValues } from '../../cache/vary.ts'
import { Fault, toFault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { AppAnswer } from '../../relay/wire/app-link.ts'
import type { AnswerShelf, KeptEntry } from './answer-shelf.ts'
import type { AppCall } from './app-call.ts'
import { validating } from './app-request.ts'
import type { CodedCopies } from './coded-copies.ts'
import { type FillingPurse, Filling } from './filling.ts'
import type { Flights, LeadFlight } from './flights.ts'
import { sendKept } from './kept-answer.ts'
import { passAndKeep } from './pass-and-keep.ts'

export interface CacheParts {
  readonly clock: Clock
  readonly shelf: AnswerShelf
  readonly flights: Flights
  readonly purse: FillingPurse
  readonly rules: Rules
  readonly entryBytesMax: number
  readonly collapseMs: number
  /** Null where nothing is compressed. */
  readonly copies: CodedCopies | null
}

export interface Outcome {
  readonly status: number
  readonly news: CacheNews
}

/** Answers that mean "not now": what is kept may stand in where that is allowed. */
const failures: ReadonlySet<number> = new Set([500, 502, 503, 504])
/** What others brought may again be none of ours; so often it is looked at. */
const waitsMax = 2
/** Another process is waited for by so much of the time that one of our own is: it may have died. */
const leaseShare = 0.1
/** How often it is looked whether that is done. */
const leaseLookMs = 15

const noLease = { [Symbol.dispose]: () => {} }

type Validation = Extract<Decision<KeptEntry>, { kind: 'validate' }>

export class CachedApp {
  #parts: CacheParts

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  /** @throws {Fault} */
  async serve(call: AppCall): Promise<Outcome> {
    const { shelf, flights, clock, rules, collapseMs } = this.#parts
    const { fields, url } = call
    const method = call.visit.request.method ?? 'GET'
    if ((method === 'GET' || method === 'HEAD') && call.isApart) return await this.#bypass(call)
    const asked = { method, headers: fields }
    const mayWait = method === 'GET' && valueOf(fields, 'range') === null
    for (let waits = 0; ; waits++) {
      const decision = decide(asked, shelf.find(url), clock.nowMs(), rules)
      if (decision.kind === 'unkept') throw new Fault('HF_NOT_KEPT')
      const isCollapsed = waits > 0
      if (decision.kind === 'use') {
        const used = await this.#use(call, decision, isCollapsed)
        if (used) return used
        if (!isCollapsed && shelf.isLeased(url)) {
          await this.#waitForOther(url) // it writes the body just now
          continue
        }
        return await this.#forward(call, 'uri-miss', isCollapsed)
      }
      const waiting = mayWait && waits < waitsMax ? flights.wait(url, collapseMs) : null
      if (waiting) {
        await waiting
        continue
      }
      const isAsked = mayWait && !isCollapsed && collapseMs > 0 && flights.isWorth(url)
      using lease = isAsked ? shelf.lease(url, leaseShare * collapseMs) : noLease
      if (lease === null) {
        await this.#waitForOther(url)
        continue
      }
      if (decision.kind === 'validate') return await this.#validate(call, decision, isCollapsed)
      return await this.#forward(call, decision.why, isCollapsed)
    }
  }

  /** Another process asks; who comes here meanwhile waits for this wait. */
  async #waitForOther(url: string): Promise<void> {
    const { shelf, flights, clock, collapseMs } = this.#parts
    using _lead = flights.lead(url)
    const endMs = clock.monotonicMs() + leaseShare * collapseMs
    while (shelf.isLeased(url) && clock.monotonicMs() < endMs)
      await new Promise<void>((resolve) => void clock.after(leaseLookMs, resolve))
  }

  async #bypass(call: AppCall): Promise<Outcome> {
    const answer = await this.#ask(call, call.asked)
    const news = { forward: 'bypass' } as const
    return { status: call.pass(answer, ['cache-status', cacheStatus(news)]), news }
  }

  /** Null where its body is gone. */
  async #use(call: AppCall, decision: Extract<Decision<KeptEntry>, { kind: 'use' }>, isCollapsed: boolean) {
    const { entry, ttlMs, isStale } = decision
    const news = { isHit: true, ttlMs, isCollapsed }
    const outcome = await this.#send(call, entry, news, false)
    if (outcome && isStale) void this.#refresh(call, entry)
    return outcome
  }

  async #send(call: AppCall, kept: KeptEntry, news: CacheNews, isValidated: boolean): Promise<Outcome | null> {
    const { shelf, copies, clock } = this.#parts
    const { visit, fields, routeHeaders } = call
    const body = await shelf.body(kept)
    if (body === null) return null
    const nowMs = clock.nowMs()
    const how = { ageMs: ageMs(kept.stored, nowMs), nowMs, news, isValidated }
    const answer = { id: kept.entry.id, stored: kept.stored, body }
    const status = await sendKept(visit, fields, answer, { copies, routeHeaders }, how)
    return { status, news }
  }

  /** Nothing that is kept will do. */
  async #forward(call: AppCall, why: Forward, isCollapsed: boolean): Promise<Outcome> {
    const { flights } = this.#parts
    const isRead = call.visit.request.method === 'GET' && why !== 'request'
    using lead = isRead ? flights.lead(call.url) : null
    const requestMs = this.#parts.clock.nowMs()
    const answer = await this.#ask(call, call.asked)
    this.#note(call, answer)
    return await this.#keepOrPass(call, answer, requestMs, { forward: why, isCollapsed }, lead)
  }

  /** What is kept may still be good: the application says whether. */
  async #validate(call: AppCall, { entry, why, spare }: Validation, isCollapsed: boolean): Promise<Outcome> {
    const { flights, clock } = this.#parts
    using lead = call.visit.request.method === 'GET' ? flights.lead(call.url) : null
    const requestMs = clock.nowMs()
    const news: CacheNews = { forward: why, isCollapsed }
    let answer: AppAnswer
    try {
      answer = await this.#ask(call, validating(call.asked, entry.stored.headers))
    } catch (thrown) {
      const fault = toFault(thrown)
      const mayStandIn = spare.unreachableMs > 0 && fault.code.startsWith('HF_APP_')
      const stale = mayStandIn
        ? await this.#send(call, entry, { ...news, isHit: true, detail: fault.code }, false)
        : null
      if (stale) return stale
      throw fault
    }
    const forwardStatus = answer.status
    if (forwardStatus === 304) {
      drop(answer)
      const renewed = await this.#renew(entry, answer, requestMs)
      const { stored } = renewed
      const ttlMs =
        lifetimeMs(stored, policyOf(stored.headers), this.#parts.rules.heuristicShare) - ageMs(stored, clock.nowMs())
      const told = { ...news, forwardStatus, ttlMs, isStored: true }
      const sent = await this.#send(call, renewed, told, true)
      if (sent) return sent
      return await this.#forward(call, 'uri-miss', isCollapsed)
    }
    if (failures.has(forwardStatus) && spare.failedMs > 0) {
      const stale = await this.#send(call, entry, { ...news, forwardStatus, isHit: true }, false)
      drop(answer)
      if (stale) return stale
    }
    await this.#heed(call, entry, answer, requestMs)
    return await this.#keepOrPass(call, answer, requestMs, news, lead)
  }

  /** A HEAD tells of what is kept, too: RFC 9111 section 4.3.5. */
  async #heed(call: AppCall, entry: KeptEntry, answer: AppAnswer, requestMs: number): Promise<void> {
    if (call.visit.request.method !== 'HEAD' || answer.status !== 200) return
    if (isSame(entry.stored, answer.headers)) await this.#renew(entry, answer, requestMs)
    else await this.#parts.shelf.renew(entry, { ...entry.stored, isDoubted: true })
  }

  async #keepOrPass(
    call: AppCall,
    answer: AppAnswer,
    requestMs: number,
    news: CacheNews,
    lead: LeadFlight | null,
  ): Promise<Outcome> {
    const { rules, purse, entryBytesMax, clock } = this.#parts
    const { visit, fields, url } = call
    const policy = policyOf(answer.headers)
    const why = whyNotStore(visit.request.method ?? '', fields, answer, policy, rules.heuristicShare)
    if (why !== null || !isFramed(answer)) {
      // Of an answer that says nothing of the next one nothing is concluded.
      if (why !== 'status' && why !== 'request-no-store') lead?.pass()
      const told = { ...news, ...(why && why !== 'method' && { detail: why }) }
      return { status: call.pass(answer, ['cache-status', cacheStatus(told)]), news: told }
    }
    const stored = this.#storedOf(call, answer, requestMs)
    const ttlMs = lifetimeMs(stored, policy, rules.heuristicShare) - ageMs(stored, clock.nowMs())
    const told = { ...news, ttlMs, isStored: true }
    using filling = new Filling(purse, entryBytesMax)
    const keep = async (body: Buffer): Promise<void> => {
      const isWhole = !stored.part || body.length === stored.part.to - stored.part.from + 1
      if (isWhole) await this.#put(url, stored, body, lead)
    }
    const more = ['cache-status', cacheStatus(told)]
    const status = await passAndKeep(call, answer, { filling, keep, more, nowMs: clock.nowMs() })
    return { status, news: told }
  }

  /** Unless what it is about was changed since it was asked for. */
  async #put(url: string, stored: Stored, body: Buffer, lead: LeadFlight | null): Promise<void> {
    const { shelf } = this.#parts
    const isOld = (): boolean => lead?.isCurrent === false
    if (isOld()) return
    await shelf.put(url, stored, body)
    if (isOld()) shelf.drop([url])
  }

  #storedOf({ fields }: AppCall, { status, headers }: AppAnswer, requestMs: number): Stored {
    const ending = hopByHop(headers)
    const vary = varyValues(varyNames(headers) ?? [], fields)
    const responseMs = this.#parts.clock.nowMs()
    return { status, headers: without(headers, ending), requestMs, responseMs, vary, ...partOf(status, headers) }
  }

  #renew(kept: KeptEntry, { headers }: AppAnswer, requestMs: number): Promise<KeptEntry> {
    const times = { requestMs, responseMs: this.#parts.clock.nowMs() }
    return this.#parts.shelf.renew(kept, freshen(kept.stored, headers, times))
  }

  /** Asks again while the stale answer is used; one at a time. */
  async #refresh(call: AppCall, kept: KeptEntry): Promise<void> {
    const { flights, clock, rules, shelf, purse, entryBytesMax, collapseMs } = this.#parts
    using lead = flights.lead(call.url)
    if (lead === null) return
    using lease = shelf.lease(call.url, leaseShare * collapseMs)
    if (lease === null) return
    using filling = new Filling(purse, entryBytesMax)
    try {
      const requestMs = clock.nowMs()
      const answer = await call.ask(validating(call.asked, kept.stored.headers), true).answer
      if (answer.status === 304) {
        drop(answer)
        await this.#renew(kept, answer, requestMs)
        return
      }
      const policy = policyOf(answer.headers)
      const isFailure = failures.has(answer.status)
      const mayKeep = !isFailure && whyNotStore('GET', call.fields, answer, policy, rules.heuristicShare) === null
      if (!mayKeep || !isFramed(answer)) {
        // It has something new to say that cannot be kept: what is kept is no longer it.
        if (!isFailure) shelf.drop([call.url])
        return drop(answer)
      }
      for await (const piece of answer.body) filling.add(piece as Buffer)
      const body = filling.whole()
      if (body) await this.#put(call.url, this.#storedOf(call, answer, requestMs), body, lead)
    } catch {
      // The next reader asks again.
    }
  }

  async #ask(call: AppCall, headers: readonly string[]): Promise<AppAnswer> {
    const { response } = call.visit
    const flight = call.ask(headers)
    const onGone = (): void => flight.cancel()
    response.once('close', onGone)
    try {
      return await flight.answer
    } finally {
      response.off('close', onGone)
    }
  }

  /** What the request has changed is no longer what is kept. */
  #note({ visit, url }: AppCall, { status, headers }: AppAnswer): void {
    const changed = invalidated(visit.request.method ?? '', url, status, headers)
    for (const each of changed) this.#parts.flights.spoil(each)
    this.#parts.shelf.drop(changed)
  }
}

/** One that ends with its connection may have been cut: nobody can tell. */
function isFramed({ status, headers }: AppAnswer): boolean {
  if (status === 204) return true
  return valueOf(headers, 'content-length') !== null || valueOf(headers, 'transfer-encoding') !== null
}

/** Nobody reads the rest. */
function drop({ body }: AppAnswer): void {
  body.on('error', () => {})
  body.resume()
}
