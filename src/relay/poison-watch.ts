/**
 * The watch over requests that kill model servers. A connection that breaks makes the server be knocked at; where
 * nobody is at home, all that was there within 30 s of its sending is suspected. A suspect is sent on at once, but
 * alone: no other one to the same server, until it has got further there than it had, which acquits it. When the next
 * server dies as well, the one suspect that was at both is known, and is put into quarantine before a third is asked.
 */
import { Fault } from '../fault/fault.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import type { Condemned, Quarantine, ServerDeath, SuspectTrace } from '../store/quarantine.ts'
import type { Order } from './order.ts'
import { hasReachedUpstream } from './failover.ts'
import { areDyingAround, gotFurther, joinDeaths, judge } from './overload/poison-judge.ts'
import type { QuarantineOptions } from './overload/quarantine-options.ts'
import { poisonKeyOf } from './poison-key.ts'

/** What other workers have found is looked for no more often than this, and, while anybody is suspected, so often. */
const lookMs = 2
const relookMs = 60_000
/** A death that nobody died after is of no interest any more. */
const suspectMs = 10 * 60_000
/** Only what was sent so short before a death can be its cause. */
const deathAgeMs = 30_000
/** More that was in hand at one death says nothing of any of it. */
const suspectsMax = 256
/** Knocks after a connection that broke; a server that said it failed may take a while to die. */
const brokenKnocksMs: readonly number[] = [0, 50, 150, 400]
const failedKnocksMs: readonly number[] = [100, 400, 1000]
/** Other workers tell of the same death within this, on a busy machine too: who is not told of yet is no rival. */
const settleMs = 200
/** Suspects wait so long for a server where there is no other one; those of two deaths longer. */
const patienceMs = 500
const patienceMsMax = 5000
/** A suspect that is alone somewhere is looked at so often, and is alone no longer than this. */
const watchMs = 50
const aloneMsMax = 10_000

/** A call as it is put to servers. `spokenCount`: pieces of its answer that there were before. */
export interface Put {
  readonly order: Order
  readonly spokenCount: number
}

/** One try of it. */
export interface Try {
  readonly beganMs: number
  readonly contentCount: number
  readonly isStream: boolean
}

export interface PoisonParts {
  readonly clock: Clock
  readonly quarantine: Quarantine
  /** Whether nobody is at home there. */
  readonly isNobodyAt: (url: URL) => Promise<boolean>
  readonly recorder: Recorder
  readonly log: Log
  /** Of this process; no other one has the same. */
  readonly node: string
  readonly options: QuarantineOptions
}

interface Case extends Omit<ServerDeath, 'isExplained'> {
  readonly suspects: Map<string, SuspectTrace>
  readonly models: Map<string, Pick<Order['call'], 'model' | 'route'>>
  /** It counts as a death until it is known for none. */
  isLikely: boolean
  verdict: Promise<void>
}

export class PoisonWatch implements Disposable {
  #parts: PoisonParts
  #version = Number.NaN
  #lookedMs = Number.NEGATIVE_INFINITY
  #readMs = 0
  #condemned = new Map<string, Condemned>()
  #models = new Set<string>()
  #deaths: ServerDeath[] = []
  /** Servers that died while it was there, by suspect. */
  #suspects = new Map<string, SuspectTrace[]>()
  /** Deaths that are looked into, by upstream. */
  #cases = new Map<string, Case>()
  #caseCount = 0
  /** Tries of suspects that are under way. */
  #watched = new Map<Try, { readonly put: Put; readonly key: string }>()
  #watch: Timer | null = null
  /** Since when a suspect waits for a server of its own. */
  #waitsSinceMs = new WeakMap<Put, number>()
  #isOver = false

  constructor(parts: PoisonParts) {
    this.#parts = parts
  }

  /** Nobody is suspected, nothing in quarantine: as a rule. Asked at each call. */
  get isCalm(): boolean {
    this.#look()
    return this.#condemned.size === 0 && this.#suspects.size === 0 && this.#cases.size === 0
  }

  get condemnedCount(): number {
    this.#look()
    return this.#condemned.size
  }

  /** @throws {Fault} HF_POISON for what is in quarantine. */
  need(order: Order): void {
    if (this.isCalm) return
    const fault = this.#faultOf(order)
    if (!fault) return
    this.#safely(() => this.#parts.quarantine.countRefusal(poisonKeyOf(order.call)))
    throw fault
  }

  /** Why it is not sent any more; or until when it waits for what is being found out; null where it may go. */
  hold(put: Put): Fault | Promise<void> | null {
    if (this.isCalm) return null
    const fault = this.#faultOf(put.order)
    if (fault) return fault
    const key = this.#suspectKey(put.order)
    if (key === null) return null
    const cases = [...this.#cases.values()].filter(({ suspects }) => suspects.has(key))
    const [last] = cases
    const count = cases.length + (this.#suspects.get(key)?.length ?? 0)
    return last && count > 1 && !areDyingAround(key, this.#deaths, this.#parts.clock.nowMs()) ? last.verdict : null
  }

  /** A server has died while it was there. */
  isSuspect({ call }: Order): boolean {
    return !this.isCalm && this.#suspects.size > 0 && this.#suspects.has(poisonKeyOf(call))
  }

  /** Whether it may go to this server: a suspect only where no other one is, as long as it can wait. */
  mayEnter(put: Put, { name }: Upstream): boolean {
    const key = this.isCalm ? null : this.#suspectKey(put.order)
    if (key === null) return true
    const { clock, quarantine } = this.#parts
    const nowMs = clock.monotonicMs()
    const sinceMs = this.#waitsSinceMs.get(put) ?? nowMs
    this.#waitsSinceMs.set(put, sinceMs)
    const isTwice = (this.#suspects.get(key)?.length ?? 0) > 1
    const wallMs = clock.nowMs()
    if (nowMs - sinceMs >= (isTwice ? patienceMsMax : patienceMs)) return true
    if (areDyingAround(key, this.#deaths, wallMs)) return true
    return this.#safely(() => quarantine.enter(name, key, wallMs, wallMs + aloneMsMax)) ?? true
  }

  sent(put: Put, attempt: Try): void {
    const key = this.isCalm ? null : this.#suspectKey(put.order)
    if (key === null) return
    this.#watched.set(attempt, { put, key })
    this.#watch ??= this.#parts.clock.every(watchMs, () => this.#lookAtWatched())
  }

  /** Its try ended, well or with this fault. */
  ended(put: Put, attempt: Try, upstream: Upstream, fault: Fault | null): void {
    const watched = this.#watched.get(attempt)
    if (watched) {
      this.#watched.delete(attempt)
      this.#waitsSinceMs.delete(put)
      if (fault === null || this.#isFurther(watched.key, put, attempt)) this.#acquit(watched.key)
      else this.#safely(() => this.#parts.quarantine.leave(watched.key))
    }
    if (fault !== null) this.#suspect(put, attempt, upstream, fault)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#watch?.cancel()
    for (const { key } of this.#watched.values()) this.#safely(() => this.#parts.quarantine.leave(key))
  }

  // Deaths.

  #suspect({ order, spokenCount }: Put, attempt: Try, upstream: Upstream, fault: Fault): void {
    const ageMs = this.#parts.clock.monotonicMs() - attempt.beganMs
    // Sent on a connection that then broke, and once more where nobody was any more.
    const isBroken = fault.code === 'HF_UPSTREAM_RESET' || fault.code === 'HF_UPSTREAM_CUT' || fault.wasSent
    const hasFailed = fault.code === 'HF_UPSTREAM_ERROR' && fault.receivedStatus === 500
    if (this.#isOver || ageMs > deathAgeMs || !(isBroken || hasFailed) || !hasReachedUpstream(fault)) return
    const { name, url } = upstream
    let found = this.#cases.get(name)
    if (!found) {
      const id = `${this.#parts.node}-${this.#caseCount++}`
      const atMs = this.#parts.clock.nowMs()
      const verdict = Promise.resolve()
      found = { id, upstream: name, atMs, suspects: new Map(), models: new Map(), isLikely: isBroken, verdict }
      this.#cases.set(name, found)
      found.verdict = this.#examine(found, url, isBroken ? brokenKnocksMs : failedKnocksMs)
    }
    found.isLikely ||= isBroken
    if (found.suspects.size >= suspectsMax) return
    const { ray, call } = order
    const key = poisonKeyOf(call)
    const { contentCount, isStream } = attempt
    found.suspects.set(key, { place: spokenCount + contentCount, ageMs, isStream, ray })
    found.models.set(key, call)
  }

  async #examine(found: Case, url: URL, knocksMs: readonly number[]): Promise<void> {
    const { isNobodyAt, quarantine, log } = this.#parts
    try {
      if (!(await this.#isDead(isNobodyAt, url, knocksMs))) return
      found.isLikely = true
      // What else breaks with it, and what other workers tell of it.
      this.#safely(() => quarantine.note(found))
      await this.#wait(settleMs)
      this.#safely(() => quarantine.note(found))
      this.#read()
      this.#judge(found)
    } catch (error) {
      log.error({ detail: String(error) }, 'a death could not be looked into')
    } finally {
      if (this.#cases.get(found.upstream) === found) this.#cases.delete(found.upstream)
    }
  }

  async #isDead(isNobodyAt: PoisonParts['isNobodyAt'], url: URL, knocksMs: readonly number[]): Promise<boolean> {
    for (const waitMs of knocksMs) {
      if (waitMs > 0) await this.#wait(waitMs)
      if (this.#isOver) return false
      if (await isNobodyAt(url)) return true
    }
    return false
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(ms, resolve))
  }

  #judge(found: Case): void {
    const { clock, quarantine, log, recorder, options } = this.#parts
    const nowMs = clock.nowMs()
    for (const [key, trace] of found.suspects) {
      if (judge(key, this.#deaths, nowMs) !== 'poison') continue
      const mine = this.#deaths.filter(({ suspects }) => suspects.has(key))
      const upstreams = [...new Set(mine.map(({ upstream }) => upstream))]
      const { model = '', route = 'chat' } = found.models.get(key) ?? {}
      const { ray } = trace
      const condemned = { key, model, route, ray, atMs: nowMs, untilMs: nowMs + options.keepMs, upstreams }
      if (this.#safely(() => quarantine.condemn(condemned)) === false) continue
      log.warn({ ray, model, upstreams, key: key.slice(0, 12) }, 'a request that kills model servers is in quarantine')
      const [upstream = null] = upstreams.slice(-1)
      const links = { ray: ray as Order['ray'], upstream, code: 'HF_POISON' as const }
      recorder.note({
        kind: 'quarantine',
        state: 'condemned',
        ...links,
        key,
        model,
        upstreams,
        untilMs: condemned.untilMs,
      })
      this.#condemned.set(key, { ...condemned, refusedCount: 0 })
      this.#models.add(model)
    }
    this.#read()
  }

  // Suspects.

  #lookAtWatched(): void {
    for (const [attempt, { put, key }] of this.#watched) if (this.#isFurther(key, put, attempt)) this.#acquit(key)
    if (this.#watched.size > 0) return
    this.#watch?.cancel()
    this.#watch = null
  }

  #isFurther(key: string, { spokenCount }: Put, { contentCount, isStream, beganMs }: Try): boolean {
    const ageMs = this.#parts.clock.monotonicMs() - beganMs
    const now = { place: spokenCount + contentCount, ageMs, isStream }
    return this.#tracesOf(key).every((trace) => gotFurther(trace, now))
  }

  /** Of the deaths that are known, and of those that are looked into. */
  #tracesOf(key: string): SuspectTrace[] {
    const pending = [...this.#cases.values()].flatMap(({ suspects }) => suspects.get(key) ?? [])
    return [...(this.#suspects.get(key) ?? []), ...pending]
  }

  #acquit(key: string): void {
    for (const [attempt, watched] of this.#watched) if (watched.key === key) this.#watched.delete(attempt)
    for (const { suspects } of this.#cases.values()) suspects.delete(key)
    this.#suspects.delete(key)
    this.#safely(() => this.#parts.quarantine.acquit(key))
  }

  /** Null where it is none. */
  #suspectKey({ call }: Order): string | null {
    if (this.#suspects.size === 0 && this.#cases.size === 0) return null
    const key = poisonKeyOf(call)
    if (this.#suspects.has(key)) return key
    for (const { isLikely, suspects } of this.#cases.values()) if (isLikely && suspects.has(key)) return key
    return null
  }

  #faultOf({ call }: Order): Fault | null {
    if (!this.#models.has(call.model)) return null
    const key = poisonKeyOf(call)
    const condemned = this.#condemned.get(key)
    if (!condemned || condemned.untilMs <= this.#parts.clock.nowMs()) return null
    const { ray, untilMs, upstreams } = condemned
    const detail = `${upstreams.length} model servers died of it (${ray}); it is let in again at ${new Date(untilMs).toISOString()}`
    return new Fault('HF_POISON', { detail })
  }

  // What other workers know.

  #look(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    if (nowMs - this.#lookedMs < lookMs) return
    this.#lookedMs = nowMs
    const isOld = this.#suspects.size + this.#condemned.size > 0 && nowMs - this.#readMs > relookMs
    const version = this.#safely(() => this.#parts.quarantine.version()) ?? this.#version
    if (version !== this.#version || isOld) this.#read()
  }

  #read(): void {
    const { quarantine, clock } = this.#parts
    const nowMs = clock.nowMs()
    this.#readMs = clock.monotonicMs()
    this.#safely(() => {
      this.#version = quarantine.version()
      this.#condemned = new Map(quarantine.condemned(nowMs).map((each) => [each.key, each]))
      this.#models = new Set([...this.#condemned.values()].map(({ model }) => model))
      this.#deaths = joinDeaths(quarantine.deaths(nowMs - suspectMs))
      this.#suspects.clear()
      for (const { suspects } of this.#deaths)
        for (const [key, trace] of suspects)
          if (!this.#condemned.has(key)) this.#suspects.set(key, [...(this.#suspects.get(key) ?? []), trace])
    })
  }

  /** Calls go on where the disk does not: undefined then. */
  #safely<T>(run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      this.#parts.log.warn({ detail: String(error) }, 'the quarantine cannot be read or written')
      return undefined
    }
  }
}
