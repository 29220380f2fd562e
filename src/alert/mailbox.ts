/**
 * What one receiver has been told, and so what it has yet to be told: the difference between that and the book. There
 * is no queue of messages: what could not be delivered is worked out anew at the next try, so that nothing is stale,
 * told twice, or grows. An alert that ended before anybody heard of it is not told at all. Pure.
 */
import { type Alert, type AlertBook, isFiring } from './alert-book.ts'
import { type Condition, isAtLeast, type Severity } from './condition.ts'

/** Alerts that a receiver has been told of and that have not been told to be over. */
const toldMax = 400
/** Of one message. */
const alertsPerNoticeMax = 50

/** What was told of one alert that goes on. */
export interface Told {
  readonly condition: Condition
  /** When the alert began, milliseconds since 1970. */
  readonly firedMs: number
  /** When that was delivered. */
  readonly toldMs: number
}

/** One alert in a message. */
export interface AlertNews {
  readonly identity: string
  readonly condition: Condition
  readonly firedMs: number
  /** Null while it goes on. */
  readonly endedMs: number | null
}

/** One message: alerts of one kind, those that go on and those that are over. */
export interface Notice {
  /** The same at each try to deliver the same. */
  readonly id: string
  /** The kind of alert; for receivers of single alerts the identity of that one. */
  readonly group: string
  readonly alerts: readonly AlertNews[]
}

export interface MailboxOptions {
  readonly severityMin: Severity
  /** Whether ends are told. */
  readonly sendResolved: boolean
  /** An alert waits so long for others of its kind, milliseconds. */
  readonly groupWaitMs: number
  /** Each alert in a message of its own. */
  readonly isSingle?: boolean
  /** What goes on is told again after this; null: once is enough. */
  readonly resendMs?: number | null
}

export class Mailbox {
  readonly #options: MailboxOptions
  readonly #told: Map<string, Told>

  constructor(options: MailboxOptions, told: Readonly<Record<string, Told>> = {}) {
    this.#options = options
    this.#told = new Map(Object.entries(told).slice(0, toldMax))
  }

  get told(): Readonly<Record<string, Told>> {
    return Object.fromEntries(this.#told)
  }

  /** The messages that are due, the most severe first. */
  due(book: AlertBook, nowMs: number): Notice[] {
    const groups = new Map<string, { alerts: AlertNews[]; isDue: boolean }>()
    const put = (alert: AlertNews, isDue: boolean): void => {
      const key = this.#options.isSingle ? alert.identity : alert.condition.name
      const group = groups.get(key) ?? { alerts: [], isDue: false }
      group.alerts.push(alert)
      group.isDue ||= isDue
      groups.set(key, group)
    }
    for (const alert of book.alerts) {
      const firing = this.#firing(alert)
      if (firing) put(firing, this.#isDue(alert, nowMs))
    }
    for (const ended of this.#ended(book, nowMs)) put(ended, true)
    return [...groups]
      .filter(([, { isDue }]) => isDue)
      .map(([group, { alerts }]) => noticeOf(group, alerts.slice(0, alertsPerNoticeMax)))
      .toSorted((a, b) => weight(b) - weight(a))
  }

  /** It has arrived. */
  delivered({ alerts }: Notice, nowMs: number): void {
    for (const { identity, condition, firedMs, endedMs } of alerts) {
      this.#told.delete(identity)
      if (endedMs === null) this.#told.set(identity, { condition, firedMs, toldMs: nowMs })
    }
    for (const identity of this.#told.keys()) {
      if (this.#told.size <= toldMax) break
      this.#told.delete(identity)
    }
  }

  /** One that goes on and is not known there, or is to be told again. */
  #firing(alert: Alert): AlertNews | null {
    const { identity, condition, firedMs } = alert
    if (firedMs === null || !isFiring(alert) || !isAtLeast(condition.severity, this.#options.severityMin)) return null
    const told = this.#told.get(identity)
    if (told && !this.#options.resendMs) return null
    return { identity, condition, firedMs, endedMs: null }
  }

  #isDue({ identity, firedMs }: Alert, nowMs: number): boolean {
    const told = this.#told.get(identity)
    // Also where the clock has stepped back since.
    if (told) return Math.abs(nowMs - told.toldMs) >= (this.#options.resendMs ?? Number.POSITIVE_INFINITY)
    return Math.abs(nowMs - (firedMs ?? nowMs)) >= this.#options.groupWaitMs
  }

  /** Those that were told of and are over; of some the book may know nothing any more. */
  #ended(book: AlertBook, nowMs: number): AlertNews[] {
    const ended: AlertNews[] = []
    for (const [identity, { condition, firedMs }] of this.#told) {
      const alert = book.find(identity)
      if (alert && isFiring(alert)) continue
      if (this.#options.sendResolved)
        ended.push({ identity, condition: alert?.condition ?? condition, firedMs, endedMs: alert?.endedMs ?? nowMs })
      else this.#told.delete(identity)
    }
    return ended
  }
}

/** A message of these alerts. */
export function noticeOf(group: string, alerts: readonly AlertNews[]): Notice {
  const words = alerts.map(
    ({ identity, firedMs, endedMs }) => `${identity}@${firedMs}:${endedMs === null ? 'on' : 'off'}`,
  )
  return { id: words.toSorted().join('\n'), group, alerts }
}

const weights = { info: 1, warning: 2, critical: 3 } as const satisfies Record<Severity, number>

function weight({ alerts }: Notice): number {
  return Math.max(
    0,
    ...alerts.map(({ condition, endedMs }) => (endedMs === null ? 10 : 0) + weights[condition.severity]),
  )
}
