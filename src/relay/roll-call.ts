/** The roll call: asks every upstream now and then what it offers, and whether one that fell silent is back. */
import { toFault } from '../fault/fault.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Credentials, Findings } from './wire/probe.ts'

export type Probe = (base: URL, credentials: Credentials, timeoutMs: number) => Promise<Findings>

const downPeriodMs = 1000
const upPeriodMs = 15_000
const probeMs = 3000
/** The start waits this long for slow ones; they are taken in when they answer. */
const startMs = 1500

const unlistedWords =
  'it answers, but shows no list of models: check the URL (most end in /v1) and the key, or name its `models` in the configuration'

export class RollCall implements Disposable {
  #clock: Clock
  #fleet: Fleet
  #probe: Probe
  #log: Log
  #timers = new Map<Upstream, Timer>()
  /** What was last said of each, so that a change is told, and only a change. */
  #told = new Map<Upstream, string>()
  #isOver = false

  constructor(clock: Clock, fleet: Fleet, probe: Probe, log: Log) {
    this.#clock = clock
    this.#fleet = fleet
    this.#probe = probe
    this.#log = log
  }

  /** Asks all; resolves when each has answered or failed, or after a moment. Goes on asking by itself afterwards. */
  async start(): Promise<void> {
    for (const upstream of this.#fleet.upstreams) upstream.onDown = () => this.#askSoon(upstream, downPeriodMs)
    const asked = Promise.all(this.#fleet.upstreams.map((upstream) => this.#ask(upstream)))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    using _ = this.#clock.after(startMs, resolve)
    await Promise.race([asked, late])
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const timer of this.#timers.values()) timer.cancel()
  }

  #isNews(upstream: Upstream, state: string): boolean {
    const isNews = this.#told.get(upstream) !== state
    this.#told.set(upstream, state)
    return isNews
  }

  async #ask(upstream: Upstream): Promise<void> {
    const { name, url, key } = upstream
    try {
      const { models, kind } = await this.#probe(url, { kind: upstream.kind, key }, probeMs)
      if (this.#isOver) return
      upstream.learn(models, kind)
      if (!upstream.isKnown) throw new Error(unlistedWords)
      upstream.succeed()
      const facts = { upstream: name, kind: upstream.kind, models: [...upstream.models].slice(0, 20) }
      if (this.#isNews(upstream, 'up')) this.#log.info(facts, 'upstream is up')
    } catch (thrown) {
      if (this.#isOver) return
      upstream.fail('HF_NO_UPSTREAM')
      const { detail } = toFault(thrown)
      if (this.#isNews(upstream, detail)) this.#log.warn({ upstream: name, detail }, 'upstream is down')
    }
    this.#askSoon(upstream, upstream.lastFault === null ? upPeriodMs : downPeriodMs)
  }

  /** The next question, in place of the one that was to come. */
  #askSoon(upstream: Upstream, afterMs: number): void {
    if (this.#isOver) return
    this.#timers.get(upstream)?.cancel()
    this.#timers.set(
      upstream,
      this.#clock.after(afterMs, () => void this.#ask(upstream)),
    )
  }
}
