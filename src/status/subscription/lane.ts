/**
 * All deliveries on one way: so many at once, each claimed before it begins, so that one that is cut off by a crash is
 * found again after a while, under the same id. When the way itself is blocked (our own mail server is away), all wait.
 */
import { DeliveryError } from '../../alert/delivery-error.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import type { Channel, Delivery, SubscriptionStore } from '../../store/subscription-store.ts'
import type { Carried } from './carrier.ts'
import { judgeFailure, type RetryLimits } from './retry.ts'

const blockedMs = 5000
const blockedMsMax = 300_000
/** A letter of which nobody knows whether it was taken is sent so often. */
const unsureMax = 3
/** Messages that were taken and could not be struck out yet. */
const takenMax = 10_000
/** Beyond the time of a delivery, before somebody else may try it. */
const claimSpareMs = 30_000

export interface LaneParts {
  readonly store: SubscriptionStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Of a lane before, to go on with. */
  readonly counts?: Lane['counts'] | undefined
  readonly limits: RetryLimits & { readonly parallelMax: number; readonly timeoutMs: number }
  /** @throws {DeliveryError} */
  readonly carry: (delivery: Delivery, signal: AbortSignal) => Promise<Carried>
  readonly onConfirmed: (delivery: Delivery) => Promise<void>
}

export class Lane {
  readonly channel: Channel
  readonly counts: { delivered: number; failed: number; givenUp: number; removed: number }
  readonly #parts: LaneParts
  readonly #end = new AbortController()
  /** By the number of the message. */
  readonly #underWay = new Map<number, Promise<void>>()
  /** Taken, by the number of the message, but still in the queue: it could not be written. */
  readonly #taken = new Set<number>()
  #isTaking = false
  #isRetired = false
  /** Monotonic: a wall clock that is set back must not stop everything. */
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #blocks = 0

  constructor(channel: Channel, parts: LaneParts) {
    this.channel = channel
    this.#parts = parts
    this.counts = parts.counts ?? { delivered: 0, failed: 0, givenUp: 0, removed: 0 }
  }

  /** Begins what is due and has room. */
  async tend(): Promise<void> {
    const { store, clock, limits } = this.#parts
    if (this.#isTaking) return
    this.#isTaking = true
    try {
      for (;;) {
        const nowMs = clock.nowMs()
        const room = limits.parallelMax - this.#underWay.size
        if (room <= 0 || this.#isRetired || this.#end.signal.aborted || clock.monotonicMs() < this.#notBeforeMs) return
        const taken = await store.take(this.channel, nowMs, nowMs + limits.timeoutMs + claimSpareMs, room)
        // After a pause of the whole machine a claim may have run out while its delivery goes on here.
        for (const delivery of taken) if (!this.#underWay.has(delivery.id)) this.#begin(delivery)
        if (taken.length < room) return
      }
    } finally {
      this.#isTaking = false
    }
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0 || this.#isTaking
  }

  /** Takes nothing more, and brings what is under way to its end. */
  retire(): void {
    this.#isRetired = true
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values())
  }

  /** Calls off what is under way. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.settle()
  }

  #begin(delivery: Delivery): void {
    const work = this.#deliver(delivery)
      .catch((error: unknown) => this.#parts.log.warn({ detail: String(error) }, 'a subscription cannot be kept'))
      .finally(() => {
        this.#underWay.delete(delivery.id)
        this.#parts.clock.soon(() => void this.tend().catch(() => {}))
      })
    this.#underWay.set(delivery.id, work)
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { store, clock, limits, carry, onConfirmed } = this.#parts
    // It waited too long for a way that was blocked: by now it is no news.
    if (clock.nowMs() - delivery.madeMs > limits.giveUpMs) {
      this.counts.givenUp++
      return store.putBack(delivery, null)
    }
    if (this.#taken.has(delivery.id)) return this.#strike(delivery)
    let carried: Carried
    try {
      carried = await carry(delivery, this.#end.signal)
    } catch (error) {
      // What was under way at the end may have arrived: it keeps its claim, and is tried again under the same id.
      return this.#end.signal.aborted ? undefined : this.#fail(delivery, error)
    }
    this.#blocks = 0
    this.counts.delivered++
    if (carried === 'confirmed') await onConfirmed(delivery)
    if (this.#taken.size < takenMax) this.#taken.add(delivery.id)
    await this.#strike(delivery)
  }

  async #strike(delivery: Delivery): Promise<void> {
    await this.#parts.store.done(delivery)
    this.#taken.delete(delivery.id)
  }

  async #fail(delivery: Delivery, error: unknown): Promise<void> {
    const { store, clock, random, log, limits } = this.#parts
    const nowMs = clock.nowMs()
    const detail = error instanceof Error ? error.message : String(error)
    this.counts.failed++
    if (error instanceof DeliveryError && error.isOurs) {
      const waitMs = Math.min(blockedMsMax, blockedMs * 2 ** Math.min(this.#blocks, 20)) * (0.5 + random.unit() / 2)
      const monotonicMs = clock.monotonicMs()
      // Those that were under way together count once.
      if (monotonicMs >= this.#notBeforeMs) {
        this.#notBeforeMs = monotonicMs + waitMs
        if (this.#blocks++ === 0) log.error({ way: this.channel, detail }, 'subscribers cannot be told')
      }
      const { isUnsure } = error
      const isSpent = isUnsure && delivery.tries + 1 >= unsureMax
      const dueMs = isSpent ? null : nowMs + this.#notBeforeMs - monotonicMs
      return store.putBack(delivery, dueMs, isUnsure ? 1 : 0)
    }
    const facts = error instanceof DeliveryError ? error : {}
    const { againMs, isDropped } = judgeFailure(delivery, facts, limits, nowMs, random.unit())
    if (!isDropped) {
      if (againMs === null) this.counts.givenUp++
      return store.fail(delivery, { atMs: nowMs, againMs })
    }
    this.counts.removed++
    await store.remove(delivery.subscriber.id)
    // Without the address: it is of a person.
    log.info({ way: this.channel }, 'a subscriber whom nothing reaches was removed')
  }
}
