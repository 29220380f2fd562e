/**
 * What was, and what is planned: the ledger of minutes and the windows of maintenance, as the desk of the public page
 * needs them. A ledger that cannot be opened or read is done without.
 */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Clock } from '../ground/clock.ts'
import type { CallFact, SumFact } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import type { Component } from '../status/component.ts'
import type { Tally } from '../status/harm-meter.ts'
import type { Level } from '../status/incident.ts'
import { noteMinute } from '../status/note-minute.ts'
import { tallyAll, tallyCallers } from '../status/read-news.ts'
import type { ComponentView, MaintenanceView, StatusView } from '../status/status-view.ts'
import { daysShown, uptimeOf } from '../status/uptime.ts'
import { dayMs, type LedgerDay, minuteMs } from '../store/ledger.ts'
import { ledgerFileName, SqliteLedger } from '../store/sqlite-ledger.ts'
import { LedgerQuery } from '../store/sqlite-ledger-query.ts'
import type { StatusLog } from '../store/status-log.ts'
import { MaintenanceDesk } from './maintenance-desk.ts'
import type { Announced } from './mute-announced.ts'

/** Upstreams by model that are remembered. */
const modelsMax = 1000
/** What the plot of times shows: so many points of the last day. */
const pointsMax = 96

interface HistoryParts {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Recorder
  readonly statusLog: StatusLog
}

/** What one look at the record found. */
interface Found {
  readonly components: readonly Component[]
  readonly tallies: ReadonlyMap<string, Tally>
  readonly sums: readonly SumFact[]
  readonly calls: readonly CallFact[]
  readonly levelOf: (component: string) => Level
}

interface Past {
  readonly minute: number
  readonly days: readonly LedgerDay[]
  readonly watched: ReadonlyMap<number, number>
  readonly responseTimes: StatusView['responseTimes']
  /** By component, as far as they were asked for: each takes a look at all days. */
  readonly uptimes: Map<string, Uptime>
}

type Uptime = Pick<ComponentView, 'days' | 'goodShare' | 'uptimeShare'>

export class StatusHistory implements Disposable {
  readonly #parts: HistoryParts
  readonly #maintenance: MaintenanceDesk
  readonly #ledger: SqliteLedger | null
  readonly #path: string
  /** Upstreams that have answered for a model. */
  #offers = new Map<string, string[]>()
  #past: Past | null = null

  constructor(config: Config, parts: HistoryParts) {
    this.#parts = parts
    this.#maintenance = new MaintenanceDesk(config, parts)
    this.#path = join(config.stateDir, ledgerFileName)
    const { journal, status } = config
    const isKept = journal.engine !== 'memory'
    this.#learnNamed(config)
    this.#ledger = isKept ? new SqliteLedger(this.#path, parts.clock, status.ledger, parts.log) : null
  }

  use(config: Config): void {
    this.#maintenance.use(config)
    this.#learnNamed(config)
    if (this.#ledger) this.#ledger.options = config.status.ledger
  }

  /** A model was answered for by this upstream. */
  learn(model: string, upstream: string | null): void {
    if (upstream === null) return
    const known = this.#offers.get(model) ?? []
    if (known.includes(upstream) || (known.length === 0 && this.#offers.size >= modelsMax)) return
    this.#offers.set(model, [...known, upstream])
  }

  #learnNamed({ upstreams }: Config): void {
    for (const [name, { models }] of Object.entries(upstreams))
      for (const model of models ?? []) this.learn(model, name)
  }

  /** Ids of components that are under maintenance now. */
  maintained(components: readonly Component[]): ReadonlySet<string> {
    return this.#maintenance.maintained({ components, offers: this.#offers })
  }

  /** What alerts need not tell of. */
  announced(components: readonly Component[]): Announced {
    return this.#maintenance.announced({ components, offers: this.#offers })
  }

  note({ components, tallies, sums, calls, levelOf }: Found): void {
    const nowMs = this.#parts.clock.nowMs()
    const maintained = this.maintained(components)
    const [all, callers] = [tallyAll(sums), tallyCallers(sums)]
    if (!this.#ledger) return
    noteMinute(this.#ledger, { nowMs, components, tallies, all, callers, levelOf, maintained })
    const times = calls.flatMap(({ firstTokenMs }) => (firstTokenMs === null ? [] : [firstTokenMs]))
    if (times.length > 0) this.#ledger.noteFirstTokens(nowMs, times)
  }

  maintenances(components: readonly Component[]): MaintenanceView[] {
    return this.#maintenance.views({ components, offers: this.#offers })
  }

  days(component: string): Uptime {
    const { minute, days, watched, uptimes } = this.#read()
    const known = uptimes.get(component)
    if (known) return known
    const uptime = uptimeOf(component, days, watched, minute * minuteMs)
    uptimes.set(component, uptime)
    return uptime
  }

  responseTimes(): StatusView['responseTimes'] {
    return this.#read().responseTimes
  }

  [Symbol.dispose](): void {
    this.#maintenance[Symbol.dispose]()
    this.#ledger?.[Symbol.dispose]()
  }

  /** Once a minute: the ledger is not written more often. */
  #read(): Past {
    const nowMs = this.#parts.clock.nowMs()
    const minute = Math.floor(nowMs / minuteMs)
    if (this.#past?.minute === minute) return this.#past
    const none = { days: [], watched: new Map<number, number>(), responseTimes: [] }
    this.#past = { ...(this.#past ?? none), minute, uptimes: new Map() }
    if (!this.#ledger) return this.#past
    try {
      using query = new LedgerQuery(this.#path)
      const fromMs = nowMs - (daysShown - 1) * dayMs
      const [days, watched] = [query.days(fromMs, nowMs + 1), query.watched(fromMs, nowMs + 1)]
      const responseTimes = query.firstTokens(nowMs - dayMs, nowMs, pointsMax)
      this.#past = { minute, days, watched, responseTimes, uptimes: new Map() }
    } catch {
      // The writer tells of a ledger that is no good; what was read before stands.
    }
    return this.#past
  }
}
