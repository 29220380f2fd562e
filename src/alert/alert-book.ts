/**
 * From conditions that come and go to alerts that begin once and end once. A condition must last before it is an alert,
 * and be gone for a while before that alert ends; one that comes back again and again has to stay away longer each
 * time, up to an hour. Pure: looks come in with their time (wall clock, since it is kept over a restart).
 */
import { type Condition, identityOf, isAtLeast } from './condition.ts'

/** Alerts at once; further ones are counted and left, those of the least severity first. */
const alertsMax = 200
/** One that begins again so soon after its end has come back. */
const flapMs = 3_600_000
/** However often it comes back, quiet for so long is an end. */
const quietMsMax = 3_600_000
/** One that has ended is kept so long for receivers that could not be told yet. */
const keepMs = 86_400_000
/** Coming back more often makes no difference any more. */
const returnsMax = 10

export interface Alert {
  readonly identity: string
  /** As it was told last. */
  condition: Condition
  /** Since when it is so, without a break, milliseconds since 1970. */
  sinceMs: number
  /** When it became an alert; null while it has not lasted long enough. */
  firedMs: number | null
  /** Since when the condition is gone; null while it is there. */
  goneMs: number | null
  /** When the alert ended; null while it goes on. */
  endedMs: number | null
  /** How often it has come back in a row. */
  returns: number
}

export interface BookOptions {
  /** A condition that is gone for so long has ended, the first time. Milliseconds. */
  readonly resolveAfterMs: number
}

/** An alert that goes on. */
export function isFiring({ firedMs, endedMs }: Alert): boolean {
  return firedMs !== null && endedMs === null
}

/** It came back so often that it has to stay away longer. */
export function isFlapping({ returns }: Pick<Alert, 'returns'>): boolean {
  return returns >= 2
}

export class AlertBook {
  options: BookOptions
  #alerts = new Map<string, Alert>()
  /** Conditions that found no room. */
  leftCount = 0

  constructor(options: BookOptions, alerts: readonly Alert[] = []) {
    this.options = options
    for (const alert of alerts.slice(0, alertsMax)) this.#alerts.set(alert.identity, alert)
  }

  get alerts(): IterableIterator<Alert> {
    return this.#alerts.values()
  }

  find(identity: string): Alert | null {
    return this.#alerts.get(identity) ?? null
  }

  get firing(): Alert[] {
    return [...this.#alerts.values()].filter(isFiring)
  }

  /** All that is so now. Gives the alerts that began or ended by it. */
  look(conditions: readonly Condition[], nowMs: number): Alert[] {
    for (const alert of this.#alerts.values()) notAhead(alert, nowMs)
    const seen = new Map(conditions.map((condition) => [identityOf(condition), condition]))
    const changed: Alert[] = []
    for (const [identity, condition] of seen) {
      const alert = this.#note(identity, condition, nowMs)
      if (alert && this.#fire(alert, nowMs)) changed.push(alert)
    }
    for (const alert of this.#alerts.values())
      if (!seen.has(alert.identity) && this.#quiet(alert, nowMs)) changed.push(alert)
    return changed
  }

  #note(identity: string, condition: Condition, nowMs: number): Alert | null {
    const known = this.#alerts.get(identity)
    if (known) {
      known.condition = condition
      if (known.goneMs !== null && !isFiring(known)) known.sinceMs = nowMs
      known.goneMs = null
      return known
    }
    if (this.#alerts.size >= alertsMax && !this.#makeRoom(condition)) {
      this.leftCount++
      return null
    }
    const alert: Alert = {
      identity,
      condition,
      sinceMs: nowMs,
      firedMs: null,
      goneMs: null,
      endedMs: null,
      returns: 0,
    }
    this.#alerts.set(identity, alert)
    return alert
  }

  /** What has ended goes first, then what is of less weight. */
  #makeRoom({ severity }: Condition): boolean {
    const weigh = (alert: Alert): number => {
      if (alert.firedMs !== null && alert.endedMs !== null) return 0
      return isAtLeast(alert.condition.severity, severity) ? 3 : isFiring(alert) ? 2 : 1
    }
    const [least] = [...this.#alerts.values()].toSorted((a, b) => weigh(a) - weigh(b))
    if (!least || weigh(least) === 3) return false
    this.#alerts.delete(least.identity)
    return true
  }

  #fire(alert: Alert, nowMs: number): boolean {
    if (isFiring(alert) || nowMs - alert.sinceMs < (alert.condition.holdMs ?? 0)) return false
    const isBack = alert.endedMs !== null && nowMs - alert.endedMs < flapMs
    alert.returns = isBack ? Math.min(returnsMax, alert.returns + 1) : 0
    alert.firedMs = nowMs
    alert.endedMs = null
    return true
  }

  /** The condition is not there. */
  #quiet(alert: Alert, nowMs: number): boolean {
    alert.goneMs ??= nowMs
    if (isFiring(alert)) {
      if (nowMs - alert.goneMs < this.#quietMs(alert)) return false
      alert.endedMs = nowMs
      return true
    }
    // Its end is kept until everybody had time to hear of it.
    if (alert.firedMs === null || nowMs - (alert.endedMs ?? nowMs) > keepMs) this.#alerts.delete(alert.identity)
    return false
  }

  #quietMs({ returns }: Alert): number {
    return Math.min(quietMsMax, this.options.resolveAfterMs * 2 ** returns)
  }
}

/** The clock has stepped back: what it has put into the future would else be waited for. */
function notAhead(alert: Alert, nowMs: number): void {
  alert.sinceMs = Math.min(alert.sinceMs, nowMs)
  if (alert.goneMs !== null) alert.goneMs = Math.min(alert.goneMs, nowMs)
  if (alert.endedMs !== null) alert.endedMs = Math.min(alert.endedMs, nowMs)
}
