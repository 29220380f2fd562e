/** The roll call: asks every upstream now and then what it offers, and whether one that fell silent is back. */
import { Fault, toFault } from '../fault/fault.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { CertificateTold, UpstreamFact } from '../observe/fact.ts'
import type { Log } from '../observe/log.ts'
import type { Recorder } from '../observe/recorder.ts'
import { mayBeAsked } from './overload/breakers.ts'
import { isRefused } from './token-probe.ts'
import type { Credentials, Findings } from './wire/probe.ts'

export type Probe = (base: URL, credentials: Credentials, timeoutMs: number) => Promise<Findings>

/** Asks for a few tokens; `fault` is null when they came. */
export interface TokenAsk {
  ask(upstream: Upstream, model: string, done: (proof: { readonly fault: Fault | null }) => void): void
}

const downPeriodMs = 1000
const upPeriodMs = 15_000
const probeMs = 3000
/** The start waits this long for slow ones; they are taken in when they answer. */
const startMs = 1500

const unlistedWords =
  'it answers, but shows no list of models: check the URL (most end in /v1) and the key, or name its `models` in the configuration'

export interface RollCallParts {
  readonly clock: Clock
  readonly fleet: Fleet
  readonly probe: Probe
  readonly log: Log
  readonly recorder: Recorder
  /** What certificate a server shows; null where it shows none. */
  readonly certificate: ((url: URL) => Promise<CertificateTold | null>) | null
  /** Without it, one that hung comes back when it answers a call, or lists its models. */
  readonly tokens: TokenAsk | null
}

export class RollCall implements Disposable {
  #parts: RollCallParts
  #timers = new Map<Upstream, Timer>()
  /** What was last said of each, so that a change is told, and only a change. */
  #told = new Map<Upstream, string>()
  /** The same for the record, which is told of failed calls as well. */
  #recorded = new Map<Upstream, string>()
  /** Shown last by those of which the certificate was what is wrong. */
  #certificates = new Map<Upstream, CertificateTold>()
  #isOver = false

  constructor(parts: RollCallParts) {
    this.#parts = parts
  }

  /** Asks all; resolves when each has answered or failed, or after a moment. Goes on asking by itself afterwards. */
  async start(): Promise<void> {
    const { clock, fleet } = this.#parts
    for (const upstream of fleet.upstreams) upstream.onDown = () => this.#onDown(upstream)
    const asked = Promise.all(fleet.upstreams.map((upstream) => this.#ask(upstream)))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    using _ = clock.after(startMs, resolve)
    await Promise.race([asked, late])
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const timer of this.#timers.values()) timer.cancel()
  }

  /** One more is there. */
  add(upstream: Upstream): void {
    upstream.onDown = () => this.#onDown(upstream)
    void this.#ask(upstream)
  }

  /** It is no more. */
  forget(upstream: Upstream): void {
    this.#timers.get(upstream)?.cancel()
    for (const book of [this.#timers, this.#told, this.#recorded, this.#certificates]) book.delete(upstream)
  }

  #isGone({ hasLeft }: Upstream): boolean {
    return this.#isOver || hasLeft
  }

  #onDown(upstream: Upstream): void {
    if (this.#isGone(upstream)) return
    const { log } = this.#parts
    const { isHung, lastFault } = upstream
    if (isHung && this.#isNews(upstream, 'hung'))
      log.warn({ upstream: upstream.name }, 'upstream hangs: none of its answers gets on')
    // What the roll call itself has found it tells with its reason.
    if (lastFault !== 'HF_NO_UPSTREAM')
      this.#record(upstream, { state: isHung ? 'hung' : 'down', seenBy: 'call', code: lastFault, detail: '' })
    this.#askSoon(upstream, downPeriodMs)
  }

  #record(upstream: Upstream, facts: Pick<UpstreamFact, 'state' | 'seenBy' | 'code' | 'detail'>): void {
    if (this.#isGone(upstream)) return
    const { state, seenBy, code } = facts
    const kind = state === 'up' ? state : `${state} ${seenBy} ${code}`
    if (this.#recorded.get(upstream) === kind) return
    this.#recorded.set(upstream, kind)
    const certificate = (code === 'HF_TLS_CERTIFICATE' && this.#certificates.get(upstream)) || null
    this.#parts.recorder.note({ kind: 'upstream', upstream: upstream.name, certificate, ...facts })
  }

  async #lookAtCertificate(upstream: Upstream): Promise<void> {
    const shown = await this.#parts.certificate?.(upstream.url)
    if (shown && !this.#isGone(upstream)) this.#certificates.set(upstream, shown)
  }

  #isNews(upstream: Upstream, state: string): boolean {
    const isNews = this.#told.get(upstream) !== state
    this.#told.set(upstream, state)
    return isNews
  }

  async #ask(upstream: Upstream): Promise<void> {
    const { name, url, key } = upstream
    const { log, probe } = this.#parts
    try {
      const { models, kind } = await probe(url, { kind: upstream.kind, key }, probeMs)
      if (this.#isGone(upstream)) return
      upstream.learn(models, kind)
      if (!upstream.isKnown) throw new Fault('HF_NO_UPSTREAM', { detail: unlistedWords })
      if (upstream.isHung) await this.#askForTokens(upstream)
      if (this.#isGone(upstream)) return
      upstream.appear()
      this.#certificates.delete(upstream)
      const facts = { upstream: name, kind: upstream.kind, models: [...upstream.models].slice(0, 20) }
      if (this.#isNews(upstream, 'up')) log.info(facts, 'upstream is up')
      this.#record(upstream, { state: 'up', seenBy: 'roll-call', code: null, detail: '' })
    } catch (thrown) {
      if (this.#isGone(upstream)) return
      const { code, detail } = toFault(thrown)
      // What we are short of ourselves says nothing of it.
      if (code === 'HF_QUEUE_FULL') return this.#askSoon(upstream, downPeriodMs)
      // One that speaks is too busy to list its models in time, and not down.
      if (!upstream.isHung && upstream.progress.excuses(code, 0)) return this.#askSoon(upstream, upPeriodMs)
      upstream.fail('HF_NO_UPSTREAM')
      if (this.#isNews(upstream, detail)) log.warn({ upstream: name, detail }, 'upstream is down')
      if (code === 'HF_TLS_CERTIFICATE' && !this.#certificates.has(upstream)) await this.#lookAtCertificate(upstream)
      this.#record(upstream, { state: 'down', seenBy: 'roll-call', code, detail })
    }
    this.#askSoon(upstream, upstream.lastFault === null ? upPeriodMs : downPeriodMs)
  }

  /**
   * Lists of models are given by a process that knows nothing of an engine that hangs beside it. Where tokens cost
   * money, or the question is refused (a model that does not chat, say), the next call finds out.
   */
  #askForTokens(upstream: Upstream): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const [model] = upstream.models
    const { tokens } = this.#parts
    if (!tokens || model === undefined || !mayBeAsked(upstream)) resolve()
    else tokens.ask(upstream, model, ({ fault }) => (fault && !isRefused(fault) ? reject(fault) : resolve()))
    return promise
  }

  /** The next question, in place of the one that was to come. */
  #askSoon(upstream: Upstream, afterMs: number): void {
    if (this.#isGone(upstream)) return
    this.#timers.get(upstream)?.cancel()
    this.#timers.set(
      upstream,
      this.#parts.clock.after(afterMs, () => void this.#ask(upstream)),
    )
  }
}
