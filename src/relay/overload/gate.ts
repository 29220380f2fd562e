/**
 * How much one server is given at once. Work is counted in tokens: what is still to be written for its calls, and what
 * is still to be read, at the price of reading; and beside that in calls. There is room while either measure says so:
 * what an engine is short of differs, and a limit that is too high is found out within seconds. A server that has
 * nothing in hand always has room for one call.
 */
import type { CallSize, Load, LoadShare } from '../../fleet/load.ts'
import { prefillWeightDefault, type Speed } from '../../fleet/speed.ts'
import { Crowd, type Member } from '../../ground/crowd.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import type { OverloadOptions } from './overload-options.ts'
import { Throughput } from './throughput.ts'

/** What the gate has to know of its server. */
export interface GateSubject {
  readonly load: Load
  /** Calls of all its callers that wait inside it now, where it tells; else null. */
  readonly waitingInside: number | null
  /** Calls of others that it has now, as far as one knows. */
  readonly callsElsewhere: number
}

/** Given at first, while nothing is known: so many calls of so many tokens. */
const callsFirst = 16
const workFirst = 300
const tokensMax = 1e9
/** Times so short are noise: a call that comes in the middle of a step of the engine waits for its end. */
const slackMsMin = 20
/** Waited so many times as long as usual: that is congestion, however long it will be in the end. */
const overdueFactor = 4
/** So many may wait inside, beside a share of what runs there, for it never to idle. */
const waitingInsideMax = 2
const waitingInsideShare = 0.25
/** No engine lets so many wait: gauges say all kinds of things. */
const waitingInsideAbsurd = 1e6

/** Weight of the newest call in that average. */
const callWorkNewest = 0.1
/** From this share of refusals on it is short of places. */
const refusedShareMin = 0.1

/** A call that was sent through a gate. */
interface Sent extends Member {
  readonly speed: Speed
  readonly size: CallSize
  readonly atMs: number
  /** Calls of ours and of others, prompt tokens to be read, and work in hand when it was sent. */
  readonly others: number
  readonly elsewhere: number
  readonly aheadTokens: number
  readonly work: number
  isOverdue: boolean
  /** Its first token is awaited. */
  isPending: boolean
}

export class Gate {
  /** In tokens: what an engine is short of whose memory or arithmetic is the bottleneck. */
  readonly limit: AdaptiveLimit
  /** The same in calls: what an engine with few places for sequences is short of. */
  readonly callsLimit: AdaptiveLimit
  #subject: GateSubject
  #options: OverloadOptions
  #prefillWeight = prefillWeightDefault
  /** Those whose first token is awaited; no Set, see `ground/crowd.ts`. */
  #pending = new Crowd<Sent>()
  /** What it does while it has anything in hand. */
  #pace = new Throughput()
  #writtenSeen = 0
  #readSeen = 0
  /** What a call is counted as, on average. */
  #callWork = workFirst
  /** Calls that it took, and that it refused. */
  #taken = new Throughput()
  #refused = new Throughput()

  constructor(subject: GateSubject, options: OverloadOptions) {
    this.#subject = subject
    this.#options = options
    const initial = workFirst * Math.min(options.callsMax, callsFirst)
    this.callsLimit = new AdaptiveLimit({ initial: callsFirst, min: 1, max: options.callsMax })
    this.limit = new AdaptiveLimit({ initial, min: 1, max: tokensMax })
  }

  /** Tokens in hand. */
  get work(): number {
    const { decodeTokens, prefillTokens } = this.#subject.load
    return decodeTokens + this.#prefillWeight * prefillTokens
  }

  /** The tokens that a call is counted as. */
  workOf({ promptTokens, outputTokens }: CallSize): number {
    return outputTokens + this.#prefillWeight * promptTokens
  }

  get hasRoom(): boolean {
    const { limits, callsMax } = this.#options
    const { load, waitingInside } = this.#subject
    if (limits === 'off' || load.calls === 0) return true
    if (load.calls >= callsMax) return false
    if (limits === 'fixed') return true
    const insideMax = waitingInsideMax + waitingInsideShare * load.calls
    if (waitingInside !== null && waitingInside > insideMax && waitingInside < waitingInsideAbsurd) return false
    return this.work < this.limit.value || load.calls < this.callsLimit.value
  }

  /** Calls that it is given at once, whatever their size. */
  get callsAtOnce(): number {
    const { limits, callsMax } = this.#options
    if (limits === 'off') return Number.POSITIVE_INFINITY
    return limits === 'fixed' ? callsMax : Math.min(callsMax, this.callsLimit.value)
  }

  /** What it has in hand as a share of what it is given at once; 0 where it is given all. */
  get saturation(): number {
    const { limits, callsMax } = this.#options
    const { calls } = this.#subject.load
    if (limits === 'off') return 0
    if (limits === 'fixed') return calls / callsMax
    return Math.max(calls / callsMax, Math.min(this.work / this.limit.value, calls / this.callsLimit.value))
  }

  /**
   * A call is sent: the passage is told how it goes. `isStream`: a first token is awaited; an answer in one piece takes
   * as long as it is long, which is known when it is there.
   */
  enter(speed: Speed, size: CallSize, nowMs: number, isStream = true): Passage {
    const { load, callsElsewhere } = this.#subject
    const sent: Sent = {
      speed,
      size,
      atMs: nowMs,
      others: load.calls,
      elsewhere: callsElsewhere,
      aheadTokens: load.prefillTokens,
      work: this.work,
      isOverdue: false,
      isPending: isStream,
      place: 0,
    }
    this.#taken.run(nowMs)
    this.#refused.run(nowMs)
    if (isStream) this.#pending.add(sent)
    return new Passage(this, sent, load.begin(size))
  }

  /** For its passage: the first token is there. */
  spoke(sent: Sent, nowMs: number): void {
    if (!sent.isPending) return
    this.left(sent)
    this.#taken.add(1, nowMs)
    const { speed, size, atMs, aheadTokens } = sent
    this.#prefillWeight = speed.prefillWeight(this.#subject.load.calls)
    if (!sent.isOverdue) this.#observe(sent, nowMs)
    // What was sent before and not read yet had to be read as well.
    const { promptTokens } = size
    const isSlower = speed.observeFirstToken(promptTokens, nowMs - atMs, this.#othersOf(sent), aheadTokens)
    if (isSlower) this.#forgive()
  }

  /** For its passage: it is over, with or without a first token. */
  left(sent: Sent): void {
    if (sent.isPending) this.#pending.remove(sent)
    sent.isPending = false
  }

  /** For its passage: an answer in one piece has come. */
  answered(sent: Sent, outputTokens: number, nowMs: number): void {
    this.#taken.add(1, nowMs)
    const { speed, atMs, others } = sent
    const unloadedMs = speed.wholeMs(outputTokens)
    const tookMs = nowMs - atMs
    if (speed.observeWhole(outputTokens, tookMs, this.#othersOf(sent))) this.#forgive()
    if (unloadedMs !== null) this.#tell(sent, tookMs, unloadedMs * speed.slowdown(others + 1), nowMs)
  }

  /**
   * The server refused work for want of places. One refusal among many answers says nothing of its places: a proxy in
   * between, or one of several engines behind one address, may have had a bad moment.
   */
  backOff(nowMs: number): void {
    this.#refused.add(1, nowMs)
    const refused = this.#refused.perSecond(nowMs) ?? 1
    const taken = this.#taken.perSecond(nowMs) ?? 0
    if (refused < refusedShareMin * (refused + taken)) return
    this.limit.backOff(this.work, nowMs)
    this.callsLimit.backOff(this.#subject.load.calls, nowMs)
  }

  /** Several times a second: a first token that is overdue need not be awaited to know that there is congestion. */
  look(nowMs: number): void {
    const { calls, readTokens, writtenTokens } = this.#subject.load
    // Each token at the price of today: the price changes all the time, and they are many since the start.
    const read = this.#prefillWeight * (readTokens - this.#readSeen)
    this.#pace.add(Math.max(0, writtenTokens - this.#writtenSeen + read), nowMs)
    this.#writtenSeen = writtenTokens
    this.#readSeen = readTokens
    if (calls > 0) this.#pace.run(nowMs)
    else this.#pace.pause(nowMs)
    for (const sent of this.#pending) {
      if (sent.isOverdue || !this.#isOverdue(sent, nowMs)) continue
      sent.isOverdue = true
      this.#observe(sent, nowMs)
    }
    this.#closeWindows(nowMs)
  }

  /** Calls that were there beside it. What others have is known late: what came to light meanwhile counts as well. */
  #othersOf({ others, elsewhere }: Sent): number {
    return others + Math.max(elsewhere, this.#subject.callsElsewhere)
  }

  /** The server is slower than it was: what was taken for congestion was none. */
  #forgive(): void {
    this.limit.forgive()
    this.callsLimit.forgive()
  }

  #closeWindows(nowMs: number): void {
    this.limit.close(this.#pace.perSecond(nowMs), nowMs)
    this.callsLimit.close(this.#callsPerSecond(nowMs), nowMs)
  }

  #callsPerSecond(nowMs: number): number | null {
    const perSecond = this.#pace.perSecond(nowMs)
    return perSecond === null ? null : perSecond / Math.max(1, this.#callWork)
  }

  #observe(sent: Sent, nowMs: number): void {
    const { speed, size, atMs } = sent
    const unloadedMs = speed.firstTokenMs(size.promptTokens)
    if (unloadedMs !== null) this.#tell(sent, nowMs - atMs, unloadedMs, nowMs)
  }

  #tell(sent: Sent, tookMs: number, usualMs: number, nowMs: number): void {
    const { speed, size, atMs, others, work } = sent
    const signal = {
      waitMs: Math.max(0, tookMs - usualMs),
      congestion: congestionOf(speed, tookMs, usualMs),
      sentMs: atMs,
    }
    this.#callWork += callWorkNewest * (this.workOf(size) - this.#callWork)
    this.limit.observe({ ...signal, inFlight: work, callSize: this.#callWork }, this.#pace.perSecond(nowMs), nowMs)
    this.callsLimit.observe({ ...signal, inFlight: others + 1, callSize: 1 }, this.#callsPerSecond(nowMs), nowMs)
  }

  #isOverdue({ speed, size, atMs }: Sent, nowMs: number): boolean {
    const usualMs = speed.firstTokenMs(size.promptTokens)
    return usualMs !== null && congestionOf(speed, nowMs - atMs, usualMs) >= overdueFactor
  }
}

/** How many times as long as unloaded it took. */
function congestionOf(speed: Speed, tookMs: number, usualMs: number): number {
  const slackMs = Math.max(slackMsMin, 2 * (speed.gapMs(1) ?? 0))
  return (tookMs + slackMs) / (usualMs + slackMs)
}

/** One call's way through a gate, and its share of the load behind it. */
export class Passage {
  /** Set by who wants to know that there is room again. */
  onRoom: () => void = () => {}
  #gate: Gate
  #sent: Sent
  #share: LoadShare

  constructor(gate: Gate, sent: Sent, share: LoadShare) {
    this.#gate = gate
    this.#sent = sent
    this.#share = share
  }

  /** Of the call, as expected before it. */
  get promptTokens(): number {
    return this.#sent.size.promptTokens
  }

  /** Calls that its server had when it was sent, of ours and of others. */
  get callsBefore(): number {
    return this.#sent.others + this.#sent.elsewhere
  }

  firstToken(nowMs: number): void {
    this.#share.firstToken()
    this.#gate.spoke(this.#sent, nowMs)
    this.onRoom()
  }

  progress(tokens: number): void {
    this.#share.progress(tokens)
  }

  /** An answer in one piece is there. */
  answered(outputTokens: number, nowMs: number): void {
    this.#share.whole(outputTokens)
    this.#gate.answered(this.#sent, outputTokens, nowMs)
  }

  end(): void {
    this.#share.end()
    this.#gate.left(this.#sent)
    this.onRoom()
  }
}
