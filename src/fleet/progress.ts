/**
 * Whether a server gets on with the answers it is giving us, seen over all of them. One that is silent on all for
 * longer than it ever is, without an explanation, hangs. A busy one has an explanation: prompts that it reads
 * meanwhile, ours or those of others, contexts that it has to read anew, or its own counter of steps, which goes on.
 * A question for that counter that fails, or a counter that stands still, explains nothing.
 *
 *   silence of a hung one > 2 · p99 of its gaps + 1 s + 1.5 · the time of what it may be reading
 */
import type { FaultCode } from '../fault/code.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { Crowd, type Member } from '../ground/crowd.ts'
import type { EngineGauges } from './engine-metrics.ts'
import type { Pace } from './pace.ts'
import { ReadingTime } from './reading-time.ts'

/** Prompts that an engine may read in one go beside a single longer one, tokens. */
const batchTokensMax = 16_384
/**
 * Silences shorter than this prove nothing where there is no counter of steps (parsers of tool calls hold text back),
 * or while a long prompt is read: what was known of its length may have been in the engine's cache.
 */
const silentMsMin = 3000
const longTokens = 2048
const readingFactor = 1.5
/** Above this share of its memory an engine may throw answers out and read them anew. */
const fullKvUsage = 0.9
/** What an engine told of itself is believed for so long, milliseconds. */
export const gaugesMsMax = 5000
/** For so long after it was seen to do so, it may be at it. */
const rereadMs = 10_000
/** A longer gap is a silence; a first token this soon behind its end ended it too. */
const silenceMs = 100
/** What comes within this is of one step, perhaps. */
const stepMsMin = 500
/** A timer that comes so much too late tells of a process that was held up. */
const lateMsMin = 200
/** The limit may become shorter while answers are under way: it is looked at this often. */
const watchMsMax = 250

/** What is asked of whoever has an answer under way. */
export type OnHung = (silentMs: number) => void

export class Progress {
  readonly reading = new ReadingTime()
  /** Set by who asks for the engine's counter: it would be good to know now. */
  onSuspect: () => void = () => {}
  /** Set by who owns this: the server hangs. Told before its answers are. */
  onHung: () => void = () => {}
  #clock: Clock
  #pace: Pace
  #gauges: EngineGauges | null = null
  /** It has a counter of steps, which was read at least once. */
  #hasSteps = false
  #speaking = new Crowd<ProgressShare>()
  #awaited = new Crowd<ProgressShare>()
  /** When the last token of any answer came. */
  #lastMs = Number.NEGATIVE_INFINITY
  /** From when on the silence counts: since then, or since the engine was seen to get on. */
  #sinceMs = 0
  /** When the counter was last seen to have moved during the silence. */
  #movedMs = Number.NEGATIVE_INFINITY
  /** When it was last seen to have thrown answers out. */
  #thrownMs = Number.NEGATIVE_INFINITY
  #gapMs = 0
  #gapEndMs = Number.NEGATIVE_INFINITY
  #timer: Timer | null = null
  #suspicions = 0

  constructor(clock: Clock, pace: Pace) {
    this.#clock = clock
    this.#pace = pace
  }

  /** A prompt of about so many tokens is sent. `isStream`: the answer tells when it has been read. */
  expect(promptTokens: number, isStream = true): ProgressShare {
    const nowMs = this.#clock.monotonicMs()
    const readMs = isStream ? Number.POSITIVE_INFINITY : 3 * (this.reading.expectedMs(promptTokens) ?? 0) + silentMsMin
    const share = new ProgressShare(this, promptTokens, nowMs, nowMs + readMs)
    share.moveTo(this.#awaited)
    return share
  }

  /** What the engine tells of itself. */
  learn(gauges: EngineGauges): void {
    const before = this.#gauges
    this.#gauges = gauges
    this.#hasSteps ||= gauges.isStepwise
    if (before && before.preemptions !== gauges.preemptions) this.#thrownMs = gauges.atMs
    // Both numbers are of the silence only if both were asked for in it.
    if (before && before.askedMs >= this.#lastMs && before.progress !== gauges.progress) this.#movedMs = gauges.atMs
  }

  /** For so long no answer has got on. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#lastMs
  }

  /** True when no answer has got on since then; the tokens of one step may be heard one after the other. */
  isSilentSince(sinceMs: number): boolean {
    return this.#lastMs <= sinceMs + Math.max(stepMsMin, 2 * (this.#pace.p99Ms ?? 0))
  }

  /** A token has come, or its counter has moved, within what is a silence here. */
  get isAlive(): boolean {
    return this.#clock.monotonicMs() - Math.max(this.#lastMs, this.#movedMs) < Math.max(silentMsMin, this.limitMs ?? 0)
  }

  /**
   * Whether the failure of one call says nothing against the server, since it gets on with others: it is busy, or has
   * lost one. `sinceMs`: when that call got on last.
   */
  excuses(code: FaultCode, sinceMs: number): boolean {
    if (code === 'HF_UPSTREAM_STALLED') return !this.isSilentSince(sinceMs)
    return (code === 'HF_FIRST_TOKEN_TIMEOUT' || code === 'HF_CONNECT_TIMEOUT') && this.isAlive
  }

  /** What the engine tells of itself, and whether it got on since then, in words; empty where it tells nothing. */
  engineWords(sinceMs: number): string {
    const gauges = this.#fresh
    if (gauges === null) return ''
    const hand = `${gauges.running} running, ${gauges.waiting} waiting`
    return this.#movedMs > sinceMs ? `, though the engine got on (${hand})` : ` (the engine: ${hand})`
  }

  /** How long the server may be silent on all its answers; null while that cannot be told. */
  get limitMs(): number | null {
    const p99Ms = this.#pace.p99Ms
    const readingMs = this.#readingMs()
    if (p99Ms === null || readingMs === null) return null
    const baseMs = 2 * p99Ms + 1000
    const isSure = this.#hasSteps && this.#ownTokens() < longTokens
    return (isSure ? baseMs : Math.max(silentMsMin, baseMs)) + readingFactor * readingMs
  }

  /**
   * How long one answer may be silent, within `limitMs`: as its pace says, but as long as the whole server is
   * silent with it, for as long as that is explained. One that was thrown out of the memory waits for a place.
   */
  stallMs(sinceMs: number, limitMs: number): number {
    const stallMs = this.#pace.stallMs(limitMs)
    if (this.#isShort) return limitMs
    if (!this.isSilentSince(sinceMs)) return stallMs
    if (this.#movedMs > sinceMs) return limitMs
    return Math.min(limitMs, Math.max(stallMs, this.limitMs ?? limitMs))
  }

  /** How long what it may be reading takes; null when that cannot be told. */
  #readingMs(): number | null {
    const tokens = this.#ownTokens()
    const ownMs = tokens === 0 ? 0 : this.reading.expectedMs(tokens)
    const othersMs = this.#hasOthers ? this.reading.longestMs : 0
    return ownMs === null || othersMs === null ? null : Math.max(ownMs, othersMs)
  }

  /**
   * Tokens of ours that it may be reading in one step: one long prompt, or several short ones; when its memory is short
   * also the answers that have begun.
   */
  #ownTokens(): number {
    let tokens = 0
    let longest = 0
    const nowMs = this.#clock.monotonicMs()
    for (const { promptTokens, readByMs } of this.#awaited) {
      if (readByMs < nowMs) continue
      tokens += promptTokens
      longest = Math.max(longest, promptTokens)
    }
    if (this.#isShort) for (const { contextTokens } of this.#speaking) tokens += contextTokens
    return Math.max(longest, Math.min(tokens, batchTokensMax))
  }

  /** What it told, unless it has told nothing since: no answer explains nothing. */
  get #fresh(): EngineGauges | null {
    const gauges = this.#gauges
    return gauges && this.#clock.monotonicMs() - gauges.atMs < gaugesMsMax ? gauges : null
  }

  /** Its memory is full, or was a moment ago. */
  get #isShort(): boolean {
    const gauges = this.#fresh
    if (gauges === null) return false
    return (gauges.kvUsage ?? 0) >= fullKvUsage || this.#clock.monotonicMs() - this.#thrownMs < rereadMs
  }

  /** The engine had more in hand than we sent it: others read there too. */
  get #hasOthers(): boolean {
    const gauges = this.#fresh
    return gauges !== null && gauges.waiting + gauges.running > gauges.ownCalls
  }

  // ---- for the shares

  begin(share: ProgressShare): void {
    const nowMs = this.#clock.monotonicMs()
    share.moveTo(this.#speaking)
    this.#learnReading(share, nowMs)
    this.token(nowMs)
    if (!this.#timer) this.#watch(nowMs)
  }

  token(nowMs: number): void {
    const gapMs = nowMs - this.#sinceMs
    this.#lastMs = this.#sinceMs = nowMs
    this.#suspicions = 0
    if (gapMs < silenceMs) return
    this.#gapMs = gapMs
    this.#gapEndMs = nowMs
  }

  leave(share: ProgressShare): void {
    share.moveTo(null)
    if (this.#speaking.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
  }

  #learnReading({ promptTokens, sentMs }: ProgressShare, nowMs: number): void {
    let silentMs = nowMs - Math.max(sentMs, this.#sinceMs)
    // A step that ends gives tokens to others as well, and they may have been heard first.
    if (nowMs - this.#gapEndMs < silenceMs) silentMs = Math.max(silentMs, Math.min(this.#gapMs, nowMs - sentMs))
    this.reading.observe(promptTokens, silentMs)
  }

  // ---- the watch, while answers are under way

  /** One lazy timer: tokens do not move it, it asks when it fires how long the silence has been. */
  #watch(nowMs: number): void {
    const waitMs = this.#waitMs(nowMs)
    this.#timer = this.#clock.after(waitMs, () => this.#check(nowMs + waitMs))
  }

  /** Until half of the limit, three quarters of it, and all of it: twice the counter is asked for in between. */
  #waitMs(nowMs: number): number {
    const { limitMs } = this
    if (limitMs === null) return watchMsMax
    const part = [0.5, 0.75, 1][this.#suspicions] ?? 1
    return Math.min(watchMsMax, Math.max(1, this.#sinceMs + part * limitMs - nowMs))
  }

  /** `dueMs`: when it was to be called. What this process was late by is no silence of the server's. */
  #check(dueMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    this.#timer = null
    if (nowMs - dueMs > lateMsMin) this.#sinceMs = Math.min(nowMs, this.#sinceMs + (nowMs - dueMs))
    const { limitMs } = this
    if (limitMs === null || this.#waitMs(nowMs) > 1) return this.#watch(nowMs)
    if (this.#suspicions < 2) {
      this.#suspicions++
      this.onSuspect()
      return this.#watch(nowMs)
    }
    this.#clock.soon(() => this.#judge()) // what has come meanwhile is read first
  }

  #judge(): void {
    if (this.#speaking.size === 0 || this.#timer) return
    const nowMs = this.#clock.monotonicMs()
    if (this.#movedMs > this.#sinceMs) {
      this.#sinceMs = this.#movedMs
      this.#suspicions = 0
    }
    const { limitMs } = this
    const silentMs = nowMs - this.#sinceMs
    if (limitMs === null || silentMs < limitMs) return this.#watch(nowMs)
    const speaking = [...this.#speaking]
    for (const share of speaking) share.moveTo(null)
    this.onHung()
    for (const share of speaking) share.tellHung(Math.round(silentMs))
  }
}

/** One call's part of it. */
export class ProgressShare implements Member {
  place = 0
  readonly promptTokens: number
  readonly sentMs: number
  /** After that its prompt has been read, by all experience, and it is being answered unseen. */
  readonly readByMs: number
  #progress: Progress
  #onHung: OnHung = () => {}
  #crowd: Crowd<ProgressShare> | null = null
  #tokens = 0
  #isOver = false

  constructor(progress: Progress, promptTokens: number, sentMs: number, readByMs: number) {
    this.#progress = progress
    this.promptTokens = promptTokens
    this.sentMs = sentMs
    this.readByMs = readByMs
  }

  /** Those whose prompt is read, those that are answered, or neither. */
  moveTo(crowd: Crowd<ProgressShare> | null): void {
    this.#crowd?.remove(this)
    this.#crowd = crowd
    crowd?.add(this)
  }

  /** The first content has come; from here on the server is expected to get on with it. */
  begin(onHung: OnHung): void {
    if (this.#isOver) return
    this.#onHung = onHung
    this.#progress.begin(this)
  }

  /** Of prompt and answer together. */
  get contextTokens(): number {
    return this.promptTokens + this.#tokens
  }

  /** More of it has come. */
  token(nowMs: number): void {
    this.#tokens++
    this.#progress.token(nowMs)
  }

  /** It has ended, one way or another. A second time does nothing. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#progress.leave(this)
  }

  tellHung(silentMs: number): void {
    if (!this.#isOver) this.#onHung(silentMs)
  }
}
