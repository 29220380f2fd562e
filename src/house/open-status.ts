/**
 * Incidents and what the public is told, joined: every few seconds the record is read, harm is measured and diagnosed,
 * and what comes of it goes into the log of incidents. In the supervisor, as alerts are: it outlives each worker.
 */
import type { Config } from '../config.ts'
import { type CauseName, causes } from '../diagnosis/causes.ts'
import { explainRay } from '../diagnosis/explain-ray.ts'
import type { Notice } from '../edge/notice.ts'
import type { Clock } from '../ground/clock.ts'
import type { CallFact, FactKind, SumFact } from '../observe/fact.ts'
import type { VisitsFact } from '../observe/visit.ts'
import { type IncidentSeen, incidentsSeen } from './incident-seen.ts'
import type { Announced } from './mute-announced.ts'
import { noticeOf, outagesOf } from './notice-of.ts'
import type { OpenRecord } from './open-record.ts'
import { StatusHistory } from './status-history.ts'
import type { Log } from '../observe/log.ts'
import { CallersDoing } from '../status/callers-doing.ts'
import type { Seen } from '../status/case-file.ts'
import { type Component, isOfSite } from '../status/component.ts'
import { Components } from '../status/components.ts'
import { EtaDesk } from '../status/eta/eta-desk.ts'
import type { Incident, Level } from '../status/incident.ts'
import { IncidentBook } from '../status/incident-book.ts'
import type { IncidentEvent } from '../status/incident-event.ts'
import { IncidentWatch } from '../status/incident-watch.ts'
import { makeView, shownMs } from '../status/make-view.ts'
import { entryText, readEntry } from '../status/read-entry.ts'
import { type Harm, readHarm } from '../status/read-news.ts'
import type { StatusView } from '../status/status-view.ts'
import type { RecordReader } from '../store/record.ts'
import { keepStatusLog } from './status-log.ts'
import { entriesAfter, type StatusLog } from '../store/status-log.ts'

const lookMs = 5000
/** What is written down late is still read. */
const overlapMs = 15_000
const sumsMax = 1000
/** Many, so that a flood of failures of one caller does not push out the calls of others that are answered. */
const callsMax = 1000
/** Diagnoses of one look: each takes some tens of milliseconds. */
const diagnosesMax = 6
const perComponentMax = 2
/** A diagnosis that is less sure than this says nothing. */
const confidenceMin = 0.5
/** Events that wait for a log that cannot be written. */
const unwrittenMax = 1000
/** What workers have written down since this look began. */
const aheadMs = 1000
/** Facts of a time that comes again, which are looked through. */
const comingPagesMax = 100
/** Letters of an incident on error pages; the status page has all of it. */
/** Models that were called within this are components, where none are named. */
const modelsMs = 86_400_000

export interface StatusParts {
  readonly clock: Clock
  readonly log: Log
  readonly record: Pick<OpenRecord, 'read' | 'recorder'>
}

interface Unwritten {
  readonly event: IncidentEvent
  readonly text: string
  /** To the book, which learns the rest when it has been written. */
  isKnown: boolean
}

export class StatusDesk implements Disposable {
  #config: Config
  #parts: StatusParts
  #log: StatusLog
  #book = new IncidentBook()
  #etas = new EtaDesk()
  #watch: IncidentWatch
  #components: Components
  #history: StatusHistory
  #readTo = 0
  /** What is yet to be written, oldest first. */
  #unwritten: Unwritten[] = []
  #lookedMs = 0
  #ids = new Map<number, number>()
  #diagnosed = new Map<string, number>()
  #callersDoing = new CallersDoing()
  #count = 0
  #isBroken = false
  /** What was under way before is known. */
  #isRestored = false
  #told = ''
  /** Called when visitors of error pages are to be told something else. */
  onNotice: (notice: Notice) => void = () => {}
  /** Called with what the public may know, after each look. */
  onView: (view: StatusView) => void = () => {}
  #timers = new DisposableStack()

  /** @throws {LaterStatusLog} */
  constructor(config: Config, parts: StatusParts) {
    this.#config = config
    this.#parts = parts
    this.#log = keepStatusLog(config, parts.log)
    this.#components = new Components(config.status.components)
    this.#watch = new IncidentWatch(
      () => `${parts.clock.nowMs().toString(36)}${(this.#count++ % 36).toString(36)}`,
      (id) => this.#components.nameOf(id),
    )
    this.#history = this.#timers.use(
      new StatusHistory(config, {
        clock: parts.clock,
        log: parts.log,
        recorder: parts.record.recorder,
        statusLog: this.#log,
      }),
    )
    this.#keepUp()
    this.#learnModels()
    this.#timers.use(parts.clock.every(lookMs, () => this.#config.status.incidents && this.look()))
  }

  /** Another configuration is in force. */
  use(config: Config): void {
    this.#config = config
    this.#components.use(config.status.components)
    this.#history.use(config)
  }

  /** Looks at the record once. What cannot be read or written now can be at the next look. */
  look(): void {
    const { clock, log, record } = this.#parts
    const nowMs = clock.nowMs()
    try {
      this.#keepUp()
      using reader = record.read()
      if (!reader) return
      if (nowMs < this.#lookedMs) this.#passOver(reader, nowMs)
      this.#lookedMs = nowMs
      const harm = this.#read(reader, nowMs)
      const seen = this.#diagnose(reader, harm, nowMs)
      const news = { nowMs, tallies: harm.tallies, seen, excused: this.#callersDoing.components(nowMs) }
      for (const event of this.#watch.look(news)) this.#tell(event)
      this.#keepUp()
      this.#book.forget(nowMs - shownMs)
      this.#etas.learn(this.#book.all, nowMs)
      this.#tellVisitors()
    } catch (error) {
      log.warn({ detail: String(error) }, 'incidents could not be looked at')
    }
  }

  /** For the page, the feeds and the letters. */
  view(): StatusView {
    const { name, url, timeZone } = this.#config.status
    const nowMs = this.#parts.clock.nowMs()
    return makeView({
      page: { id: this.#config.site, name, url, timeZone },
      nowMs,
      components: this.#components.all,
      incidents: this.#book.all,
      eta: (incident) => this.#etas.estimate(incident, this.#book.all, nowMs),
      maintenances: this.#history.maintenances(this.#components.all),
      days: (id) => this.#history.days(id),
      responseTimes: this.#history.responseTimes(),
    })
  }

  /** Those that go on, for operators. `pageUrl`: where the page is, if the configuration does not say. */
  incidents(pageUrl: string): IncidentSeen[] {
    const nowMs = this.#parts.clock.nowMs()
    const { all } = this.#book
    return incidentsSeen(all, {
      nowMs,
      pageUrl: this.#config.status.url || pageUrl,
      nameOf: (id) => this.#components.nameOf(id),
      etaWords: (incident) => this.#etas.estimate(incident, all, nowMs)?.words ?? '',
    })
  }

  /** All that is known of, also what is over. */
  get known(): readonly Incident[] {
    return this.#book.all
  }

  get components(): readonly Component[] {
    return this.#components.all
  }

  /** What alerts need not tell of: it is under planned maintenance. */
  announced(): Announced {
    return this.#history.announced(this.#components.all)
  }

  [Symbol.dispose](): void {
    this.#timers.dispose()
    this.#log[Symbol.dispose]()
  }

  /** What is new in the log: of this process, or of an operator's command. */
  #readLog(): void {
    for (const { number, text } of entriesAfter(this.#log, this.#readTo)) {
      this.#readTo = number
      const [own] = this.#unwritten
      if (own?.text === text) {
        this.#unwritten.shift()
        if (!own.isKnown) this.#book.apply(own.event)
        continue
      }
      const event = readEntry(text)
      if (!event) continue
      this.#book.apply(event)
      if (event.kind === 'merged') this.#watch.merge(event.id, event.into)
      if (event.kind === 'updated' && event.stage === 'resolved') this.#watch.end(event.id, this.#parts.clock.nowMs())
    }
  }

  /**
   * Writes what has waited, and reads what is new. A log that is locked, damaged, or on a full disk must not keep the
   * public from being told: what happens meanwhile is known in memory, and is written later.
   */
  #keepUp(): void {
    try {
      this.#readLog()
      if (!this.#isRestored) this.#watch.restore(this.#book.all, this.#parts.clock.nowMs())
      this.#isRestored = true
      for (let i = 0; i < unwrittenMax && this.#unwritten[0] !== undefined; i++) {
        this.#log.append(this.#unwritten[0].text)
        this.#readLog()
      }
      this.#isBroken = false
    } catch (error) {
      for (const each of this.#unwritten) {
        if (!each.isKnown) this.#book.apply(each.event)
        each.isKnown = true
      }
      if (!this.#isBroken) this.#parts.log.error({ detail: String(error) }, 'the log of incidents cannot be kept')
      this.#isBroken = true
    }
  }

  #tell(event: IncidentEvent): void {
    if (this.#unwritten.length < unwrittenMax) this.#unwritten.push({ event, text: entryText(event), isKnown: false })
    const { id, kind } = event
    const { title, stage, text } = kind === 'opened' || kind === 'updated' ? event : {}
    this.#parts.log.warn({ incident: id, title, stage, detail: text }, `an incident: ${kind}`)
  }

  #tellVisitors(): void {
    const view = this.view()
    this.onView(view)
    const { all } = this.#book
    const endMs = (incident: Incident): number | null => this.#etas.nearEndMs(incident, all, view.updatedMs)
    const outages = outagesOf(all, this.#components.all, view.updatedMs, endMs)
    const notice = noticeOf(view, outages)
    const text = JSON.stringify(notice)
    if (text === this.#told) return
    this.#told = text
    this.onNotice(notice)
  }

  #learn(sums: readonly Pick<SumFact, 'model' | 'upstream' | 'outcome' | 'code' | 'route'>[]): void {
    for (const sum of sums) {
      // Models beyond the limit are counted together, and of no upstream.
      if (sum.model !== 'other' || sum.upstream !== null) this.#components.hear(sum)
      if (sum.outcome === 'complete') this.#history.learn(sum.model, sum.upstream)
    }
  }

  #learnModels(): void {
    const { clock, record } = this.#parts
    try {
      using reader = record.read()
      const nowMs = clock.nowMs()
      this.#learn(reader?.counts(nowMs - modelsMs, nowMs) ?? [])
    } catch {
      // They are learnt as they are called.
    }
  }

  /** The clock was set back: what was written down in the time that comes again has been read. */
  #passOver(reader: RecordReader, nowMs: number): void {
    let cursor: number | null = null
    for (let i = 0; i < comingPagesMax; i++) {
      const page = reader.latest({ kinds: [...this.#sumKinds, 'call'], fromMs: nowMs - overlapMs }, sumsMax, cursor)
      for (const { id, fact } of page.entries) {
        if (fact.kind === 'sum' || fact.kind === 'visits') this.#ids.set(id, fact.atMs)
        if (fact.kind === 'call') this.#diagnosed.set(fact.ray, fact.atMs)
      }
      cursor = page.next
      if (cursor === null) return
    }
  }

  /** Visits are looked for where a component is of any. */
  get #sumKinds(): readonly FactKind[] {
    return this.#components.all.some(isOfSite) ? ['sum', 'visits'] : ['sum']
  }

  #read(reader: RecordReader, nowMs: number): Harm {
    const [fromMs, toMs] = [nowMs - overlapMs, nowMs + aheadMs]
    for (const [id, atMs] of this.#ids) if (atMs < fromMs) this.#ids.delete(id)
    const sums: SumFact[] = []
    const visits: VisitsFact[] = []
    for (const { id, fact } of reader.latest({ kinds: this.#sumKinds, fromMs, toMs }, sumsMax).entries) {
      if (this.#ids.has(id)) continue
      this.#ids.set(id, fact.atMs)
      if (fact.kind === 'sum') sums.push(fact)
      else if (fact.kind === 'visits') visits.push(fact)
    }
    this.#learn(sums)
    const calls = reader
      .latest({ kinds: ['call'], fromMs, toMs }, callsMax)
      .entries.flatMap(({ fact }) => (fact.kind === 'call' ? [fact] : []))
    const components = this.#components.all
    const harm = readHarm(sums, calls, components, visits)
    const excused = this.#callersDoing.components(nowMs)
    const levelOf = (id: string): Level => (excused.has(id) ? 'operational' : this.#watch.level(id))
    const fresh = calls.filter(({ atMs }) => atMs > nowMs - lookMs)
    this.#history.note({ components, tallies: harm.tallies, sums, calls: fresh, levelOf })
    return without(harm, this.#history.maintained(components))
  }

  #diagnose(reader: RecordReader, { failed }: Harm, nowMs: number): Seen[] {
    for (const [ray, atMs] of this.#diagnosed) if (atMs < nowMs - 4 * overlapMs) this.#diagnosed.delete(ray)
    const seen: Seen[] = []
    let count = 0
    for (const [component, calls] of failed) {
      const fresh = calls.filter(({ ray }) => !this.#diagnosed.has(ray)).slice(0, perComponentMax)
      for (const call of fresh) {
        if (count++ >= diagnosesMax) return seen
        this.#diagnosed.set(call.ray, nowMs)
        const said = explainRay(reader, call.ray)
        this.#callersDoing.note(component, call, said.whose, nowMs)
        seen.push(...seenIn(said, component, call))
      }
    }
    return seen
  }
}

/** What goes wrong under maintenance was announced, and is no incident. */
function without({ tallies, failed }: Harm, maintained: ReadonlySet<string>): Harm {
  if (maintained.size === 0) return { tallies, failed }
  const isOther = ([id]: readonly [string, unknown]): boolean => !maintained.has(id)
  return { tallies: new Map([...tallies].filter(isOther)), failed: new Map([...failed].filter(isOther)) }
}

type Said = ReturnType<typeof explainRay>

function seenIn({ cause, class: kind, subject, confidence, whose }: Said, component: string, call: CallFact): Seen[] {
  const { atMs } = call
  if (kind === null || whose === 'client' || confidence < confidenceMin || !isCause(cause)) return []
  return [{ component, cause, class: kind, subject, atMs, confidence }]
}

const isCause = (name: string): name is CauseName => name in causes
