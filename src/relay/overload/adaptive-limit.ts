/**
 * How much work a server is given at once: a limit that finds its own height. Its signal is the time that a first
 * token took beyond what it takes unloaded, so that calls of all sizes can be compared; times the pace of the server,
 * it is the work that waits inside it. Pure: time comes with each sample.
 *
 * The idea is that of TCP Vegas (Brakmo & Peterson 1994; Netflix's `VegasLimit`): keep a little queue inside the
 * server, so that it never idles, and no more. But after a fall only calls that were sent later count, since what is
 * queued inside takes its time to go away.
 */
import { median } from '../../ground/theil-sen.ts'

export interface LimitRange {
  readonly initial: number
  readonly min: number
  readonly max: number
}

/** What one call tells of the server. */
export interface LimitSample {
  /** How much longer than unloaded its first token took, or takes already; milliseconds. */
  readonly waitMs: number
  /** The same as a factor; 1 is unloaded. */
  readonly congestion: number
  /** What a call is counted as on average. */
  readonly callSize: number
  /** Work that the server had when the call was sent, and when that was. */
  readonly inFlight: number
  readonly sentMs: number
}

/** A window closes after this, if it has samples enough; one with few is kept open longer. */
const windowMs = 1000
const windowMsMax = 10_000
const windowSamples = 10
const samplesMax = 256
/** Congestion up to here is the little queue that is wanted. */
const tolerance = 2.5
/** Until it has met its first congestion it doubles with each window that uses it, and windows are short. */
const startWindowMs = 250
/**
 * What a window without congestion adds from then on: so many times the root of the limit, in calls. Several workers at
 * one server come to equal shares only if the one that has more adds less for its size (Chiu & Jain 1989).
 */
const growth = 0.25
/** So many times the root of what is used, in calls, may wait inside anyway: of several workers the largest yields. */
const waitingMin = 0.5
/** One fall leaves at least this share. */
const fallMin = 0.1
/** Of the work that waits inside, so much is taken away; some of it is chance. */
const fallGain = 0.2
/** The same where congestion is beyond doubt. */
const steepFallGain = 0.6
const steepCongestion = 6
/** The same below a height that was fine before, and from which only a refusal took it down. */
const regrowth = 0.25
/** A server that refuses work gets so much less, once a window. */
const backOffFactor = 0.7

export class AdaptiveLimit {
  /** In the unit of `inFlight`. */
  value: number
  #range: LimitRange
  #samples: LimitSample[] = []
  #beganMs = Number.NEGATIVE_INFINITY
  /** When less was given last: calls that were sent before say nothing about the limit of now. */
  #loweredMs = Number.NEGATIVE_INFINITY
  #isStarting = true
  /** Where it stood before it was refused work; 0 when congestion says more. */
  #refusedAt = 0
  /** From where it has been falling for congestion without a break; 0 when it has not. */
  #fellFrom = 0

  constructor(range: LimitRange) {
    this.#range = range
    this.value = range.initial
  }

  /** @param perSecond work that the server does; null while unknown. */
  observe(sample: LimitSample, perSecond: number | null, nowMs: number): void {
    if (!(sample.congestion >= 0) || sample.sentMs < this.#loweredMs) return
    if (this.#samples.length === 0) this.#beganMs = nowMs
    if (this.#samples.length < samplesMax) this.#samples.push(sample)
    this.close(perSecond, nowMs)
  }

  /** Draws the conclusion when the window is over; also called now and then, for no sample may come any more. */
  close(perSecond: number | null, nowMs: number): void {
    if (this.#samples.length === 0) return
    const ageMs = nowMs - this.#beganMs
    if (
      ageMs < (this.#isStarting ? startWindowMs : windowMs) ||
      (this.#samples.length < windowSamples && ageMs < windowMsMax)
    )
      return
    this.#step(perSecond, nowMs)
    this.#samples = []
  }

  /** The server refused work (429, 503), ran out of memory, or could not even be reached for want of places. */
  backOff(inFlight: number, nowMs: number): void {
    if (nowMs - this.#loweredMs < windowMs) return
    const used = Math.min(this.value, inFlight)
    this.#refusedAt = Math.max(this.#refusedAt, used)
    this.#lower(used * backOffFactor, nowMs)
  }

  /** What it has fallen by for congestion of late was no congestion. */
  forgive(): void {
    this.#refusedAt = Math.max(this.#refusedAt, this.#fellFrom)
    this.#fellFrom = 0
    this.#samples = []
  }

  #step(perSecond: number | null, nowMs: number): void {
    const inFlight = median(this.#samples.map((sample) => sample.inFlight))
    const congestion = median(this.#samples.map((sample) => sample.congestion))
    if (congestion <= tolerance) {
      // What was not used is no reason to give more.
      this.#fellFrom = 0
      if (inFlight >= this.value / 2) this.#set(this.value + this.#growth())
      return
    }
    const waitMs = median(this.#samples.map((sample) => sample.waitMs))
    const used = Math.min(this.value, inFlight)
    // A server that does nothing has no pace; then the congestion itself says how much is too much.
    const waiting = Math.max(((perSecond ?? 0) * waitMs) / 1000, used * (1 - tolerance / congestion))
    if (waiting < waitingMin * Math.sqrt(used * this.#callSize)) return
    this.#refusedAt = 0
    this.#fellFrom = Math.max(this.#fellFrom, this.value)
    const gain = congestion < steepCongestion ? fallGain : steepFallGain
    this.#lower(Math.max(used * fallMin, used - gain * waiting), nowMs)
  }

  #growth(): number {
    if (this.#isStarting) return this.value
    if (this.value < this.#refusedAt) return regrowth * this.value
    return growth * Math.sqrt(this.value * this.#callSize)
  }

  /** Nothing larger than the limit, which then is one call. */
  get #callSize(): number {
    const callSize = median(this.#samples.map((sample) => sample.callSize))
    return callSize > 0 ? Math.min(this.value, callSize) : 0
  }

  #lower(value: number, nowMs: number): void {
    this.#isStarting = false
    this.#loweredMs = nowMs
    this.#samples = []
    this.#set(Math.min(this.value, value))
  }

  #set(value: number): void {
    this.value = Math.min(this.#range.max, Math.max(this.#range.min, value))
  }
}
