/** What the overload bench's load process is told, and what it tells of each call: plain data, it goes by JSON. */
import type { Tier } from './workload.ts'

export interface LoadOrder {
  /** Taken in turn, without a path. */
  readonly urls: readonly string[]
  readonly seed: number
  readonly seconds: number
  /** Open loop: calls come so often, whatever becomes of them. 0: closed loop. */
  readonly callsPerSecond: number
  /** Closed loop: so many clients, each asking as soon as it has been answered. */
  readonly clients: number
  /** From the call's beginning; soon after it the client hangs up. */
  readonly deadlineSeconds: Readonly<Record<Tier, number>>
  /** Sends the time that is left as `x-request-timeout`. */
  readonly tellsDeadline: boolean
  /** A refused client waits as long as it is told, and asks again with its deadline anew, twice at most. */
  readonly isReturning: boolean
}

export type Outcome =
  /** The whole answer, right to the last byte, within its deadline. */
  | 'good'
  /** A typed error before anything of an answer. */
  | 'refused'
  /** The deadline came first. */
  | 'late'
  /** The bench ended first. */
  | 'unsettled'
  /** Anything else: cut, wrong, or an error in mid-answer. */
  | 'broken'

/** A client that came back as it was told. */
export interface Comeback {
  readonly waitedMs: number
  /** It was not refused again; who came back as the bench ended is not counted. */
  readonly isIn: boolean
}

/** Times in milliseconds from the beginning of the run. */
export interface CallRecord {
  readonly tenant: string
  readonly tier: Tier
  readonly atMs: number
  /** How much later than planned it was sent: the load client's own fault. */
  readonly lagMs: number
  readonly outcome: Outcome
  /** Fault code or what was wrong; null when good. */
  readonly code: string | null
  readonly firstTokenMs: number | null
  readonly endMs: number
  /** Of the answer, as far as it came. */
  readonly tokens: number
  /** How long the first refusal took to come; null when there was none. */
  readonly refusedInMs: number | null
  /** What the first refusal said; null when it said nothing. */
  readonly retryAfterMs: number | null
  readonly comebacks: readonly Comeback[]
}

/** The last line of the load process. */
export interface LoadEnd {
  readonly cpuMs: number
}
