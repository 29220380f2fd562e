/** Gathers what is known of a call on its way, for the one account of it at the end. */
import type { Usage } from '../dialect/call.ts'
import type { Fault } from '../fault/fault.ts'
import type { Clock } from '../ground/clock.ts'
import type { AttemptFact, ExchangeFact } from '../observe/exchange-fact.ts'
import type { JournalEntry } from '../store/journal.ts'
import { learnSize, sizeOf } from './order-size.ts'
import type { Leg } from './leg.ts'
import type { Order } from './order.ts'
import type { Race } from './race.ts'
import type { Relay } from './relay-parts.ts'
import { serverTiming, upstreamMs } from './timing.ts'
import type { Turn } from './turn.ts'

const poorFinishes: ReadonlySet<string> = new Set(['content_filter', 'refusal', 'pause_turn', 'failed', 'incomplete'])

const unresolved: ReadonlySet<string> = new Set(['HF_MAINTENANCE', 'HF_NO_UPSTREAM', 'HF_STARTING'])
/** Faults of the gateway's own limits, which a call may meet before anything else. */
const unplaced: ReadonlySet<string> = new Set(['HF_QUEUE_FULL', 'HF_PRESSURE'])

export class Account {
  readonly attempts: AttemptFact[] = []
  /** Why the answer broke, at each seam. */
  readonly seams: string[] = []
  /** From the beginning of the call to the first content of its answer; null while nothing has come. */
  firstTokenMs: number | null = null
  isModelKnown = false
  answerBytes = 0
  /** Its wait in the line, and the attempts under way. */
  turn: Pick<Turn, 'waitedMs'> | null = null
  leg: Pick<Leg, 'race'> | null = null
  #overheadMs: number | null = null
  #usage: Usage | null = null
  #finishReason: string | null = null
  #contentCount = 0

  addLeg({ usage, finishReason, contentCount }: Race): void {
    this.leg = null
    this.#usage = usage ?? this.#usage
    this.#finishReason = finishReason ?? this.#finishReason
    this.#contentCount += contentCount
  }

  /** The head of the answer goes out: tells who had the call until now. */
  begin({ beganMs }: Order, nowMs: number): string {
    const tookMs = nowMs - beganMs
    const queueMs = this.turn?.waitedMs ?? 0
    const sinceMs = this.leg?.race.sinceMs ?? null
    const askedMs = sinceMs === null ? null : sinceMs - beganMs
    const atUpstreamMs = upstreamMs(this.attempts, askedMs, this.firstTokenMs ?? tookMs)
    this.#overheadMs = Math.max(0, tookMs - queueMs - atUpstreamMs)
    return serverTiming(queueMs, atUpstreamMs, this.#overheadMs)
  }

  /** The answer broke off behind so many events, and is gone on with. */
  seam(
    { observer }: Pick<Relay, 'observer'>,
    { ray }: Order,
    { code, detail }: Fault,
    { upstream = null, eventCount }: { upstream: string | null | undefined; eventCount: number },
  ): void {
    this.seams.push(code)
    observer.recorder.note({ kind: 'seam', ray, upstream, code, detail, eventCount })
  }

  /** The answer is whole: from now on others may have it, if it is one for others. */
  nameForOthers(relay: Pick<Relay, 'keptForOthers'>, order: Order, entry: Pick<JournalEntry, 'alias'> | null): void {
    const { cache } = order
    if (!cache?.mayKeep || this.answerBytes > cache.answerBytesMax) return
    // What is mended, or was held back by a filter, is the best for who waits, and no model for others.
    const isFirstRate = this.seams.length === 0 && !poorFinishes.has(this.#finishReason ?? '')
    if (!isFirstRate || !entry) return
    entry.alias(cache.keptName)
    relay.keptForOthers(order)
  }

  /** Tells whoever counts, and learns from it how large such calls are. */
  settle(
    relay: Pick<Relay, 'clock' | 'observer' | 'sizes' | 'fleet' | 'places' | 'sampler'>,
    order: Order,
    fault: Fault | null,
    end: Pick<ExchangeFact, 'outcome' | 'sentBytes' | 'eventCount'>,
  ): void {
    const { clock, observer } = relay
    if (end.outcome === 'complete' && this.#usage) learnSize(relay, order, this.#usage)
    const last = this.attempts.at(-1)
    if (end.outcome === 'complete' && last?.setting) relay.sampler?.offer(order, last.upstream)
    // What ends so, or is held before, is found before the model is.
    if (fault === null || unresolved.has(fault.code)) this.isModelKnown ||= relay.fleet.knows(order.call.model)
    // It was refused before its pool was known, and asked of it all the same.
    const pool = this.turn === null && fault && unplaced.has(fault.code) ? relay.fleet.poolOf(order.call.model) : null
    if (pool !== null) relay.places.demand?.arrived(pool, sizeOf(relay, order))
    observer.settled(this.#fact(order, fault, end, clock))
  }

  #fact(
    { call, ray, requestId, trace, caller, tier, beganMs, cache }: Order,
    fault: Fault | null,
    { outcome, sentBytes, eventCount }: Pick<ExchangeFact, 'outcome' | 'sentBytes' | 'eventCount'>,
    clock: Clock,
  ): ExchangeFact {
    const hasBegun = this.firstTokenMs !== null
    return {
      atMs: clock.nowMs(),
      outcome,
      durationMs: clock.monotonicMs() - beganMs,
      sentBytes,
      eventCount,
      ray,
      requestId,
      trace,
      route: call.route,
      model: call.model,
      isModelKnown: this.isModelKnown,
      caller,
      tier,
      isStream: call.isStream,
      status: fault && (!hasBegun || fault.code === 'HF_CLIENT_GONE') ? fault.status : 200,
      code: fault?.code ?? null,
      detail: fault?.detail ?? '',
      attempts: this.attempts,
      seams: this.seams,
      firstTokenMs: this.firstTokenMs,
      queueMs: this.turn?.waitedMs ?? 0,
      overheadMs: this.#overheadMs,
      inputTokens: this.#usage?.inputTokens ?? null,
      outputTokens: this.#usage?.outputTokens ?? (this.#contentCount || null),
      finishReason: this.#finishReason,
      requestBytes: call.body.bytes.length,
      ...(cache && { cache: cache.mayRead ? ('miss' as const) : ('refreshed' as const) }),
    }
  }
}
