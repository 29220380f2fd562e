/**
 * Subscriptions at work: who asks is asked back, who has confirmed is told each update once, who has had enough is
 * forgotten. Lives where there is one of it, in the supervisor.
 */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import { type Channel, channels, type SubscriptionStore } from '../../store/subscription-store.ts'
import type { StatusView } from '../status-view.ts'
import { Carrier, type CarrierParts } from './carrier.ts'
import { Lane } from './lane.ts'
import { newsMs, newsOf } from './news.ts'
import { offered, type SubscriptionOptions } from './subscription-options.ts'
import type { SubscriptionRequest } from './subscription-request.ts'
import { readToken, webhookSecret } from './subscription-token.ts'

const tendMs = 1000
const sweepMs = 600_000
/** Who does not confirm within this has not asked. */
const confirmMs = 172_800_000
const knownMax = 10_000
/** What is queued of one subscriber. */
const perSubscriberMax = 50

export interface DeskParts extends Pick<CarrierParts, 'mail' | 'post'> {
  readonly store: SubscriptionStore
  readonly options: SubscriptionOptions
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** As it is now. */
  readonly view: () => Pick<StatusView, 'page' | 'components'>
}

/** Messages since the start of the gateway. */
export interface WayReport {
  readonly way: Channel
  readonly isOffered: boolean
  readonly confirmed: number
  readonly unconfirmed: number
  readonly waiting: number
  readonly delivered: number
  /** Tries; most of them are made again. */
  readonly failed: number
  readonly givenUp: number
  /** Subscribers whom nothing reached for too long. */
  readonly removed: number
}

export interface SubscriptionReport {
  readonly ways: readonly WayReport[]
  /** Messages that too many others followed. */
  readonly crowdedOut: number
}

export interface Asked {
  readonly kind: 'asked' | 'full'
  /** Of a webhook: by which its messages are signed. */
  readonly secret: string
}

export class SubscriptionDesk implements AsyncDisposable {
  #parts: DeskParts
  #lanes: readonly Lane[]
  /** Of other settings: they take nothing new. */
  #retired: readonly Lane[] = []
  readonly #timers: readonly Timer[]
  #telling: Promise<void> = Promise.resolve()
  /** Of the last news that were kept. */
  #known = new Set<string>()

  constructor(parts: DeskParts) {
    const { clock } = parts
    this.#parts = parts
    this.#lanes = this.#open()
    this.#timers = [
      clock.every(tendMs, () => this.#run(this.tend())),
      clock.every(sweepMs, () => this.#run(this.#sweep())),
    ]
  }

  /** Other settings from now on. What is under way is brought to its end by the old ones. */
  use(options: SubscriptionOptions): void {
    this.#parts = { ...this.#parts, options }
    for (const lane of this.#lanes) lane.retire()
    this.#retired = [...this.#retired, ...this.#lanes].filter(({ isBusy }) => isBusy)
    this.#lanes = this.#open(new Map(this.#lanes.map(({ channel, counts }) => [channel, counts])))
  }

  /** `counts`: of lanes before. */
  #open(counts: ReadonlyMap<Channel, Lane['counts']> = new Map()): Lane[] {
    const { store, options, clock, view } = this.#parts
    const carrier = new Carrier({ ...this.#parts, key: store.key })
    return offered(options).map(
      (channel) =>
        new Lane(channel, {
          ...this.#parts,
          limits: options,
          counts: counts.get(channel),
          carry: (delivery, signal) => carrier.carry(delivery, view(), clock.nowMs(), signal),
          onConfirmed: async ({ subscriber }) => void (await this.#confirm(subscriber.id)),
        }),
    )
  }

  get options(): SubscriptionOptions {
    return this.#parts.options
  }

  /** The answer is the same whether the address is known or not. */
  async ask(request: SubscriptionRequest): Promise<Asked> {
    const { store, clock, random, options } = this.#parts
    const id = Array.from({ length: 4 }, () => random.bits(32).toString(16).padStart(8, '0')).join('')
    const kind = await store.ask({ ...request, id, askedMs: clock.nowMs() }, options)
    return { kind, secret: webhookSecret(store.key, id) }
  }

  /** Whether the link was good. */
  async confirm(token: string): Promise<boolean> {
    const id = readToken(this.#parts.store.key, 'confirm', token)
    return id !== null && this.#confirm(id)
  }

  /** Whether the link was good; that it was used before is good, too. */
  async unsubscribe(token: string): Promise<boolean> {
    const { store } = this.#parts
    const id = readToken(store.key, 'unsubscribe', token)
    if (id === null) return false
    await store.remove(id)
    return true
  }

  /** To be called with each view that differs from the one before. Resolves when its news are kept. */
  tell(view: StatusView): Promise<void> {
    const { store, clock, options } = this.#parts
    const publish = async (): Promise<void> => {
      // Nobody is told on any way: what was missed meanwhile is no news later.
      if (this.#lanes.length === 0) return
      const nowMs = clock.nowMs()
      const news = newsOf(view, nowMs, (key) => this.#known.has(key))
      if (news.length === 0) return
      const made = await store.publish(news, { queueMax: options.queueMax, perSubscriberMax }, nowMs)
      this.#known = new Set([...this.#known, ...news.map(({ key }) => key)].slice(-knownMax))
      if (made > 0) clock.soon(() => this.#run(this.tend()))
    }
    // One after the other, in the order of the views.
    this.#telling = this.#telling.catch(() => {}).then(publish)
    return this.#telling
  }

  /** Begins what is due. */
  async tend(): Promise<void> {
    for (const lane of this.#lanes) await lane.tend()
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    for (const lane of [...this.#retired, ...this.#lanes]) await lane.settle()
  }

  /** For operators: no addresses. Ways that are offered, and others on which somebody once subscribed. */
  async report(): Promise<SubscriptionReport> {
    const { ways, crowdedOut } = await this.#parts.store.counts()
    const lanes = new Map(this.#lanes.map(({ channel, counts }) => [channel, counts]))
    const all = channels.filter((channel) => lanes.has(channel) || ways.has(channel))
    return {
      ways: all.map((way) => ({
        ...{ way, isOffered: lanes.has(way) },
        ...(ways.get(way) ?? { confirmed: 0, unconfirmed: 0, waiting: 0 }),
        ...(lanes.get(way) ?? { delivered: 0, failed: 0, givenUp: 0, removed: 0 }),
      })),
      crowdedOut,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    await Promise.all([...this.#retired, ...this.#lanes].map((lane) => lane.close()))
  }

  async #confirm(id: string): Promise<boolean> {
    const { store, clock } = this.#parts
    return (await store.confirm(id, clock.nowMs() - confirmMs)) !== null
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs()
    const kept = Math.max(newsMs, this.#parts.options.giveUpMs)
    await this.#parts.store.sweep({ askedMs: nowMs - confirmMs, newsMs: nowMs - 2 * kept })
  }

  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.log.warn({ detail: String(error) }, 'subscriptions cannot be kept'))
  }
}
