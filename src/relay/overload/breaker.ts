/**
 * The circuit breaker of one model at one upstream: pure, moments and verdicts in, a standing out. It opens when calls
 * fail in a row or too large a share of them does, is out for a while that doubles, and returns only by a generated
 * token, at first with a small share of the calls. It never forbids: who chooses may take what is out when nobody else
 * is there.
 */
import { Tally } from './tally.ts'
import type { Verdict } from './verdict.ts'

export interface BreakerRules {
  /** Failures in a row that open it. */
  readonly failuresInRow: number
  /** Out for so long at first, doubling each time up to the maximum; milliseconds. */
  readonly openMs: number
  readonly openMsMax: number
}

/** Of at least so many calls within a minute, more than this share failed: it opens. */
const callsMin = 20
const failureShare = 0.5
/** On its return it is watched more closely: this part of the failures is enough. */
const rampStrictness = 0.5
/** The shares of its weight after a return, each for a third of the time: a cold cache is not hit by all calls. */
const rampShares = [0.1, 0.25, 0.5] as const
export const rampMs = 60_000
/** It is asked for a token so often while it is out, the last time at the end. */
const asksPerOpening = 3
/** Answers that break within so long of each other, and were under way together, were broken by one event. */
const eventMs = 1000
/** A real call that is its trial is waited for so long; then another may be. */
const trialMsMax = 120_000

/**
 * `closed`: in full use; `open`: out; `ripe`: out, and its time is over, so the next token lets it return; `ramp`: back
 * with a part of its share.
 */
export type Phase = 'closed' | 'open' | 'ripe' | 'ramp'

/** Why it opened, for metrics. */
export type Why = 'row' | 'share' | 'probe' | 'outlier'
export type Change = 'opened' | 'returned' | null

/** The end of a call. Milliseconds; null where it is not known. */
export interface Ending {
  readonly verdict: Verdict
  readonly beganMs: number
  readonly firstTokenMs: number | null
  readonly gapMs: number | null
  /** Of the prompt to be read; left out where it is not known. */
  readonly promptTokens?: number
  /** What failed, in the words of the table of faults. */
  readonly code: string
}

export class Breaker {
  readonly tally = new Tally()
  /** Why it was opened, in words, and why it could not return since. */
  reason = ''
  why: Why = 'row'
  /** How long it is out this time. */
  openMs = 0
  #rules: BreakerRules
  #failuresInRow = 0
  #silencesInRow = 0
  /** When the last failure of the kind that strikes many calls at once was counted. */
  #brokenMs = Number.NEGATIVE_INFINITY
  #openedMs: number | null = null
  #returnedMs = Number.NEGATIVE_INFINITY
  /** Openings of which each made the next one longer. */
  #times = 0
  /** What opened it when it was in use. */
  #firstReason = ''
  #askMs = 0
  #trialMs: number | null = null

  constructor(rules: BreakerRules) {
    this.#rules = rules
  }

  get isOut(): boolean {
    return this.#openedMs !== null
  }

  phase(nowMs: number): Phase {
    if (this.#openedMs !== null) return nowMs < this.#openedMs + this.openMs ? 'open' : 'ripe'
    return nowMs < this.#returnedMs + rampMs ? 'ramp' : 'closed'
  }

  /** The part of its weight that it gets now, above 0 to 1. */
  share(nowMs: number): number {
    if (this.#openedMs !== null) return 1
    const step = Math.floor(((nowMs - this.#returnedMs) / rampMs) * rampShares.length)
    return rampShares[step] ?? 1
  }

  /** How long its time out, or after its return the one with a part of its share, still lasts; 0 when it is over. */
  leftMs(nowMs: number): number {
    const endMs = this.#openedMs === null ? this.#returnedMs + rampMs : this.#openedMs + this.openMs
    return Math.max(0, endMs - nowMs)
  }

  /** A real call is finding out whether it generates again. */
  isOnTrial(nowMs: number): boolean {
    return this.#trialMs !== null && nowMs < this.#trialMs + trialMsMax
  }

  /** A call is sent there. */
  begin(nowMs: number): void {
    if (this.#openedMs !== null && this.phase(nowMs) === 'ripe' && !this.isOnTrial(nowMs)) this.#trialMs = nowMs
  }

  /** A first token came: it does not hang. */
  speak(): void {
    this.#silencesInRow = 0
  }

  /** A call has ended, the stream with it. */
  settle(ending: Ending, nowMs: number): Change {
    const { verdict, beganMs, firstTokenMs, gapMs, promptTokens } = ending
    if (this.#trialMs !== null && beganMs >= this.#trialMs) this.#trialMs = null
    if (verdict === 'nothing') return null
    if (this.#openedMs !== null) return this.#settleOut(ending, nowMs)
    if (verdict === 'good') {
      this.#failuresInRow = this.#silencesInRow = 0
      this.tally.addGood(nowMs, firstTokenMs, gapMs, promptTokens)
      return null
    }
    if (beganMs < this.#returnedMs) return null // tells of the time before its return
    if (verdict === 'broken') {
      const isSameEvent = beganMs <= this.#brokenMs && nowMs < this.#brokenMs + eventMs
      if (isSameEvent) return null
      this.#brokenMs = nowMs
    }
    if (verdict === 'silent') this.#silencesInRow++
    else this.#failuresInRow++
    this.tally.addBad(nowMs, verdict === 'silent')
    return this.#judge(ending, nowMs)
  }

  /** It is worse than its peers: out for `openMs` more each time. */
  eject(reason: string, nowMs: number): Change {
    if (this.#openedMs !== null) return null
    return this.#open('outlier', reason, (times) => this.#rules.openMs * times, nowMs)
  }

  /** It is to be asked for a token now. */
  wantsToken(nowMs: number): boolean {
    return this.#openedMs !== null && nowMs >= this.#askMs
  }

  /** It was away and is back, maybe as another process: worth a question at once. */
  askNow(): void {
    this.#askMs = Number.NEGATIVE_INFINITY
  }

  /** From the question nothing could be concluded. */
  askIn(waitMs: number, nowMs: number): void {
    this.#askMs = nowMs + waitMs
  }

  /** It was asked for a token, and `reason` says why none came; null when a whole answer did. */
  prove(reason: string | null, nowMs: number): Change {
    if (this.#openedMs === null) return null
    if (reason === null) return this.#return(nowMs)
    if (this.phase(nowMs) === 'ripe') return this.#open('probe', reason, this.#doubled, nowMs)
    this.#askMs = Math.min(nowMs + this.openMs / asksPerOpening, this.#openedMs + this.openMs)
    return null
  }

  #doubled = (times: number): number => this.#rules.openMs * 2 ** Math.min(times - 1, 20)

  #settleOut({ verdict, beganMs, code }: Ending, nowMs: number): Change {
    if (this.#openedMs === null || beganMs < this.#openedMs) return null
    if (verdict === 'good') return this.#return(nowMs)
    if (this.phase(nowMs) !== 'ripe') return null
    return this.#open('probe', `then a call that tried it: ${code}`, this.#doubled, nowMs)
  }

  #judge({ code }: Ending, nowMs: number): Change {
    const strictness = this.phase(nowMs) === 'ramp' ? rampStrictness : 1
    const inRow = this.#failuresInRow + this.#silencesInRow
    if (inRow >= Math.ceil(this.#rules.failuresInRow * strictness))
      return this.#open('row', `${inRow} failures in a row, the last one ${code}`, this.#doubled, nowMs)
    const { calls, failures } = this.tally.sums(nowMs)
    if (calls < callsMin * strictness || failures <= calls * failureShare) return null
    const reason = `${failures} of ${calls} calls failed within a minute, the last one by ${code}`
    return this.#open('share', reason, this.#doubled, nowMs)
  }

  #open(why: Why, reason: string, lengthMs: (times: number) => number, nowMs: number): Change {
    // It has been well for as long as it was out: that is forgotten.
    const isAgain = this.#openedMs !== null
    if (!isAgain && nowMs - this.#returnedMs - rampMs > this.openMs) this.#times = 0
    if (!isAgain) this.#firstReason = reason
    this.#times++
    this.openMs = Math.min(this.#rules.openMsMax, lengthMs(this.#times))
    this.#openedMs = nowMs
    this.#askMs = nowMs + this.openMs / asksPerOpening
    this.#trialMs = null
    this.why = why
    this.reason = isAgain ? `${this.#firstReason}; ${reason}` : reason
    this.#forget()
    return 'opened'
  }

  #return(nowMs: number): Change {
    this.#openedMs = null
    this.#trialMs = null
    this.#returnedMs = nowMs
    this.#forget()
    return 'returned'
  }

  #forget(): void {
    this.#failuresInRow = this.#silencesInRow = 0
    this.tally.clear()
  }
}
