/** What metrics read of the parts of a gateway at the moment of a scrape. */
import type { ChallengeSums } from './challenge-sums.ts'

/** What is read at the moment of a scrape. */
export interface Gauges {
  readonly callsLive: () => number
  readonly journalBytes: () => number
  readonly journalAnswers: () => number
  /** Share used of each resource that is watched, 0 to 1. */
  readonly pressure: () => Readonly<Record<string, number>>
  /** 0 while all is calm. */
  readonly pressureRung: () => number
  readonly choices: Choices
  readonly upstreams: () => Iterable<UpstreamGauges>
  readonly lines: () => Iterable<LineGauges>
  readonly retriesLeft: () => number
  /** Since the start: attempts that were not made, for want of budget. */
  readonly retriesDenied: () => number
  readonly hedgesDenied: () => number
  /** Requests that are refused for killing model servers. */
  readonly quarantined: () => number
  /** Since the start: facts that are not in the record, for they could not be written. */
  readonly recordLost: () => number
  readonly crowd: CrowdCounts
}

/** Running sums of visitors that were turned away, by why, and of challenges; and how tight the shield is. */
export interface CrowdCounts {
  readonly turnedAway: Readonly<Record<string, number>>
  readonly challenges: ChallengeSums
  readonly shieldLevel: number
}

export interface UpstreamGauges {
  readonly name: string
  readonly isUp: boolean
  readonly inFlight: number
  /** What its engine told last; null when it tells nothing. */
  readonly engine: { readonly waiting: number; readonly running: number; readonly kvUsage: number | null } | null
  /** Tokens in hand, and how many it is given at once; the same in calls. */
  readonly work: number
  readonly workMax: number
  readonly callsMax: number
  readonly keysResting: number
  readonly phase: BreakerPhase
}

/** Running sums of how upstreams were chosen. */
export interface Choices {
  readonly counts: Readonly<Record<string, number>>
  readonly promptTokens: Readonly<Record<'asked' | 'cached', number>>
}

export interface LineGauges {
  readonly pool: string
  readonly tier: string
  readonly waiting: number
  readonly heldCount: number
  readonly missedCount: number
}

/** Of a circuit breaker; the worst of the models of an upstream. */
export type BreakerPhase = 'closed' | 'ramp' | 'ripe' | 'open'
