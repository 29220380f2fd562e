/**
 * Asks the inference engines behind the upstreams how much they have in hand, once a second, in a slow loop beside the
 * calls. What has no such page is asked again rarely; a page that makes no sense, or never ends, changes nothing.
 */
import { type EngineReading, readEngineMetrics, readSlots } from '../fleet/engine-metrics.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { UpstreamKind } from '../fleet/upstream-kind.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { Page, PageSource } from './wire/metrics-scrape.ts'

const periodMs = 1000
/** While it does not answer: the period doubles up to this. */
const failedMsMax = 15_000
/** Where there is nothing of the kind, it is looked for again after so long. */
const absentMs = 10 * 60_000
/** Kinds that have no such page. Their kind may be found out later, by the roll call. */
const without: ReadonlySet<UpstreamKind> = new Set(['openai', 'anthropic', 'mistral', 'deepseek', 'ollama', 'lmstudio'])
const kindMs = 15_000

/** What is known of the pages of one server. */
interface Watched {
  readonly upstream: Upstream
  timer: Timer | null
  isAsking: boolean
  /** It has told something at least once. */
  wasSeen: boolean
  failuresInRow: number
  /** llama.cpp tells of its slots also where its metrics are turned off. */
  usesSlots: boolean
  /** How many requests llama.cpp works on at once; null before it was asked. */
  slots: number | null
}

export class EngineWatch implements Disposable {
  #clock: Clock
  #fleet: Fleet
  #pages: PageSource
  #log: Log
  #watched = new Map<Upstream, Watched>()
  #isOver = false

  constructor(clock: Clock, fleet: Fleet, pages: PageSource, log: Log) {
    this.#clock = clock
    this.#pages = pages
    this.#log = log
    this.#fleet = fleet
  }

  /** Asks all for the first time, and goes on by itself. */
  start(): void {
    for (const upstream of this.#fleet.upstreams) this.add(upstream)
  }

  /** One more is there. */
  add(upstream: Upstream): void {
    if (upstream.options.metrics === false) return
    const unknown = { isAsking: false, wasSeen: false, failuresInRow: 0, usesSlots: false, slots: null }
    const watched: Watched = { upstream, timer: null, ...unknown }
    this.#watched.set(upstream, watched)
    upstream.progress.onSuspect = () => {
      if (watched.wasSeen) this.#askNow(watched)
    }
    this.#askNow(watched)
  }

  /** It is no more. */
  forget(upstream: Upstream): void {
    this.#watched.get(upstream)?.timer?.cancel()
    this.#watched.delete(upstream)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const { timer } of this.#watched.values()) timer?.cancel()
  }

  #askNow(watched: Watched): void {
    if (this.#isOver || watched.upstream.hasLeft || watched.isAsking) return
    watched.timer?.cancel()
    if (without.has(watched.upstream.kind) && !watched.upstream.options.metrics) return this.#askIn(watched, kindMs)
    watched.isAsking = true
    void this.#ask(watched).then((waitMs) => {
      watched.isAsking = false
      if (!this.#isOver && !watched.upstream.hasLeft) this.#askIn(watched, waitMs)
    })
  }

  #askIn(watched: Watched, waitMs: number): void {
    watched.timer = this.#clock.after(waitMs, () => this.#askNow(watched))
  }

  /** One question; how long to wait until the next. */
  async #ask(watched: Watched): Promise<number> {
    const { upstream, usesSlots } = watched
    const askedMs = this.#clock.monotonicMs()
    try {
      const page = await this.#pages.fetch(pageUrl(upstream, usesSlots ? '/slots' : '/metrics'), headersOf(upstream))
      const reading = readPage(page, usesSlots)
      if (!reading) return this.#absent(watched, page)
      if (this.#isOver) return 0
      upstream.learnEngine({ ...reading, slots: reading.slots ?? (await this.#slots(watched)) }, askedMs)
    } catch {
      // It tells less than silence: whether the server lives is for calls and the roll call to find out.
      return Math.min(failedMsMax, periodMs * 2 ** Math.min(10, watched.failuresInRow++))
    }
    if (!watched.wasSeen) this.#log.info({ upstream: upstream.name }, 'the engine tells of itself')
    watched.wasSeen = true
    watched.failuresInRow = 0
    return periodMs
  }

  /** It answers, but says nothing of use. */
  #absent(watched: Watched, { status }: Page): number {
    if (watched.upstream.kind === 'llamacpp' && !watched.wasSeen && !watched.usesSlots) {
      watched.usesSlots = true
      return 0
    }
    watched.usesSlots = false
    // It is starting, or somebody answers in its place.
    const isForNow = status === 429 || (status >= 500 && status !== 501)
    if (watched.wasSeen || isForNow) return Math.min(failedMsMax, periodMs * 2 ** Math.min(10, watched.failuresInRow++))
    // Of others nobody expects it.
    if (watched.failuresInRow++ === 0 && watched.upstream.kind !== 'compatible')
      this.#log.info({ upstream: watched.upstream.name, status }, 'the engine does not tell of itself')
    return absentMs
  }

  /** Asked once; its number of slots does not change while it runs. */
  async #slots(watched: Watched): Promise<number | null> {
    const { upstream } = watched
    if (upstream.kind !== 'llamacpp') return null
    if (watched.slots !== null) return watched.slots || null
    const { text } = await this.#pages.fetch(pageUrl(upstream, '/props'), headersOf(upstream))
    watched.slots = Number(/"total_slots"\s*:\s*(\d{1,6})\b/.exec(text)?.[1] ?? 0)
    return watched.slots || null
  }
}

/** At the root of the server, unless the configuration says where its metrics are. */
function pageUrl({ url, options }: Upstream, path: '/metrics' | '/slots' | '/props'): URL {
  return path === '/metrics' && options.metrics ? new URL(options.metrics) : new URL(path, url)
}

/** The key is for this server, and not for wherever its metrics are otherwise. */
function headersOf({ key, url, options }: Upstream): Record<string, string> {
  const isElsewhere = options.metrics ? new URL(options.metrics).origin !== url.origin : false
  return key && !isElsewhere ? { authorization: `Bearer ${key}` } : {}
}

function readPage({ status, text }: Page, isSlots: boolean): EngineReading | null {
  if (status !== 200) return null
  return isSlots ? readSlots(text) : readEngineMetrics(text)
}
