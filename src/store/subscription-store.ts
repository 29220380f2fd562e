/**
 * Who wants to be told of incidents, and what each has yet to be told. What was made public is queued for all who want
 * it in one step and never again; a message leaves the queue when it was taken. Times in milliseconds since 1970.
 */

export const channels = ['email', 'webhook', 'slack'] as const
export type Channel = (typeof channels)[number]

/** Somebody who asks to be told. */
export interface Asked {
  /** 32 hex digits, of chance. */
  readonly id: string
  readonly channel: Channel
  /** An address of mail, or a URL. */
  readonly address: string
  /** Ids of components; null for all. */
  readonly components: readonly string[] | null
  /** The same for addresses that reach the same person: confirmations are counted by it. */
  readonly person: string
  readonly askedMs: number
}

export interface AskLimits {
  /** Confirmations that one person is sent in 24 hours. */
  readonly perPersonMax: number
  /** Confirmations to all in an hour. */
  readonly perHourMax: number
  /** Subscribers, confirmed or not. Beyond, those that wait for confirmation longest make room. */
  readonly subscribersMax: number
}

export interface Subscriber {
  readonly id: string
  readonly channel: Channel
  readonly address: string
  readonly components: readonly string[] | null
  /** What the secret is made of by which its messages are signed. */
  readonly secretId: string
  readonly isConfirmed: boolean
  readonly askedMs: number
  /** Since when nothing has arrived; null while all does. */
  readonly failingSinceMs: number | null
  /** Failures one after the other. */
  readonly failures: number
}

/** Something that was made public. */
export interface News {
  /** The same for the same, such as `incident/inc-1/2`. */
  readonly key: string
  readonly atMs: number
  /** Ids of the components it is about; of none: it concerns all. */
  readonly components: readonly string[]
  readonly body: string
}

export interface PublishLimits {
  /** Messages in the queue, and of one subscriber; beyond, the oldest are given up. */
  readonly queueMax: number
  readonly perSubscriberMax: number
}

/** One message to one subscriber. */
export interface Delivery {
  readonly id: number
  readonly subscriber: Subscriber
  /** Of the news; null for the question whether it was the subscriber who asked. */
  readonly key: string | null
  readonly body: string
  readonly madeMs: number
  readonly tries: number
}

export interface Failure {
  readonly atMs: number
  /** When it is tried again; null for never. */
  readonly againMs: number | null
}

export interface SubscriptionCounts {
  /** Of channels that anybody has asked for. */
  readonly ways: ReadonlyMap<
    Channel,
    { readonly confirmed: number; readonly unconfirmed: number; readonly waiting: number }
  >
  /** Messages that too many others followed, since the store was opened. */
  readonly crowdedOut: number
}

export interface SubscriptionStore extends AsyncDisposable {
  /** Of chance, made with the store: what tokens and secrets are made with. */
  readonly key: Buffer
  /** `full`: too many ask in this hour. Whether this person had too many confirmations is not told. */
  ask(asked: Asked, limits: AskLimits): Promise<'asked' | 'full'>
  /** `sinceMs`: who asked before has waited too long. Null where there is nobody to confirm. */
  confirm(id: string, sinceMs: number): Promise<Subscriber | null>
  get(id: string): Promise<Subscriber | null>
  /** With all that it was yet to be told. Ids of earlier requests for the same address are as good. */
  remove(id: string): Promise<boolean>
  /** Queues what was never queued. Gives how many messages that makes. */
  publish(news: readonly News[], limits: PublishLimits, nowMs: number): Promise<number>
  /**
   * Messages that are due on this channel, the longest first, one a subscriber. Nobody else gets them before
   * `untilMs`.
   */
  take(channel: Channel, nowMs: number, untilMs: number, countMax: number): Promise<readonly Delivery[]>
  /** It was taken. */
  done(delivery: Delivery): Promise<void>
  /** It was not taken, by the fault of its receiver. */
  fail(delivery: Delivery, failure: Failure): Promise<void>
  /**
   * It was not taken, by no fault of its receiver. `dueMs`: when it is tried again; null for never. `tries`: as how
   * many it counts all the same; default 0.
   */
  putBack(delivery: Delivery, dueMs: number | null, tries?: number): Promise<void>
  /** Forgets who asked before `askedMs` and did not confirm, and what was made public or asked before `newsMs`. */
  sweep(before: { readonly askedMs: number; readonly newsMs: number }): Promise<void>
  counts(): Promise<SubscriptionCounts>
}
