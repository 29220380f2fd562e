/**
 * Objectives, early warnings and alerts, joined. All of it runs in the supervisor: there is one of it, it hears from
 * every worker, outlives each of them, and carries no traffic that a slow receiver could hurt.
 */
import { join } from 'node:path'
import { type AlertsOptions, mapSecrets } from '../alert/alert-options.ts'
import { type Alert, AlertBook, isFiring, isFlapping } from '../alert/alert-book.ts'
import { type Condition, identityOf } from '../alert/condition.ts'
import { Courier } from '../alert/courier.ts'
import { openReceiver, type Receiver } from '../alert/receiver.ts'
import { StateFile } from '../alert/state-file.ts'
import type { Config } from '../config.ts'
import { readSecret } from './secrets.ts'
import type { Clock } from '../ground/clock.ts'
import { isoTime } from '../ground/iso-time.ts'
import type { Random } from '../ground/random.ts'
import { Lookout, type Surroundings } from '../objective/lookout.ts'
import { Scoreboard } from '../objective/scoreboard.ts'
import type { Signs } from '../objective/signs.ts'
import type { Log } from '../observe/log.ts'
import type { Numbers } from '../observe/metric.ts'
import { readRoom } from '../observe/vital-signs.ts'
import { type AlertState, readAlertState } from './alert-state.ts'
import { CertificateWatch } from './certificate-watch.ts'
import { alertNumbers } from './alert-numbers.ts'
import { type Announced, type Muted, muteAnnounced, nothingAnnounced } from './mute-announced.ts'

const tendMs = 1000
/** What was counted is kept so often, beside every change of an alert. */
const saveMs = 60_000
/** At the end, messages under way have so long. */
const closeMs = 1000

export interface AlertDeskParts {
  /** Those that callers are shown, by name. */
  readonly ownCertificates?: () => Surroundings['ownCertificates']
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The settings of alerts with the secrets themselves. @throws {ConfigError} when one cannot be read. */
export function resolveAlerts({ alerts }: Config): AlertsOptions {
  return mapSecrets(alerts, readSecret)
}

export function openReceivers({ site }: Config, { receivers, groupWaitMs, link }: AlertsOptions): Receiver[] {
  return Object.entries(receivers).map(([name, options]) =>
    openReceiver({ site, receiver: name, link: link ?? null }, options, groupWaitMs),
  )
}

export class AlertDesk implements AsyncDisposable {
  /** What is under planned maintenance: nobody is told of what that does. */
  announced: () => Announced = () => nothingAnnounced
  #config: Config
  #options: AlertsOptions
  #parts: AlertDeskParts
  #file: StateFile<AlertState>
  #scoreboard: Scoreboard
  #lookout = new Lookout()
  #book: AlertBook
  #couriers: Courier[]
  #certificates: CertificateWatch
  #timers = new DisposableStack()
  /** By name and what they are about: alerts that planned maintenance keeps still. */
  #muted = new Map<string, Muted>()
  #isLooking = false
  #savedMs = 0

  /** `options`: with the secrets themselves. */
  constructor(config: Config, options: AlertsOptions, parts: AlertDeskParts) {
    const { clock, log } = parts
    this.#config = config
    this.#options = options
    this.#parts = parts
    this.#file = new StateFile(join(config.stateDir, 'alerts.json'), log, readAlertState)
    const { alerts = [], told = {}, scores = {} } = this.#file.read() ?? {}
    this.#scoreboard = new Scoreboard(config.objectives, scores)
    this.#book = new AlertBook(options, alerts)
    this.#couriers = this.#open(told)
    this.#certificates = this.#timers.use(new CertificateWatch(clock))
    this.#certificates.use(config)
    this.#timers.use(clock.every(options.periodMs, () => void this.look()))
    this.#timers.use(clock.every(tendMs, () => void this.#tend()))
  }

  /** What a worker has told of itself. `worker`: a process; `number`: its place among its siblings. */
  hear(worker: string, number: number, signs: Signs): void {
    const nowMs = this.#parts.clock.nowMs()
    this.#scoreboard.hear(worker, signs, nowMs)
    if (this.#options.warnings) this.#lookout.hear(worker, number, signs, nowMs)
  }

  /** It is no more. */
  forget(worker: string): void {
    this.#scoreboard.forget(worker)
    this.#lookout.forget(worker)
  }

  /** Another configuration is in force. What was told to receivers that keep their name stays told. */
  use(config: Config, options: AlertsOptions): void {
    const told = this.#told
    for (const courier of this.#couriers) courier.close()
    this.#config = config
    this.#options = options
    this.#scoreboard.use(config.objectives)
    this.#book.options = options
    this.#couriers = this.#open(told)
    this.#certificates.use(config)
  }

  /** Looks at everything once: what alerts begin and end by it is logged at once, and told as receivers want it. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const { clock, log } = this.#parts
      const room = await readRoom(this.#config.stateDir)
      const nowMs = clock.nowMs()
      const surroundings = {
        diskFree: room && room.totalBytes > 0 ? room.freeBytes / room.totalBytes : null,
        certificates: this.#certificates.known,
        ownCertificates: this.#parts.ownCertificates?.() ?? {},
      }
      const warnings = this.#options.warnings ? this.#lookout.look(surroundings, nowMs) : []
      const changed = this.#book.look(
        this.#withoutAnnounced([...this.#scoreboard.conditions(nowMs), ...warnings]),
        nowMs,
      )
      for (const alert of changed) logAlert(log, alert)
      if (changed.length > 0 || nowMs - this.#savedMs >= saveMs) this.#save()
    } finally {
      this.#isLooking = false
    }
  }

  #withoutAnnounced(conditions: readonly Condition[]): readonly Condition[] {
    const ringing = new Set(this.#book.firing.map(({ condition }) => subjectOf(condition)))
    const isRinging = (condition: Condition): boolean => ringing.has(subjectOf(condition))
    const { told, muted } = muteAnnounced(conditions, this.announced(), this.#config, isRinging)
    const before = this.#muted
    this.#muted = new Map(muted.map((each) => [subjectOf(each.condition), each]))
    for (const [subject, { condition, window }] of this.#muted) {
      if (before.has(subject)) continue
      const { name, severity, labels, summary } = condition
      const facts = { alert: name, severity, labels, detail: summary, window: window.title }
      this.#parts.log.info(
        { ...facts, until: isoTime(window.untilMs) },
        'planned maintenance keeps an alert still; it comes if this goes on behind it',
      )
    }
    return told
  }

  /** For `/alerts`. */
  report(): object {
    const nowMs = this.#parts.clock.nowMs()
    return {
      objectives: this.#scoreboard.scores(nowMs),
      alerts: this.#book.firing.map(({ condition, firedMs, returns }) => ({
        ...condition,
        since: firedMs === null ? null : isoTime(firedMs),
        isFlapping: isFlapping({ returns }),
      })),
      muted: [...this.#muted.values()].map(({ condition, window }) => ({
        ...condition,
        window: window.title,
        until: isoTime(window.untilMs),
      })),
      receivers: this.#couriers.map(({ receiver, counts, trouble }) => ({ name: receiver.name, ...counts, trouble })),
    }
  }

  /** For `/metrics`. */
  numbers(): Numbers {
    return alertNumbers({
      scores: this.#scoreboard.scores(this.#parts.clock.nowMs()),
      firing: this.#book.firing,
      leftCount: this.#book.leftCount,
      mutedCount: this.#muted.size,
      deliveries: this.#couriers.map(({ receiver, counts }) => ({ receiver: receiver.name, ...counts })),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    using _ = this.#parts.clock.after(closeMs, resolve)
    await Promise.race([this.#tend(), late])
    for (const courier of this.#couriers) courier.close()
    await this.#file.close(this.#state)
  }

  #open(told: AlertState['told']): Courier[] {
    const parts = { ...this.#parts, onTold: () => this.#save() }
    return openReceivers(this.#config, this.#options).map(
      (receiver) => new Courier(receiver, told[receiver.name] ?? {}, parts),
    )
  }

  async #tend(): Promise<void> {
    const now = (): number => this.#parts.clock.nowMs()
    await Promise.all(this.#couriers.map((courier) => courier.tend(this.#book, now)))
  }

  #save(): void {
    this.#savedMs = this.#parts.clock.nowMs()
    this.#file.write(this.#state)
  }

  get #told(): AlertState['told'] {
    return Object.fromEntries(this.#couriers.map(({ receiver, mailbox }) => [receiver.name, mailbox.told]))
  }

  get #state(): AlertState {
    return { alerts: [...this.#book.alerts], told: this.#told, scores: this.#scoreboard.state }
  }
}

/** Whatever its severity. */
const subjectOf = ({ name, labels }: Condition): string => identityOf({ name, labels, severity: 'info' })

function logAlert(log: Log, alert: Alert): void {
  const { name, severity, labels, summary, cure } = alert.condition
  const facts = { alert: name, severity, labels, detail: summary }
  if (!isFiring(alert)) log.info(facts, 'an alert is over')
  else if (severity === 'critical') log.error({ ...facts, cure }, 'an alert')
  else log.warn({ ...facts, cure }, 'an alert')
}
