/**
 * One subscription: which streams it follows, how far each was worked off, and who is at it. Everything here is decided
 * from what is handed in; nothing is looked up and no time passes.
 *
 * It is idle, or there is a wake: somebody is told that there is work. A wake has a generation; whoever acts for it
 * must name the latest. It ends when it is worked off, given back, or its lease runs out.
 */
import { type Position, startPosition } from '../../store/stream-store.ts'
import { matchesGlob } from './glob.ts'

/** What a caller asks for; the same again is the same subscription. */
export interface SubscriptionConfig {
  readonly type: 'webhook' | 'pull-wake'
  readonly pattern: string | null
  /** Sorted, each once. */
  readonly streams: readonly string[]
  readonly webhookUrl: string | null
  readonly wakeStream: string | null
  readonly leaseMs: number
  readonly description: string | null
}

export interface Subscription {
  readonly caller: string
  readonly id: string
  readonly config: SubscriptionConfig
  readonly createdMs: number
  /** How its maker reaches this gateway. */
  readonly baseUrl: string
  /** By the name of the stream. */
  readonly links: Record<string, Link>
  /** Streams that fit the pattern but found no place among the links. */
  leftOut: number
  generation: number
  wake: Wake | null
  /** Of a pull-wake subscription: who works on it. */
  holder: string | null
  leaseUntilMs: number | null
  /** Failed deliveries of the present wake. */
  failureCount: number
  /** When the present wake is to be told again. */
  retryAtMs: number | null
}

export interface Link {
  /** Of the stream that `acked` belongs to; null when there was none. */
  streamId: number | null
  acked: Position
  isExplicit: boolean
  isGlob: boolean
}

export interface Wake {
  readonly id: string
  /** Where the streams ended when it was made, by name. */
  readonly tails: Record<string, Position>
}

/** What there is now, by name; what is not there is missing. */
export type Tails = ReadonlyMap<string, { readonly id: number; readonly tail: Position }>

export interface LinkInfo {
  readonly name: string
  readonly link: Link
  readonly tail: Position
  readonly isPending: boolean
}

/** A webhook is told again after 1 s, 2 s, 4 s … and at most this; a fifth more or less. */
const retryMsMax = 60_000
/** A wake stream that is not there, or a disk that refused: the event is written again after this. */
const announceAgainMs = 5000

export function newSubscription(
  base: Pick<Subscription, 'caller' | 'id' | 'config' | 'createdMs' | 'baseUrl'>,
): Subscription {
  return {
    ...base,
    links: {},
    leftOut: 0,
    generation: 0,
    wake: null,
    holder: null,
    leaseUntilMs: null,
    failureCount: 0,
    retryAtMs: null,
  }
}

/** Whether its pattern takes the stream in. Its own wake stream never wakes it. */
export function takesIn({ config }: Subscription, name: string): boolean {
  return config.pattern !== null && name !== config.wakeStream && matchesGlob(config.pattern, name)
}

/** `from`: how far it counts as worked off; `kind`: why it is linked. False when there are `linksMax` already. */
export function link(
  subscription: Subscription,
  name: string,
  kind: 'isExplicit' | 'isGlob',
  from: { id: number; tail: Position } | null,
  linksMax: number,
): boolean {
  const { links } = subscription
  const found = links[name]
  if (found) {
    found[kind] = true
    return true
  }
  if (Object.keys(links).length >= linksMax) return false
  const fresh: Link = {
    streamId: from?.id ?? null,
    acked: from?.tail ?? startPosition,
    isExplicit: false,
    isGlob: false,
  }
  links[name] = { ...fresh, [kind]: true }
  return true
}

export function unlink({ links }: Subscription, name: string): void {
  const found = links[name]
  if (!found) return
  found.isExplicit = false
  if (!found.isGlob) delete links[name]
}

/** Links of streams that are no more: those of a pattern go, those that were asked for begin anew. */
export function refreshLinks({ links }: Subscription, tails: Tails): void {
  for (const [name, each] of Object.entries(links)) {
    const id = tails.get(name)?.id ?? null
    if (id === null && !each.isExplicit) delete links[name]
    else if (id !== each.streamId) {
      each.streamId = id
      each.acked = startPosition
    }
  }
}

export function linkInfos({ links }: Subscription, tails: Tails): LinkInfo[] {
  return Object.entries(links)
    .map(([name, each]) => {
      const tail = tails.get(name)?.tail ?? startPosition
      return { name, link: each, tail, isPending: tail.no > each.acked.no }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The stream that there is work of; null when all is done. */
export function pendingName(subscription: Subscription, tails: Tails): string | null {
  return linkInfos(subscription, tails).find(({ isPending }) => isPending)?.name ?? null
}

/** Begins a wake, if there is work and nobody at it. `wakeId` must be new; `tellMs`: how long the telling may take. */
export function wakeIfPending(
  subscription: Subscription,
  tails: Tails,
  { wakeId, nowMs, tellMs }: { wakeId: string; nowMs: number; tellMs: number },
): boolean {
  if (subscription.wake || pendingName(subscription, tails) === null) return false
  subscription.generation++
  subscription.failureCount = 0
  subscription.wake = {
    id: wakeId,
    tails: Object.fromEntries(linkInfos(subscription, tails).map(({ name, tail }) => [name, tail])),
  }
  beginTelling(subscription, nowMs, tellMs)
  return true
}

/** The wake is being told. Should whoever tells it die, its lease runs out all the same. */
export function beginTelling(subscription: Subscription, nowMs: number, tellMs: number): void {
  subscription.retryAtMs = null
  subscription.leaseUntilMs = nowMs + tellMs + subscription.config.leaseMs
}

/** The wake was told: a webhook has its lease from now on; a pull-wake one has none until somebody claims it. */
export function endTelling(subscription: Subscription, nowMs: number): void {
  subscription.failureCount = 0
  subscription.retryAtMs = null
  subscription.leaseUntilMs = subscription.config.type === 'webhook' ? nowMs + subscription.config.leaseMs : null
}

/** The wake could not be told. `chance`: uniform in [0, 1). */
export function failTelling(subscription: Subscription, nowMs: number, chance: number): void {
  subscription.failureCount++
  const backoffMs = Math.min(retryMsMax, 1000 * 2 ** Math.min(10, subscription.failureCount - 1))
  const isWebhook = subscription.config.type === 'webhook'
  subscription.retryAtMs = nowMs + (isWebhook ? backoffMs * (0.8 + 0.4 * chance) : announceAgainMs)
  subscription.leaseUntilMs = null
}

export function extendLease(subscription: Subscription, nowMs: number): void {
  subscription.retryAtMs = null
  subscription.leaseUntilMs = nowMs + subscription.config.leaseMs
}

/** Nobody is at it any more, whether or not the work is done. */
export function endWake(subscription: Subscription): void {
  subscription.wake = null
  subscription.holder = null
  subscription.leaseUntilMs = null
  subscription.retryAtMs = null
  subscription.failureCount = 0
}

/** Counts as worked off whatever its wake knew of. */
export function ackWake({ links, wake }: Subscription): void {
  for (const [name, tail] of Object.entries(wake?.tails ?? {})) {
    const found = links[name]
    if (found && tail.no > found.acked.no) found.acked = tail
  }
}

export interface Ack {
  readonly name: string
  readonly at: Position
}

/** Takes all of them, or none and says why. */
export function applyAcks({ links }: Subscription, acks: readonly Ack[], tails: Tails): string | null {
  for (const { name, at } of acks) {
    const found = links[name]
    const tail = tails.get(name)?.tail ?? startPosition
    if (!found) return 'an ack names a stream that the subscription does not follow'
    if (at.no < found.acked.no) return 'an ack goes back behind an earlier one'
    if (at.no > tail.no) return 'an ack lies beyond the end of its stream'
  }
  for (const { name, at } of acks) {
    const found = links[name]
    if (found) found.acked = at
  }
  return null
}

/** When somebody must look at it; null while only an append can change it. */
export function dueMs({ retryAtMs, leaseUntilMs }: Subscription): number | null {
  return retryAtMs ?? leaseUntilMs
}
