/** One server that calls can be sent to: what it is by configuration, and how it does just now. */
import { routeNames, routes, type Route } from '../dialect/call.ts'
import type { FaultCode } from '../fault/code.ts'
import type { Clock } from '../ground/clock.ts'
import { KeyRing } from './key-ring.ts'
import { type EngineGauges, type EngineReading, loadNow } from './engine-metrics.ts'
import { Load } from './load.ts'
import { Pace } from './pace.ts'
import { gaugesMsMax, Progress } from './progress.ts'
import { Quota } from './quota.ts'
import { Speed } from './speed.ts'
import { kinds, spokenByKind, type UpstreamKind } from './upstream-kind.ts'
import type { UpstreamOptions } from './upstream-options.ts'

/** Rest after a failure to connect or to answer: this, doubling with each failure in a row, up to the maximum. */
const restMs = 500
const restMsMax = 15_000
/** A server that asks for more rest than this is asked again all the same. */
const askedRestMsMax = 60_000
/** While it hangs it rests at least this long from now on, until a token of it has come. */
const hungRestMs = 1000
/** One that is to go comes after all that rest for a moment. */
const drainRestMs = 60_000
/** Models of which the speed is kept apart. */
const speedsMax = 64

/** Failures that tell of a server that is not running. */
const absences: ReadonlySet<FaultCode> = new Set(['HF_UPSTREAM_REFUSED', 'HF_NO_UPSTREAM'])

export class Upstream {
  readonly name: string
  readonly url: URL
  options: Readonly<UpstreamOptions>
  /** The secrets that the gateway shows to it. */
  readonly keys: KeyRing
  /** What it says is left of our limits; null where no key of ours is shown to it. */
  readonly quota: Quota | null
  kind: UpstreamKind
  /** Models it offers, once known. */
  models: ReadonlySet<string>
  /** True once its list of models is known, from the configuration or from itself. */
  isKnown: boolean
  /** It has answered at least once since we started. */
  wasUp = false
  /** Calls sent since the start. */
  callCount = 0
  /** How fast it speaks. */
  readonly pace = new Pace()
  /** Whether it gets on with its answers. */
  readonly progress: Progress
  /** The work it has in hand through us. */
  readonly load = new Load()
  /** It was silent on all its answers. Only a token brings it back: lists of models and health pages lie. */
  isHung = false
  /** Calls that the other workers of this gateway have there, as of a second ago. */
  siblingCalls = 0
  /** It runs for a deployment: what it does is measured and told. */
  isReplica = false
  /** It is to go: no new call is sent to it, and what it has in hand may end there, or go on elsewhere. */
  isDraining = false
  /** It is no member any more. */
  hasLeft = false
  /** Set by the fleet: it is known now what it offers. */
  onKnown: () => void = () => {}
  /** It is under planned maintenance until then, milliseconds since 1970; 0 for none. */
  closedUntilMs = 0
  #gauges: EngineGauges | null = null
  #speeds = new Map<string, Speed>()
  failuresInRow = 0
  /** Set by who watches it: it was well, and has failed. */
  onDown: () => void = () => {}
  lastFault: FaultCode | null = null
  /** How often nobody was at home: what it kept in memory before is gone. */
  absenceCount = 0
  /** What the configuration says it speaks; null when its kind says. */
  #spoken: ReadonlySet<Route> | null
  /** A URL takes itself apart at each look; calls need the paths too often for that. */
  #paths: Readonly<Record<Route, string>>
  #restUntilMs = 0
  /** It asked to be left alone until then. */
  #askedUntilMs = 0
  #clock: Clock

  constructor(name: string, options: UpstreamOptions, secrets: string | readonly string[] | null, clock: Clock) {
    this.name = name
    this.url = new URL(options.url)
    this.options = options
    this.keys = new KeyRing(typeof secrets === 'string' ? [secrets] : (secrets ?? []), clock)
    this.quota = secrets !== null && secrets.length > 0 ? new Quota(clock) : null
    this.kind = options.kind ?? 'compatible'
    this.models = new Set(options.models)
    this.isKnown = options.models !== undefined
    this.#spoken = options.speaks ? new Set(options.speaks) : null
    this.#clock = clock
    this.progress = new Progress(clock, this.pace)
    this.progress.onHung = () => this.#hang()
    const { pathname, search } = this.url
    const pathAt = (route: Route): string => `${pathname.replace(/\/$/, '')}${routes[route].path}${search}`
    this.#paths = Object.fromEntries(routeNames.map((route) => [route, pathAt(route)])) as Record<Route, string>
  }

  /** Path and query of a route at this server. */
  pathOf(route: Route): string {
    return this.#paths[route]
  }

  /** The secret to show to it now, or null for none. Never logged. */
  get key(): string | null {
    return this.keys.pick()?.secret ?? null
  }

  get speaks(): ReadonlySet<Route> {
    return this.#spoken ?? spokenSets[this.kind]
  }

  /** Calls of all its callers that wait inside it; null while it does not tell. */
  get waitingInside(): number | null {
    return this.engineLoad?.waiting ?? null
  }

  /** Calls that it has beside ours: of other workers, and of anybody where its engine tells. */
  get callsElsewhere(): number {
    const { engineLoad } = this
    const inEngine = engineLoad ? engineLoad.running + engineLoad.waiting - this.load.calls : 0
    return Math.max(this.siblingCalls, inEngine)
  }

  /** How fast it runs a model, by the model's name there. Beyond some dozens of models they share one measure. */
  speed(model: string): Speed {
    const name = this.#speeds.has(model) || this.#speeds.size < speedsMax ? model : ''
    let speed = this.#speeds.get(name)
    if (!speed) this.#speeds.set(name, (speed = new Speed(() => this.#clock.nowMs())))
    return speed
  }

  /** Models of which there is a speed, by name; the empty name is that of all beyond some dozens. */
  get speeds(): ReadonlyMap<string, Speed> {
    return this.#speeds
  }

  /** Zero when it may be used; otherwise how long it still rests after failures, or all its keys do. */
  get restLeftMs(): number {
    if (this.isDraining) return Math.max(drainRestMs, this.#restLeftMs)
    const restLeftMs = this.closedUntilMs === 0 ? this.#restLeftMs : Math.max(this.#restLeftMs, this.closedLeftMs)
    return this.isHung ? Math.max(hungRestMs, restLeftMs) : restLeftMs
  }

  /** How long it is still under planned maintenance; 0 when it is not. */
  get closedLeftMs(): number {
    return this.closedUntilMs === 0 ? 0 : Math.max(0, this.closedUntilMs - this.#clock.nowMs())
  }

  get #restLeftMs(): number {
    const keysMs = this.keys.restLeftMs
    const untilMs = Math.max(this.#restUntilMs, this.#askedUntilMs)
    if (untilMs === 0) return keysMs // asked for each upstream at each call
    return Math.max(0, untilMs - this.#clock.monotonicMs(), keysMs)
  }

  /** Whether it can take calls. One that asked to be left alone for a while can, when nobody else is there. */
  get isUp(): boolean {
    if (!this.wasUp || this.isHung || this.keys.restLeftMs > 0) return false
    return this.#restUntilMs === 0 || this.#restUntilMs <= this.#clock.monotonicMs()
  }

  /** What the engine told of itself last; null when it tells nothing, or has not for some seconds. */
  get engine(): EngineGauges | null {
    const gauges = this.#gauges
    return gauges && this.#clock.monotonicMs() - gauges.atMs <= gaugesMsMax ? gauges : null
  }

  /** Requests that wait and run at the engine by now: what it told, and what we sent it or got back since. */
  get engineLoad(): { waiting: number; running: number } | null {
    const { engine } = this
    return engine && loadNow(engine, this.load.calls)
  }

  /** Takes in what the engine tells of itself. `askedMs`: when it was asked. */
  learnEngine(reading: EngineReading, askedMs: number): void {
    this.#gauges = { ...reading, askedMs, atMs: this.#clock.monotonicMs(), ownCalls: this.load.calls }
    this.progress.learn(this.#gauges)
  }

  #hang(): void {
    this.isHung = true
    this.fail('HF_UPSTREAM_STALLED')
  }

  /** Answers arrive from it. */
  succeed(): void {
    this.appear()
    this.#askedUntilMs = 0
  }

  /** It is there: it said what it offers. A rest that it asked for it still gets. */
  appear(): void {
    this.isHung = false
    this.wasUp = true
    this.failuresInRow = 0
    this.lastFault = null
    this.#restUntilMs = 0
  }

  /** It failed a call or a probe through its own fault; `restMs` overrides the growing rest (a Retry-After, say). */
  fail(code: FaultCode, askedRestMs?: number): void {
    const isFirst = this.lastFault === null
    if (absences.has(code) && code !== this.lastFault) this.absenceCount++
    this.lastFault = code
    if (isFirst) this.onDown()
    // A server that dies takes all its answers with it: that is one failure, however many tell of it.
    if (this.#restLeftMs > 0 && askedRestMs === undefined) return
    const nowMs = this.#clock.monotonicMs()
    const growingMs = Math.min(restMsMax, restMs * 2 ** Math.min(this.failuresInRow, 10))
    this.failuresInRow++
    if (askedRestMs === undefined) this.#restUntilMs = Math.max(this.#restUntilMs, nowMs + growingMs)
    else this.#askedUntilMs = Math.max(this.#askedUntilMs, nowMs + Math.min(askedRestMs, askedRestMsMax))
  }

  /** These are set for it from now on; null: it is asked. */
  offer(models: readonly string[] | null): void {
    this.options = { ...this.options, models: models ? [...models] : undefined }
    if (models) this.models = new Set(models)
    this.isKnown ||= models !== null
    this.onKnown()
  }

  /** Takes in what it says of itself; `models` is null when it has no list. */
  learn(models: Iterable<string> | null, kind: UpstreamKind | null): void {
    if (!this.options.kind && kind) this.kind = kind
    if (!models) return
    if (!this.options.models) this.models = new Set(models)
    const isNews = !this.isKnown
    this.isKnown = true
    if (isNews) this.onKnown()
  }
}

const spokenSets = Object.fromEntries(kinds.map((kind) => [kind, new Set<Route>(spokenByKind[kind])])) as Record<
  UpstreamKind,
  Set<Route>
>
