/**
 * The book of breakers: one for each model at each upstream, opened at the first call that ended. An upstream as a
 * whole is out when several of its models are, and none of the others has answered since: then also for models that
 * nobody has asked it for yet.
 */
import type { Fault } from '../../fault/fault.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Upstream } from '../../fleet/upstream.ts'
import type { Clock } from '../../ground/clock.ts'
import { Breaker, type Change, type Ending, type Phase, rampMs, type Why } from './breaker.ts'
import type { BreakerOptions } from './breaker-options.ts'
import { verdictOf } from './verdict.ts'

/** Models of one upstream of which there is a breaker; the oldest that is in full use makes room. */
const modelsMax = 256
/** So many models must be out before the whole upstream is. */
const modelsOutMin = 2
/** One that waits for its token ranks behind all that are in use, and before all whose time is not over. */
const ripeRestMs = 1000
/** Shorter answers say little about the gap between tokens. */
const gapTokensMin = 8

/** How an upstream stands, for whoever chooses. */
export interface Standing {
  /** 0: it may be used; otherwise it comes after those that may, the shortest rest first. */
  readonly restMs: number
  /** Above 0, to 1: its weight is multiplied with it. */
  readonly share: number
}

/** What an attempt tells of its times. */
export interface AttemptTimes {
  readonly beganMs: number
  /** When the first content came; null while none has. */
  readonly firstContentMs: number | null
  /** When the last piece of content came. */
  readonly progressedMs: number
  readonly contentCount: number
  readonly isStream: boolean
}

/** One model at one upstream. */
export interface Entry {
  readonly upstream: Upstream
  /** Its name at the upstream. */
  readonly model: string
  readonly breaker: Breaker
  /** It cannot be asked for a token behind the scenes: the next real call is its trial. */
  isTriedByCalls: boolean
}

/** Of one that is out or not yet back in full. */
export interface Trouble {
  readonly upstream: string
  readonly model: string
  readonly phase: Phase
  readonly reason: string
  /** Until its time out is over, or it has its full share again; milliseconds. */
  readonly leftMs: number
}

export interface BreakerListener {
  onOpened(entry: Entry, why: Why): void
  onReturned(entry: Entry): void
}

interface Page {
  readonly entries: Map<string, Entry>
  outCount: number
  /** From when on all of it is in full use again; 0 where it is. */
  calmFromMs: number
  /** When a model of it was well, and when one was taken out, last. */
  goodMs: number
  openedMs: number
}

const well: Standing = { restMs: 0, share: 1 }
/** Kinds that ask for money: no prompt is made up for them. */
const paidKinds: ReadonlySet<string> = new Set(['openai', 'anthropic', 'mistral', 'deepseek'])

export class Breakers {
  readonly #clock: Clock
  readonly #options: BreakerOptions
  /** Set by who watches them. */
  listener: BreakerListener = { onOpened: () => {}, onReturned: () => {} }
  #pages = new Map<Upstream, Page>()

  constructor(clock: Clock, options: BreakerOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** @param upstreamModel the model that is asked for, by its name at the upstreams. */
  standing({ upstream, model }: Pick<Member, 'upstream' | 'model'>, upstreamModel: string): Standing {
    const restMs = upstream.restLeftMs
    const page = this.#pages.get(upstream)
    if (page === undefined || page.calmFromMs === 0) return restMs === 0 ? well : { restMs, share: 1 }
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= page.calmFromMs) page.calmFromMs = 0
    const entry = page.entries.get(model ?? upstreamModel)
    const outMs = this.#restMs(page, entry, nowMs)
    const share = entry?.breaker.share(nowMs) ?? 1
    return outMs === 0 && restMs === 0 && share === 1 ? well : { restMs: Math.max(restMs, outMs), share }
  }

  /** A call is sent to it. */
  begin(upstream: Upstream, model: string): void {
    const breaker = this.#find(upstream, model)?.breaker
    if (breaker?.isOut) breaker.begin(this.#clock.monotonicMs())
  }

  /** The first content of an answer came. */
  speak(upstream: Upstream, model: string): void {
    this.#find(upstream, model)?.breaker.speak()
  }

  /**
   * A call has ended, its stream with it. `fault`: why; null for a whole answer. `promptTokens`: that were to be read;
   * 0 for unknown.
   */
  settle(upstream: Upstream, model: string, fault: Fault | null, times: AttemptTimes, promptTokens = 0): void {
    if (!this.#options.enabled || upstream.hasLeft) return
    const nowMs = this.#clock.monotonicMs()
    const page = this.#page(upstream)
    const entry = page.entries.get(model) ?? this.#add(page, upstream, model)
    const verdict = verdictOf(fault)
    if (verdict === 'good') page.goodMs = nowMs
    const { beganMs } = times
    const waits = fault ? unknown : waitsOf(times)
    const ending = { verdict, beganMs, promptTokens, code: fault?.code ?? '', ...waits }
    this.#note(page, entry, entry.breaker.settle(ending, nowMs), nowMs)
  }

  /** What it was asked for behind the scenes: null when a whole answer came, else why none did. */
  prove(entry: Entry, reason: string | null): void {
    if (entry.upstream.hasLeft) return
    const nowMs = this.#clock.monotonicMs()
    const page = this.#page(entry.upstream)
    if (reason === null) page.goodMs = nowMs
    this.#note(page, entry, entry.breaker.prove(reason, nowMs), nowMs)
  }

  /** It is worse than its peers. */
  eject(entry: Entry, reason: string): void {
    const nowMs = this.#clock.monotonicMs()
    this.#note(this.#page(entry.upstream), entry, entry.breaker.eject(reason, nowMs), nowMs)
  }

  /** All that there are of an upstream. */
  *of(upstream: Upstream): Iterable<Entry> {
    yield* this.#pages.get(upstream)?.entries.values() ?? []
  }

  find(upstream: Upstream, model: string): Entry | null {
    return this.#find(upstream, model) ?? null
  }

  /** It is no more. */
  forget(upstream: Upstream): void {
    this.#pages.delete(upstream)
  }

  /** All that are out. */
  *out(): Iterable<Entry> {
    for (const { outCount, entries } of this.#pages.values()) {
      if (outCount === 0) continue
      for (const entry of entries.values()) if (entry.breaker.isOut) yield entry
    }
  }

  /** The whole upstream is out: several of its models are, and none has answered since. */
  isOut(upstream: Upstream): boolean {
    const page = this.#pages.get(upstream)
    return page !== undefined && isPageOut(page)
  }

  /** The worst that any of its models is in. */
  phase(upstream: Upstream): Phase {
    const page = this.#pages.get(upstream)
    if (!page) return 'closed'
    const nowMs = this.#clock.monotonicMs()
    let worst: Phase = 'closed'
    for (const { breaker } of page.entries.values()) {
      const phase = breaker.phase(nowMs)
      if (phase === 'open') return phase
      if (phase === 'ripe' || (phase === 'ramp' && worst === 'closed')) worst = phase
    }
    return worst
  }

  /** What is out or not yet back in full, for people; at most `countMax`. */
  troubles(countMax: number): Trouble[] {
    const nowMs = this.#clock.monotonicMs()
    const found: Trouble[] = []
    for (const { entries } of this.#pages.values()) {
      for (const { upstream, model, breaker } of entries.values()) {
        const phase = breaker.phase(nowMs)
        if (phase === 'closed') continue
        if (found.length >= countMax) return found
        const leftMs = Math.round(breaker.leftMs(nowMs))
        found.push({ upstream: upstream.name, model, phase, reason: breaker.reason, leftMs })
      }
    }
    return found
  }

  #restMs(page: Page, entry: Entry | undefined, nowMs: number): number {
    if (entry?.breaker.isOut) return restOf(entry, nowMs)
    if (entry?.breaker.phase(nowMs) === 'ramp' || !isPageOut(page)) return 0
    let least = Number.POSITIVE_INFINITY
    for (const other of page.entries.values()) if (other.breaker.isOut) least = Math.min(least, restOf(other, nowMs))
    return least
  }

  #note(page: Page, entry: Entry, change: Change, nowMs: number): void {
    if (change === 'opened') {
      page.openedMs = nowMs
      page.outCount = countOut(page)
      page.calmFromMs = Number.POSITIVE_INFINITY
      this.listener.onOpened(entry, entry.breaker.why)
    } else if (change === 'returned') {
      page.outCount = countOut(page)
      if (page.outCount === 0) page.calmFromMs = nowMs + rampMs
      this.listener.onReturned(entry)
    }
  }

  #find(upstream: Upstream, model: string): Entry | undefined {
    return this.#pages.get(upstream)?.entries.get(model)
  }

  #page(upstream: Upstream): Page {
    let page = this.#pages.get(upstream)
    if (!page) {
      const never = Number.NEGATIVE_INFINITY
      page = { entries: new Map(), outCount: 0, calmFromMs: 0, goodMs: never, openedMs: never }
      this.#pages.set(upstream, page)
    }
    return page
  }

  #add(page: Page, upstream: Upstream, model: string): Entry {
    if (page.entries.size >= modelsMax) {
      const inUse = page.entries.values().find(({ breaker }) => !breaker.isOut)
      const oldest = inUse ?? page.entries.values().next().value
      if (oldest) page.entries.delete(oldest.model)
      page.outCount = countOut(page)
    }
    const isTriedByCalls = !mayBeAsked(upstream)
    const entry: Entry = { upstream, model, breaker: new Breaker(this.#options), isTriedByCalls }
    page.entries.set(model, entry)
    return entry
  }
}

/** A made-up prompt costs nothing there: it is not a provider, and no key is asked for. */
export function mayBeAsked({ kind, options }: Upstream): boolean {
  if (options.probe) return options.probe === 'token'
  return options.key === undefined && options.keys === undefined && !paidKinds.has(kind)
}

type Waits = Pick<Ending, 'firstTokenMs' | 'gapMs'>
const unknown: Waits = { firstTokenMs: null, gapMs: null }

function waitsOf({ beganMs, firstContentMs, progressedMs, contentCount, isStream }: AttemptTimes): Waits {
  if (!isStream || firstContentMs === null) return unknown
  const gapMs = contentCount < gapTokensMin ? null : (progressedMs - firstContentMs) / (contentCount - 1)
  return { firstTokenMs: firstContentMs - beganMs, gapMs }
}

/** One call at a time may try an upstream that nobody asks behind the scenes; it ranks as any other then. */
function restOf({ breaker, isTriedByCalls }: Entry, nowMs: number): number {
  if (breaker.phase(nowMs) === 'open') return breaker.leftMs(nowMs)
  return isTriedByCalls && !breaker.isOnTrial(nowMs) ? 0 : ripeRestMs
}

function isPageOut({ outCount, goodMs, openedMs }: Page): boolean {
  return outCount >= modelsOutMin && goodMs < openedMs
}

function countOut({ entries }: Page): number {
  let count = 0
  for (const { breaker } of entries.values()) if (breaker.isOut) count++
  return count
}
