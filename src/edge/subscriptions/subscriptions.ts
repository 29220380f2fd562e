/**
 * Subscriptions at work: an append makes a wake, a wake is told (to a webhook, or by an event in a stream), and what is
 * neither worked off nor given back in time is told anew. All nodes do this side by side; who changes a subscription
 * first, acts.
 */
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { Log } from '../../observe/log.ts'
import type { StreamStore } from '../../store/stream-store.ts'
import { storeKey, streamRoot } from '../durable-streams/stream-target.ts'
import type { StreamsOptions } from '../durable-streams/streams-options.ts'
import {
  ackWake,
  beginTelling,
  endTelling,
  endWake,
  failTelling,
  link,
  linkInfos,
  pendingName,
  type Subscription,
  takesIn,
  type Tails,
  wakeIfPending,
} from './subscription.ts'
import { infosOf } from './subscription-answer.ts'
import { type Named, SubscriptionBook } from './subscription-book.ts'
import { WebhookKey } from './webhook-key.ts'

/** Posts a body to a webhook; rejects when there was no answer. */
export type WebhookPost = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
) => Promise<{ readonly status: number; readonly body: string }>

export interface SubscriptionParts {
  readonly store: StreamStore
  readonly options: StreamsOptions
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly post: WebhookPost
}

const tickPeriodMs = 250
/** Subscriptions that one tick looks after. */
const dueMax = 100
/** What a node that died had not told yet is found by a walk through all subscriptions. */
const patrolPeriodMs = 60_000
const patrolMax = 10_000
const streamsPageMax = 1000
/** How long the event of a pull-wake may take to be written. */
const announceMs = 5000
/** Webhooks under way at once. */
const postsMax = 64
const tokenMs = 86_400_000

/** A wake that is to be told. */
interface Telling extends Named {
  readonly subscription: Subscription
  readonly wakeId: string
  /** The stream that it is for. */
  readonly name: string
  readonly tails: Tails
}

export class Subscriptions implements Disposable {
  readonly book: SubscriptionBook
  readonly options: StreamsOptions
  readonly clock: Clock
  #parts: SubscriptionParts
  #key: Promise<WebhookKey> | null = null
  /** Names of streams that were appended to, by caller, and not looked at yet. */
  #appended = new Map<string, Set<string>>()
  #isLooking = false
  #isTicking = false
  #postCount = 0
  #timers: readonly Timer[]

  constructor(parts: SubscriptionParts) {
    const { store, clock, options } = parts
    this.#parts = parts
    this.clock = clock
    this.options = options
    this.book = new SubscriptionBook(store, patrolMax)
    this.#timers = [
      clock.every(tickPeriodMs, () => this.#run(this.#tick())),
      clock.every(patrolPeriodMs, () => this.#run(this.#patrol())),
    ]
    clock.soon(() => this.#run(this.#patrol()))
  }

  /** The same on all nodes. */
  get key(): Promise<WebhookKey> {
    this.#key ??= WebhookKey.load(this.#parts.store.notes)
    this.#key.catch(() => (this.#key = null))
    return this.#key
  }

  async token({ caller, id }: Named, generation: number): Promise<string> {
    return (await this.key).token({ caller, id, generation, untilMs: this.clock.nowMs() + tokenMs })
  }

  /** To be called after every append that was kept. */
  onAppend(caller: string, name: string): void {
    const names = this.#appended.get(caller) ?? new Set()
    this.#appended.set(caller, names.add(name))
    if (this.#isLooking) return
    this.#isLooking = true
    this.clock.soon(() => this.#run(this.#look()))
  }

  /** Names of a caller's streams that a pattern takes in. */
  async matching(subscription: Readonly<Subscription>): Promise<string[]> {
    if (subscription.config.pattern === null) return []
    const prefix = storeKey(subscription.caller, '')
    const names: string[] = []
    for (let after = prefix; ; ) {
      const keys = await this.#parts.store.list(prefix, after, streamsPageMax)
      names.push(...keys.map((key) => key.slice(prefix.length)).filter((name) => takesIn(subscription, name)))
      after = keys.at(-1) ?? after
      if (keys.length < streamsPageMax) return names
    }
  }

  /** Begins the next wake if there is work left; for use within a change. The telling is up to `tell`. */
  nextWake(subscription: Subscription, tails: Tails): Telling | null {
    const { caller, id, config } = subscription
    const { random } = this.#parts
    const wakeId = `w_${[32, 32, 32].map((bits) => random.bits(bits).toString(16).padStart(8, '0')).join('')}`
    const tellMs = config.type === 'webhook' ? this.options.webhookMs : announceMs
    if (!wakeIfPending(subscription, tails, { wakeId, nowMs: this.clock.nowMs(), tellMs })) return null
    return { caller, id, subscription, wakeId, name: pendingName(subscription, tails) ?? '', tails }
  }

  /** Tells a wake, without being waited for; null is none. */
  tell(telling: Telling | null): void {
    if (telling) this.#run(telling.subscription.config.type === 'webhook' ? this.#post(telling) : this.#write(telling))
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer.cancel()
  }

  /** Nobody waits for these; what fails is told to the log and done again by the next tick or patrol. */
  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.log.warn({ detail: String(error) }, 'subscription work failed'))
  }

  async #look(): Promise<void> {
    try {
      while (this.#appended.size > 0) {
        const appended = this.#appended
        this.#appended = new Map()
        for (const [caller, names] of appended) await this.#lookAt(caller, [...names])
      }
    } finally {
      this.#isLooking = false
    }
  }

  async #lookAt(caller: string, names: readonly string[]): Promise<void> {
    for (const subscription of await this.book.all(caller, this.options.subscriptionsMax)) {
      const concerned = names.filter((name) => name in subscription.links || takesIn(subscription, name))
      const isNews = subscription.wake === null || concerned.some((name) => !(name in subscription.links))
      if (concerned.length > 0 && isNews) await this.#wake(subscription, concerned)
    }
  }

  /** Links what is new of `names`, which the pattern takes in, and wakes. */
  async #wake(named: Named, names: readonly string[]): Promise<void> {
    const linksMax = this.options.subscriptionStreamsMax
    const telling = await this.book.change(named, names, (subscription, tails) => {
      for (const name of names) {
        const found = tails.get(name)
        if (name in subscription.links || !found || !takesIn(subscription, name)) continue
        // All of it is work: it was not there when the subscription was made.
        const from = { id: found.id, tail: { no: 0, bytes: 0 } }
        if (!link(subscription, name, 'isGlob', from, linksMax))
          subscription.leftOut = Math.max(1, subscription.leftOut)
      }
      return this.nextWake(subscription, tails)
    })
    this.tell(telling)
  }

  async #tick(): Promise<void> {
    if (this.#isTicking) return
    this.#isTicking = true
    try {
      for (const named of await this.book.due(this.clock.nowMs(), dueMax)) await this.#renew(named)
    } finally {
      this.#isTicking = false
    }
  }

  /** A telling is due again, or a lease has run out. */
  async #renew(named: Named): Promise<void> {
    const nowMs = this.clock.nowMs()
    const telling = await this.book.change(named, [], (subscription, tails): Telling | null => {
      const { wake, retryAtMs, leaseUntilMs, config } = subscription
      if (wake && retryAtMs !== null) {
        if (retryAtMs > nowMs) return null
        beginTelling(subscription, nowMs, config.type === 'webhook' ? this.options.webhookMs : announceMs)
        return { ...named, subscription, wakeId: wake.id, name: pendingName(subscription, tails) ?? '', tails }
      }
      if (leaseUntilMs !== null && leaseUntilMs > nowMs) return null
      endWake(subscription)
      return this.nextWake(subscription, tails)
    })
    this.tell(telling)
  }

  async #patrol(): Promise<void> {
    for (const subscription of await this.book.all(null, patrolMax)) {
      const names = (await this.matching(subscription)).filter((name) => !(name in subscription.links))
      if (names.length > 0 || subscription.wake === null) await this.#wake(subscription, names)
    }
  }

  async #post(telling: Telling): Promise<void> {
    const { caller, id, subscription, wakeId, tails } = telling
    if (this.#postCount >= postsMax) return this.#told(telling, false)
    this.#postCount++
    try {
      const key = await this.key
      const body = JSON.stringify({
        subscription_id: id,
        wake_id: wakeId,
        generation: subscription.generation,
        streams: infosOf(linkInfos(subscription, tails)),
        callback_url: `${subscription.baseUrl}${streamRoot}__ds/subscriptions/${encodeURIComponent(id)}/callback`,
        callback_token: await this.token({ caller, id }, subscription.generation),
      })
      const headers = {
        'content-type': 'application/json',
        'webhook-signature': key.signature(body, this.clock.nowMs()),
      }
      const answer = await this.#parts.post(subscription.config.webhookUrl ?? '', headers, body)
      const isTold = answer.status >= 200 && answer.status < 300
      await this.#told(telling, isTold, isTold && saysDone(answer.body))
    } catch (error) {
      this.#parts.log.info({ subscription: id, detail: String(error) }, 'webhook not delivered')
      await this.#told(telling, false)
    } finally {
      this.#postCount--
    }
  }

  async #write({ name, ...telling }: Telling): Promise<void> {
    const { caller, id, subscription } = telling
    const ts = this.clock.nowMs()
    const event = { type: 'wake', subscription_id: id, stream: name, generation: subscription.generation, ts }
    const wakeStream = subscription.config.wakeStream ?? ''
    const appended = await this.#parts.store.append(storeKey(caller, wakeStream), {
      records: [Buffer.from(JSON.stringify(event))],
      contentType: 'application/json',
      writerSeq: null,
      producer: null,
      closes: false,
    })
    const isTold = appended.kind === 'appended'
    if (!isTold) this.#parts.log.info({ subscription: id, detail: appended.kind }, 'wake event not written')
    await this.#told({ ...telling, name }, isTold)
    if (isTold) this.onAppend(caller, wakeStream)
  }

  /** `isDone`: it was worked off at once. */
  async #told(telling: Telling, isTold: boolean, isDone = false): Promise<void> {
    const chance = this.#parts.random.unit()
    const next = await this.book.change(telling, [], (subscription, tails) => {
      // Somebody may have claimed or ended it in the meantime.
      if (subscription.wake?.id !== telling.wakeId || subscription.holder !== null) return null
      if (!isTold) failTelling(subscription, this.clock.nowMs(), chance)
      else endTelling(subscription, this.clock.nowMs())
      if (!isDone) return null
      ackWake(subscription)
      endWake(subscription)
      return this.nextWake(subscription, tails)
    })
    this.tell(next)
  }
}

function saysDone(body: string): boolean {
  try {
    return (JSON.parse(body) as { done?: unknown } | null)?.done === true
  } catch {
    return false
  }
}
